//! The checks of SAML responses in words, for reports. These functions decide nothing, and repeat no response.

use std::error::Error;

use jiff::Timestamp;

use super::conditions::LEEWAY;
use super::element::XmlElement;
use super::encrypted::{ContentEncryption, EncryptedAssertion, KeyTransport};
use super::response::{ParsedResponse, ReadResponse, ResponseContent};
use super::xml::PROTOCOL;
use super::{ResponseError, ResponseRequirements};
use crate::logins::report::{Finding, all_quoted, error_chain, moment, quoted};

/// The values in the response, with the error if there is one.
fn with_error(words: String, error: Option<&(impl Error + 'static)>) -> String {
    match error {
        None => words,
        Some(error) => format!("{words}: {}", error_chain(error)),
    }
}

pub(super) fn metadata(valid_until: Option<Timestamp>, now: Timestamp) -> Finding {
    Finding::new(
        format!(
            "validUntil {}",
            moment(valid_until.map(Timestamp::as_second))
        ),
        format!(
            "validUntil not set, or > now ({})",
            moment(Some(now.as_second()))
        ),
    )
}

pub(super) fn form(response: Result<&ReadResponse<'_>, &ResponseError>, length: usize) -> Finding {
    let found = match response {
        Ok(response) => {
            let assertion = match &response.content {
                ResponseContent::Plain(assertion) => {
                    let id = assertion.attribute("ID").unwrap_or_default();
                    format!("the assertion {}", quoted(id))
                }
                ResponseContent::Encrypted(_) => "an encrypted assertion".to_owned(),
            };
            format!("a response of {length} bytes in base64, with {assertion}")
        }
        Err(error) => format!("a string of {length} bytes: {}", error_chain(error)),
    };
    Finding::new(
        found,
        "a SAML 2.0 response in base64, with one assertion or one encrypted assertion",
    )
}

pub(super) fn status(response: &ReadResponse<'_>) -> Finding {
    let codes: Vec<&str> = response
        .response
        .named_in(PROTOCOL, "Status")
        .flat_map(|status| status.named_in(PROTOCOL, "StatusCode"))
        .filter_map(|code| code.attribute("Value"))
        .collect();
    Finding::new(
        format!("StatusCode {}", all_quoted(codes)),
        "`urn:oasis:names:tc:SAML:2.0:status:Success`, once",
    )
}

pub(super) fn not_encrypted() -> Finding {
    Finding::new(
        "a plain assertion",
        "an encrypted assertion: the provider's AssertionEncryptionMode is Required",
    )
}

/// A failed decryption has one text, whatever the reason is.
pub(super) fn decryption(
    encrypted: &EncryptedAssertion<'_>,
    error: Option<&ResponseError>,
    required: &ResponseRequirements<'_>,
) -> Finding {
    let words = format!(
        "an assertion encrypted with {}, and its key with {}",
        match encrypted.content {
            ContentEncryption::Aes128Gcm => "AES-128-GCM",
            ContentEncryption::Aes256Gcm => "AES-256-GCM",
        },
        match encrypted.transport {
            KeyTransport::OaepSha1 => "RSA-OAEP with SHA-1",
            KeyTransport::OaepSha256 => "RSA-OAEP with SHA-256",
        }
    );
    Finding::new(
        with_error(words, error),
        format!(
            "an assertion encrypted for one of the provider's private keys ({})",
            required.decryption_keys.len()
        ),
    )
}

pub(super) fn signature(
    signed: Result<&&'static str, &ResponseError>,
    required: &ResponseRequirements<'_>,
) -> Finding {
    let found = match signed {
        Ok(signed) => format!("a key of the metadata signed {signed}"),
        Err(error) => error_chain(error),
    };
    let certificates = required.certificates.len();
    Finding::new(
        found,
        format!(
            "a signature of the response or its assertion by the key of one of the metadata's certificates \
             ({certificates}), with RSA or ECDSA and SHA-2"
        ),
    )
}

pub(super) fn issuer(
    response: &ParsedResponse<'_>,
    required: &ResponseRequirements<'_>,
) -> Finding {
    let issuers = [response.assertion, response.response].into_iter();
    let issuers = issuers.flat_map(|node| texts(node, "Issuer"));
    let issuers: Vec<String> = issuers.collect();
    Finding::new(
        format!("Issuer {}", all_quoted(issuers.iter().map(String::as_str))),
        format!(
            "Issuer = {}, the metadata's entityID, byte for byte",
            quoted(required.entity_id)
        ),
    )
}

pub(super) fn conditions(
    response: &ParsedResponse<'_>,
    error: Option<&(impl Error + 'static)>,
    now: i64,
) -> Finding {
    let windows = response.assertion.named("Conditions");
    let windows: Vec<String> = windows.take(2).map(|node| validity(node)).collect();
    let now = moment(Some(now));
    Finding::new(
        with_error(format!("Conditions with {}", windows.join(", ")), error),
        format!(
            "one Conditions with NotBefore <= now + {LEEWAY} seconds and NotOnOrAfter > now ({now})"
        ),
    )
}

pub(super) fn audience(
    conditions: XmlElement<'_>,
    error: Option<&(impl Error + 'static)>,
    required: &ResponseRequirements<'_>,
) -> Finding {
    let restrictions = conditions.named("AudienceRestriction");
    let audiences = restrictions.flat_map(|node| texts(node, "Audience"));
    let audiences: Vec<String> = audiences.collect();
    let audiences = all_quoted(audiences.iter().map(String::as_str));
    Finding::new(
        with_error(format!("Audience {audiences}"), error),
        format!(
            "one of {}, and no conditions but AudienceRestriction, OneTimeUse and ProxyRestriction",
            all_quoted(required.audiences.iter().copied())
        ),
    )
}

pub(super) fn destination(
    response: &ParsedResponse<'_>,
    required: &ResponseRequirements<'_>,
) -> Finding {
    Finding::new(
        format!("Destination {}", value_of(response.response, "Destination")),
        format!(
            "not set, or one of {}",
            all_quoted(required.recipients.iter().copied())
        ),
    )
}

pub(super) fn confirmation(
    response: &ParsedResponse<'_>,
    error: Option<&(impl Error + 'static)>,
    required: &ResponseRequirements<'_>,
    now: i64,
) -> Finding {
    let subjects = response.assertion.named("Subject");
    let confirmations = subjects.flat_map(|node| node.named("SubjectConfirmation"));
    let data = confirmations.flat_map(|node| node.named("SubjectConfirmationData"));
    let data: Vec<String> = data
        .take(8)
        .map(|node| {
            format!(
                "Recipient {}, {}",
                value_of(node, "Recipient"),
                validity(node)
            )
        })
        .collect();
    Finding::new(
        with_error(format!("confirmations: {}", data.join("; ")), error),
        format!(
            "a bearer confirmation with Recipient one of {} and NotOnOrAfter > now ({})",
            all_quoted(required.recipients.iter().copied()),
            moment(Some(now))
        ),
    )
}

pub(super) fn session(
    response: &ParsedResponse<'_>,
    error: Option<&(impl Error + 'static)>,
    now: i64,
) -> Finding {
    let statements = response.assertion.named("AuthnStatement").take(8);
    let ends: Vec<String> = statements
        .map(|node| value_of(node, "SessionNotOnOrAfter"))
        .collect();
    let ends = if ends.is_empty() {
        "no AuthnStatement".to_owned()
    } else {
        format!("SessionNotOnOrAfter {}", ends.join(", "))
    };
    let issued = value_of(response.assertion, "IssueInstant");
    let words = format!("IssueInstant {issued}; {ends}");
    let now = moment(Some(now));
    Finding::new(
        with_error(words, error),
        format!(
            "IssueInstant <= now + {LEEWAY} seconds; an AuthnStatement; SessionNotOnOrAfter not set, or > now ({now})"
        ),
    )
}

pub(super) fn subject(
    response: &ParsedResponse<'_>,
    error: Option<&(impl Error + 'static)>,
) -> Finding {
    let subjects = response.assertion.named("Subject");
    let names: Vec<XmlElement<'_>> = subjects
        .flat_map(|node| node.named("NameID"))
        .take(2)
        .collect();
    let names = names.into_iter().map(|node| {
        let name = node.text().unwrap_or_default();
        format!(
            "NameID {} of the Format {}",
            quoted(&name),
            value_of(node, "Format")
        )
    });
    let names: Vec<String> = names.collect();
    Finding::new(
        with_error(names.join(", "), error),
        "one persistent NameID of 1 to 255 characters, without the qualifier of another provider or service",
    )
}

pub(super) fn lifetime(end: i64, longest: u64) -> Finding {
    Finding::new(
        format!("an assertion that ends at {}", moment(Some(end))),
        format!("end <= now + {} hours and {LEEWAY} seconds", longest / 3600),
    )
}

/// The validity of an element.
fn validity(node: XmlElement<'_>) -> String {
    format!(
        "NotBefore {}, NotOnOrAfter {}",
        value_of(node, "NotBefore"),
        value_of(node, "NotOnOrAfter")
    )
}

/// An attribute's value, or `not set`.
fn value_of(node: XmlElement<'_>, name: &str) -> String {
    node.attribute(name).map_or("not set".to_owned(), quoted)
}

/// The texts of the elements with this name.
fn texts(node: XmlElement<'_>, name: &str) -> Vec<String> {
    let nodes = node.named(name);
    nodes.filter_map(XmlElement::text).collect()
}
