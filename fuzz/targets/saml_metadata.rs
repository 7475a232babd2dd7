//! A SAML provider's metadata: what is read of them says the same when it is written down anew, and vouches for nothing
//! that another key signed.
#![no_main]

use std::collections::HashSet;
use std::sync::OnceLock;

use cognate::logins::report::Report;
use cognate::logins::saml::{
    ALGORITHMS, LONGEST_METADATA, ResponseError, ResponseRequirements, SamlError, read_metadata,
    verify,
};
use cognate_fuzz::idp::{AUDIENCE, How, IdentityProvider, RECIPIENT, Says, encode, metadata};
use cognate_fuzz::now;

/// A response that is signed with a key that nobody has.
fn response() -> &'static str {
    static RESPONSE: OnceLock<String> = OnceLock::new();
    RESPONSE.get_or_init(|| {
        cognate::cli::install_crypto();
        let kind = &rcgen::PKCS_ECDSA_P256_SHA256;
        let provider = IdentityProvider::elliptic("https://idp.example/metadata", kind);
        let how = How {
            method: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            ..How::default()
        };
        let says = Says::of(&provider, "ada", now());
        let assertion = provider.sign_as(&says.assertion(), "_assertion", &how);
        encode(&says.around(&assertion))
    })
}

/// The text as it stands in an attribute.
fn attribute(text: &str) -> String {
    let mut written = String::new();
    for letter in text.chars() {
        match letter {
            '<' | '&' | '"' | '\n' | '\r' | '\t' => {
                written.push_str(&format!("&#{};", u32::from(letter)));
            }
            _ => written.push(letter),
        }
    }
    written
}

cognate_fuzz::target!(init: {
    response();
}, |bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(read) = read_metadata(text) else { return };
    assert!(text.len() <= LONGEST_METADATA);
    assert!((1..=1024).contains(&read.entity_id.chars().count()));
    assert!((1..=10).contains(&read.certificates.len()));
    let each: HashSet<&String> = read.certificates.iter().collect();
    assert_eq!(each.len(), read.certificates.len(), "each once");

    let certificates: Vec<&str> = read.certificates.iter().map(String::as_str).collect();
    let end = read.valid_until.map(|end| format!(" validUntil=\"{end}\""));
    let again = metadata(&attribute(&read.entity_id), &certificates, &end.unwrap_or_default());
    assert_eq!(read_metadata(&again).as_ref(), Ok(&read));

    let required = ResponseRequirements {
        entity_id: "https://idp.example/metadata",
        certificates: &read.certificates,
        algorithms: &ALGORITHMS,
        audiences: &[AUDIENCE],
        recipients: &[RECIPIENT],
        decryption_keys: &[],
        require_encryption: false,
        allow_transient: false,
    };
    let refused = verify(response(), &required, now(), &mut Report::disabled());
    assert!(
        matches!(refused, Err(SamlError::Response(ResponseError::Signature(_)))),
        "{refused:?}"
    );
});
