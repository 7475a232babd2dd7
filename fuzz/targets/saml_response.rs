//! A SAML response. The first letter says how it comes: `r` as it stands in a `Logins` map, `x` as XML, `s` as XML whose
//! assertion, or else the whole of it, a provider signs. Whatever is made of the responses that a provider has signed
//! (the seeds whose names begin with `signed`) is refused, or says the same as one of them.
//!
//! Encrypted ones are for a fixed key: `e` is an assertion that anybody encrypts, `E` one that the provider signs before, and
//! `o` a response around the encrypted assertion of ada, whose key and content stand for `@KEY@` and `@SEALED@`.
#![no_main]

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cognate::logins::report::Report;
use cognate::logins::saml::{
    ALGORITHMS, Assertion, DecryptionKey, ResponseRequirements, SamlError, read_metadata, verify,
};
use cognate::model::provider::SamlMetadata;
use cognate_fuzz::idp::{AUDIENCE, How, IdentityProvider, RECIPIENT, Says, encode};
use cognate_fuzz::now;
use cognate_fuzz::service_key::{ServiceKey, cipher_value};

/// The metadata of the provider that signed these, and lost its keys.
const PROVIDER: &str = include_str!("../seeds/saml_metadata/two_keys");
const SIGNED: [&str; 4] = [
    include_str!("../seeds/saml_response/signed_assertion"),
    include_str!("../seeds/saml_response/signed_response"),
    include_str!("../seeds/saml_response/signed_both"),
    include_str!("../seeds/saml_response/signed_attributes"),
];

/// The key for which assertions are encrypted. It protects nothing.
const KEY: &str = include_str!("../service-key.pem");

struct Scene {
    recorded: SamlMetadata,
    said: Vec<Assertion>,
    living: IdentityProvider,
    metadata: SamlMetadata,
    key: ServiceKey,
    keys: Vec<DecryptionKey>,
    /// Ada's assertion, signed and encrypted, and what it says.
    encrypted: String,
    ada: Assertion,
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        cognate::cli::install_crypto();
        let recorded = read_metadata(PROVIDER).expect("metadata");
        let said = SIGNED.map(|seed| {
            let said = believed(&encode(&seed[1..]), &recorded, &[]);
            said.expect("a good response")
        });
        let living =
            IdentityProvider::elliptic(&recorded.entity_id, &rcgen::PKCS_ECDSA_P256_SHA256);
        let metadata = read_metadata(&living.metadata()).expect("metadata");
        let key = ServiceKey {
            pem: KEY.to_owned(),
            der: key_bytes(),
        };
        let keys = vec![DecryptionKey::from_pem(KEY).expect("a key")];
        let says = Says::of(&living, "ada", now());
        let assertion = signed(&says.assertion(), &living).expect("an assertion");
        let encrypted = key.encrypt(&assertion);
        let response = encode(&says.around(&encrypted));
        let ada = believed(&response, &metadata, &keys).expect("a good response");
        Scene {
            recorded,
            said: said.into(),
            living,
            metadata,
            key,
            keys,
            encrypted,
            ada,
        }
    })
}

/// What the provider with these metadata is believed to have said.
fn believed(
    response: &str,
    metadata: &SamlMetadata,
    keys: &[DecryptionKey],
) -> Result<Assertion, SamlError> {
    let required = ResponseRequirements {
        entity_id: &metadata.entity_id,
        certificates: &metadata.certificates,
        algorithms: &ALGORITHMS,
        audiences: &[AUDIENCE],
        recipients: &[RECIPIENT],
        decryption_keys: keys,
        require_encryption: false,
        allow_transient: false,
    };
    verify(response, &required, now(), &mut Report::disabled())
}

/// The bytes of the key.
fn key_bytes() -> Vec<u8> {
    let lines = KEY.lines().filter(|line| !line.starts_with('-'));
    let text: Vec<&str> = lines.collect();
    STANDARD.decode(text.concat()).expect("base64")
}

/// The response, signed by the provider that lives, if it can be.
fn signed(xml: &str, living: &IdentityProvider) -> Option<String> {
    let how = How {
        method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        ..How::default()
    };
    let signed = living.try_sign(xml, "_assertion", &how);
    signed.or_else(|| living.try_sign(xml, "_response", &how))
}

/// A response of ada's around `inside`.
fn around(inside: &str, living: &IdentityProvider) -> String {
    Says::of(living, "ada", now()).around(inside)
}

cognate_fuzz::target!(init: {
    scene();
}, |bytes: &[u8]| {
    let Scene { recorded, said, living, metadata, key, keys, encrypted, ada } = scene();
    let Some((how, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let response = match how {
        b'r' => text.into_owned(),
        b'x' => encode(&text),
        b's' => match signed(&text, living) {
            Some(xml) => encode(&xml),
            None => return,
        },
        b'e' => encode(&around(&key.encrypt(&text), living)),
        b'E' => match signed(&text, living) {
            Some(xml) => encode(&around(&key.encrypt(&xml), living)),
            None => return,
        },
        b'o' => {
            let xml = text.replace("@KEY@", cipher_value(encrypted, 0));
            encode(&xml.replace("@SEALED@", cipher_value(encrypted, 1)))
        }
        _ => return,
    };
    if let Ok(assertion) = believed(&response, recorded, keys) {
        assert!(!b"sEo".contains(how), "a stranger signed it, too");
        assert!(said.contains(&assertion), "nobody signed {assertion:?}");
    }
    if let Ok(assertion) = believed(&response, metadata, keys) {
        assert!(b"sEo".contains(how), "nobody else has the key");
        if *how == b'o' {
            assert_eq!(assertion, *ada, "nobody signed it");
        }
        assert!(!assertion.id.is_empty());
        assert!((1..=255).contains(&assertion.subject.chars().count()));
        assert_eq!(assertion.audience, AUDIENCE);
        assert!(assertion.end > now().as_second());
    }
});
