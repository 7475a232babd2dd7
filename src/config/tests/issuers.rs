//! Issuers whose keys are in files, and the access key for user pools.

use super::*;

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}"#;

#[test]
fn issuers_with_their_files_are_taken() {
    let text = "[[issuers]]\nurl = 'https://a.example'\njwks_file = 'keys.json'\n\
                [[issuers]]\nurl = 'https://b.example/realms/x'\njwks_file = 'keys.json'\n";
    let config = Given::file(text).with("keys.json", KEYS).load().unwrap();
    let urls: Vec<_> = config.issuers.iter().map(|one| one.url.as_str()).collect();
    assert_eq!(urls, ["https://a.example", "https://b.example/realms/x"]);
    assert_eq!(config.issuers[0].jwks_file, Path::new("keys.json"));
}

#[test]
fn every_mistake_in_issuers_is_told_in_its_place() {
    let text = "\
[[issuers]]
url = 'https://A.example'
jwks_file = 'nowhere.json'
[[issuers]]
jwks_file = 'private.json'
colour = 'red'
[[issuers]]
url = 'https://b.example'
jwks_file = 'garbage.json'
[[issuers]]
url = 'https://c.example'
jwks_file = 'empty.json'
[[issuers]]
url = 'https://d.example'
jwks_file = 3
[[issuers]]
url = 'https://e.example'
jwks_file = 'keys.json'
[[issuers]]
url = 'https://e.example'
jwks_file = 'keys.json'
";
    let given = Given::file(text)
        .with("keys.json", KEYS)
        .with("private.json", &KEYS.replace(r#""x""#, r#""d":"AA","x""#))
        .with("garbage.json", r#"{"keys":[],"keys":[]}"#)
        .with("empty.json", r#"{"keys":[]}"#);
    let mistakes = given.mistakes();
    let places: Vec<_> = mistakes
        .iter()
        .map(|mistake| mistake.split_once(" issuers: ").unwrap())
        .collect();
    let expected = [
        ("2:7", "`https://A.example` can't be an issuer"),
        ("3:13", "the file can't be read"),
        ("4:1", "url is missing"),
        ("5:13", "the file holds a private key"),
        ("6:1", "`colour` is no setting of an issuer"),
        ("9:13", "the file holds no key set"),
        ("12:13", "the file holds no key set"),
        ("15:13", "this is a number, and must be a text"),
        ("19:1", "`https://e.example` stands here twice"),
    ];
    assert_eq!(places.len(), expected.len(), "{places:?}");
    for ((place, message), (at, begins)) in places.iter().zip(expected) {
        assert_eq!(*place, at, "{places:?}");
        assert!(message.starts_with(begins), "{message}");
    }
    for text in [
        "issuers = 'https://a.example'",
        "issuers = ['https://a.example']",
    ] {
        assert_eq!(Given::file(text).mistakes().len(), 1, "{text}");
    }
}

#[test]
fn the_key_for_user_pools_has_two_halves_and_keeps_its_secret() {
    let text =
        "[user_pools]\naccess_key_id = 'AKIAIOSFODNN7EXAMPLE'\nsecret_access_key_file = 'secret'\n";
    let given = Given::file(text).with("secret", "hunter2hunter2hunter2\n");
    let config = given.load().unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let key = config.user_pools.unwrap();
    assert_eq!(key.secret_access_key.reveal(), "hunter2hunter2hunter2");

    let half = "user_pools.secret_access_key = 'hunter2hunter2hunter2'";
    let errors = Given::file(half).load().unwrap_err();
    assert_eq!(
        listed(&errors),
        ["1:32 user_pools.secret_access_key: user_pools.access_key_id is missing beside it"]
    );
    assert!(!printed(&errors).contains("hunter2"));
}
