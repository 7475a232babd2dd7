//! Issuers whose keys are in files, and the access key for user pools.

use super::*;

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}"#;

#[test]
fn issuers_with_their_files_are_accepted() {
    let text = "[[issuers]]\nurl = 'https://a.example'\njwks_file = 'keys.json'\n\
                [[issuers]]\nurl = 'https://b.example/realms/x'\njwks_file = 'keys.json'\n";
    let config = Inputs::file(text).with("keys.json", KEYS).load().unwrap();
    let urls: Vec<_> = config.issuers.iter().map(|one| one.url.as_str()).collect();
    assert_eq!(urls, ["https://a.example", "https://b.example/realms/x"]);
    let file = config.issuers[0].jwks_file.as_deref();
    assert_eq!(file, Some(Path::new("keys.json")));
}

#[test]
fn an_issuer_has_a_lifetime_of_its_own() {
    for (hours, longest) in [
        ("1", Some(1)),
        ("25", Some(25)),
        ("8784", Some(8784)),
        ("8785", None),
        ("0", None),
        ("'day'", None),
        ("2.5", None),
    ] {
        let text =
            format!("[[issuers]]\nurl = 'https://a.example'\nmax_token_lifetime_hours = {hours}\n");
        let loaded = Inputs::file(&text).load();
        let found = loaded
            .ok()
            .map(|config| config.issuers[0].max_token_lifetime.unwrap().as_hours());
        assert_eq!(found, longest, "{hours}");
    }
}

#[test]
fn no_setting_lengthens_the_lifetime_for_all_issuers() {
    for (hours, good) in [
        (1, true),
        (23, true),
        (24, true),
        (25, false),
        (48, false),
        (8760, false),
    ] {
        let text = format!("[logins]\nmax_token_lifetime_hours = {hours}\n");
        assert_eq!(Inputs::file(&text).load().is_ok(), good, "{hours}");
    }
}

#[test]
fn every_mistake_in_issuers_is_reported_with_its_location() {
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
    let given = Inputs::file(text)
        .with("keys.json", KEYS)
        .with("private.json", &KEYS.replace(r#""x""#, r#""d":"AA","x""#))
        .with("garbage.json", r#"{"keys":[],"keys":[]}"#)
        .with("empty.json", r#"{"keys":[]}"#);
    let mistakes = given.mistakes();
    let found: Vec<_> = mistakes
        .iter()
        .map(|mistake| mistake.split_once(" issuers: ").unwrap())
        .collect();
    let expected = [
        ("2:7", "`https://A.example` can't be an issuer"),
        ("3:13", "the file can't be read"),
        ("4:1", "url is not set"),
        ("5:13", "the file has a private key"),
        ("6:1", "`colour` is not a setting of an issuer"),
        ("9:13", "the file is not a JWK set"),
        ("12:13", "the file is not a JWK set"),
        ("15:13", "this is a number, but must be a string"),
        ("19:1", "`https://e.example` appears twice"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((location, message), (expected, begins)) in found.iter().zip(expected) {
        assert_eq!(*location, expected, "{found:?}");
        assert!(message.starts_with(begins), "{message}");
    }
    for text in [
        "issuers = 'https://a.example'",
        "issuers = ['https://a.example']",
    ] {
        assert_eq!(Inputs::file(text).mistakes().len(), 1, "{text}");
    }
}

#[test]
fn the_key_for_user_pools_has_two_halves_and_keeps_its_secret() {
    let text =
        "[user_pools]\naccess_key_id = 'AKIAIOSFODNN7EXAMPLE'\nsecret_access_key_file = 'secret'\n";
    let given = Inputs::file(text).with("secret", "hunter2hunter2hunter2\n");
    let config = given.load().unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let key = config.user_pools.unwrap();
    assert_eq!(key.secret_access_key.reveal(), "hunter2hunter2hunter2");

    let half = "user_pools.secret_access_key = 'hunter2hunter2hunter2'";
    let errors = Inputs::file(half).load().unwrap_err();
    assert_eq!(
        listed(&errors),
        [
            "1:32 user_pools.secret_access_key: this requires user_pools.access_key_id, which is not set"
        ]
    );
    assert!(!printed(&errors).contains("hunter2"));
}
