//! The checks of SAML responses in words, for reports. These functions decide nothing, and repeat no response.

use std::error::Error;

use jiff::Timestamp;
use uppsala::NodeId;

use super::conditions::LEEWAY;
use super::response::ParsedResponse;
use super::xml::{PROTOCOL, named, text};
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

pub(super) fn form(
    response: Result<&ParsedResponse<'_>, &ResponseError>,
    length: usize,
) -> Finding {
    let found = match response {
        Ok(response) => format!(
            "a response of {length} bytes in base64, with the assertion {}",
            quoted(response.id())
        ),
        Err(error) => format!("a string of {length} bytes: {}", error_chain(error)),
    };
    Finding::new(
        found,
        "an unencrypted SAML 2.0 response in base64, with one assertion",
    )
}

pub(super) fn status(response: &ParsedResponse<'_>) -> Finding {
    let document = response.document;
    let codes: Vec<&str> = named(document, response.response, PROTOCOL, "Status")
        .flat_map(|status| named(document, status, PROTOCOL, "StatusCode"))
        .filter_map(|code| response.attribute(code, "Value"))
        .collect();
    Finding::new(
        format!("StatusCode {}", all_quoted(codes)),
        "`urn:oasis:names:tc:SAML:2.0:status:Success`, once",
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
    let issuers = issuers.flat_map(|node| texts(response, node, "Issuer"));
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
    let windows = response.named(response.assertion, "Conditions");
    let windows: Vec<String> = windows
        .take(2)
        .map(|node| validity(response, node))
        .collect();
    let now = moment(Some(now));
    Finding::new(
        with_error(format!("Conditions with {}", windows.join(", ")), error),
        format!(
            "one Conditions with NotBefore <= now + {LEEWAY} seconds and NotOnOrAfter > now ({now})"
        ),
    )
}

pub(super) fn audience(
    response: &ParsedResponse<'_>,
    conditions: NodeId,
    error: Option<&(impl Error + 'static)>,
    required: &ResponseRequirements<'_>,
) -> Finding {
    let restrictions = response.named(conditions, "AudienceRestriction");
    let audiences = restrictions.flat_map(|node| texts(response, node, "Audience"));
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
        format!(
            "Destination {}",
            value_of(response, response.response, "Destination")
        ),
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
    let subjects = response.named(response.assertion, "Subject");
    let confirmations = subjects.flat_map(|node| response.named(node, "SubjectConfirmation"));
    let data = confirmations.flat_map(|node| response.named(node, "SubjectConfirmationData"));
    let data: Vec<String> = data
        .take(8)
        .map(|node| {
            format!(
                "Recipient {}, {}",
                value_of(response, node, "Recipient"),
                validity(response, node)
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
    let statements = response.named(response.assertion, "AuthnStatement").take(8);
    let ends: Vec<String> = statements
        .map(|node| value_of(response, node, "SessionNotOnOrAfter"))
        .collect();
    let ends = if ends.is_empty() {
        "no AuthnStatement".to_owned()
    } else {
        format!("SessionNotOnOrAfter {}", ends.join(", "))
    };
    let issued = value_of(response, response.assertion, "IssueInstant");
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
    let subjects = response.named(response.assertion, "Subject");
    let names: Vec<NodeId> = subjects
        .flat_map(|node| response.named(node, "NameID"))
        .take(2)
        .collect();
    let names = names.into_iter().map(|node| {
        let name = text(response.document, node).unwrap_or_default();
        format!(
            "NameID {} of the Format {}",
            quoted(&name),
            value_of(response, node, "Format")
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
fn validity(response: &ParsedResponse<'_>, node: NodeId) -> String {
    format!(
        "NotBefore {}, NotOnOrAfter {}",
        value_of(response, node, "NotBefore"),
        value_of(response, node, "NotOnOrAfter")
    )
}

/// An attribute's value, or `not set`.
fn value_of(response: &ParsedResponse<'_>, node: NodeId, name: &str) -> String {
    response
        .attribute(node, name)
        .map_or("not set".to_owned(), quoted)
}

/// The texts of the elements with this name.
fn texts(response: &ParsedResponse<'_>, node: NodeId, name: &str) -> Vec<String> {
    let nodes = response.named(node, name);
    nodes
        .filter_map(|node| text(response.document, node))
        .collect()
}
