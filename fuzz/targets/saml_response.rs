//! A SAML response. The first letter says how it comes: `r` as it stands in a `Logins` map, `x` as XML, `s` as XML whose
//! assertion, or else the whole of it, a provider signs. Whatever is made of the responses that a provider has signed
//! (the seeds whose names begin with `signed`) is refused, or says the same as one of them.
#![no_main]

use std::sync::OnceLock;

use cognate::logins::report::Report;
use cognate::logins::saml::{
    ALGORITHMS, Assertion, ResponseRequirements, SamlError, read_metadata, verify,
};
use cognate::model::provider::SamlMetadata;
use cognate_fuzz::idp::{AUDIENCE, How, IdentityProvider, RECIPIENT, encode};
use cognate_fuzz::now;

/// The metadata of the provider that signed these, and lost its keys.
const PROVIDER: &str = include_str!("../seeds/saml_metadata/two_keys");
const SIGNED: [&str; 4] = [
    include_str!("../seeds/saml_response/signed_assertion"),
    include_str!("../seeds/saml_response/signed_response"),
    include_str!("../seeds/saml_response/signed_both"),
    include_str!("../seeds/saml_response/signed_attributes"),
];

struct Scene {
    recorded: SamlMetadata,
    said: Vec<Assertion>,
    living: IdentityProvider,
    metadata: SamlMetadata,
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        cognate::cli::install_crypto();
        let recorded = read_metadata(PROVIDER).expect("metadata");
        let said = SIGNED.map(|seed| {
            let said = believed(&encode(&seed[1..]), &recorded);
            said.expect("a good response")
        });
        let living =
            IdentityProvider::elliptic(&recorded.entity_id, &rcgen::PKCS_ECDSA_P256_SHA256);
        let metadata = read_metadata(&living.metadata()).expect("metadata");
        Scene {
            recorded,
            said: said.into(),
            living,
            metadata,
        }
    })
}

/// What the provider with these metadata is believed to have said.
fn believed(response: &str, metadata: &SamlMetadata) -> Result<Assertion, SamlError> {
    let required = ResponseRequirements {
        entity_id: &metadata.entity_id,
        certificates: &metadata.certificates,
        algorithms: &ALGORITHMS,
        audiences: &[AUDIENCE],
        recipients: &[RECIPIENT],
        allow_transient: false,
    };
    verify(response, &required, now(), &mut Report::disabled())
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

cognate_fuzz::target!(init: {
    scene();
}, |bytes: &[u8]| {
    let Scene { recorded, said, living, metadata } = scene();
    let Some((how, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let response = match how {
        b'r' => text.into_owned(),
        b'x' => encode(&text),
        b's' => match signed(&text, living) {
            Some(xml) => encode(&xml),
            None => return,
        },
        _ => return,
    };
    if let Ok(assertion) = believed(&response, recorded) {
        assert_ne!(*how, b's', "a stranger signed it, too");
        assert!(said.contains(&assertion), "nobody signed {assertion:?}");
    }
    if let Ok(assertion) = believed(&response, metadata) {
        assert_eq!(*how, b's', "nobody else has the key");
        assert!(!assertion.id.is_empty());
        assert!((1..=255).contains(&assertion.subject.chars().count()));
        assert_eq!(assertion.audience, AUDIENCE);
        assert!(assertion.end > now().as_second());
    }
});
