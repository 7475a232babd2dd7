//! Responses made here, good ones and spoilt ones. What is refused is refused for its own reason: everything but the one
//! thing that was spoilt is good.

mod conditions;
mod encryption;
mod expensive;
mod forgeries;
mod signatures;
mod wrapping;

use std::sync::LazyLock;

use jiff::Timestamp;

use super::*;
use crate::logins::fake::identity_provider::{AUDIENCE, IdentityProvider, RECIPIENT, Says, encode};

const ENTITY: &str = "https://idp.example/metadata";

/// Making RSA keys takes a while, so all tests share these.
static GOOD: LazyLock<IdentityProvider> = LazyLock::new(|| IdentityProvider::new(ENTITY));
static EVIL: LazyLock<IdentityProvider> = LazyLock::new(|| IdentityProvider::new(ENTITY));

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// A good login of ada.
fn ada() -> Says {
    Says::of(&GOOD, "ada", now())
}

/// Verifies the XML of a response, against the metadata of the good provider.
fn verify_xml(xml: &str) -> Result<Assertion, SamlError> {
    verify_of(&GOOD, xml)
}

fn verify_of(provider: &IdentityProvider, xml: &str) -> Result<Assertion, SamlError> {
    verify_where(provider, xml, false)
}

/// The same, where names may be transient or not.
fn verify_where(
    provider: &IdentityProvider,
    xml: &str,
    transient: bool,
) -> Result<Assertion, SamlError> {
    verify_with(provider, &encode(xml), transient, &[], false)
}

/// The same of a response in base64, with these private keys.
fn verify_with(
    provider: &IdentityProvider,
    response: &str,
    transient: bool,
    decryption_keys: &[DecryptionKey],
    require_encryption: bool,
) -> Result<Assertion, SamlError> {
    let metadata = read_metadata(&provider.metadata()).unwrap();
    let required = ResponseRequirements {
        entity_id: &metadata.entity_id,
        certificates: &metadata.certificates,
        algorithms: &ALGORITHMS,
        audiences: &[AUDIENCE],
        recipients: &[RECIPIENT],
        decryption_keys,
        require_encryption,
        allow_transient: transient,
    };
    verify(response, &required, now(), &mut Report::disabled())
}

fn refused(xml: &str) -> SamlError {
    match verify_xml(xml) {
        Err(why) => why,
        Ok(assertion) => panic!("taken as {assertion:?}: {xml}"),
    }
}

/// Why the signature isn't valid.
fn not_signed(xml: &str) -> XmlSignatureError {
    match refused(xml) {
        SamlError::Response(ResponseError::Signature(why)) => why,
        other => panic!("{other:?}: {xml}"),
    }
}

fn is_invalid(why: &XmlSignatureError) -> bool {
    matches!(why, XmlSignatureError::Invalid(_))
}

fn shape(why: &'static str) -> SamlError {
    ResponseError::Shape(why).into()
}
