//! The checks of SAML responses in words, for those who watch. No word of it decides anything, and none repeats a
//! response.

use std::error::Error;

use jiff::Timestamp;
use uppsala::NodeId;

use super::conditions::AHEAD;
use super::response::Read;
use super::xml::{PROTOCOL, named, text};
use super::{NotAResponse, Terms};
use crate::logins::watch::{What, all_shown, moment, reasons, shown};

/// What was found where an error says it, and `good` where there is none.
fn found<E: Error + 'static>(error: Option<&E>, good: &str) -> String {
    error.map_or_else(|| good.to_owned(), |error| reasons(error))
}

/// The same with the words in the response that led to it.
fn of(words: String, error: Option<&(impl Error + 'static)>) -> String {
    match error {
        None => words,
        Some(error) => format!("{words}: {}", reasons(error)),
    }
}

pub(super) fn metadata(valid_until: Option<Timestamp>, now: Timestamp) -> What {
    What::new(
        format!(
            "validUntil {}",
            moment(valid_until.map(Timestamp::as_second))
        ),
        format!(
            "validUntil absent or behind {}",
            moment(Some(now.as_second()))
        ),
    )
}

pub(super) fn form(read: Result<&Read<'_>, &NotAResponse>, length: usize) -> What {
    let found = match read {
        Ok(read) => format!(
            "a response of {length} bytes in base64, with the assertion {}",
            shown(read.id())
        ),
        Err(error) => format!("a text of {length} bytes: {}", reasons(error)),
    };
    What::new(
        found,
        "a response of SAML 2.0 in base64, with one assertion, unencrypted",
    )
}

pub(super) fn status(read: &Read<'_>) -> What {
    let document = read.document;
    let codes: Vec<&str> = named(document, read.response, PROTOCOL, "Status")
        .flat_map(|status| named(document, status, PROTOCOL, "StatusCode"))
        .filter_map(|code| read.attribute(code, "Value"))
        .collect();
    What::new(
        format!("StatusCode {}", all_shown(codes)),
        "`urn:oasis:names:tc:SAML:2.0:status:Success`, once",
    )
}

pub(super) fn signature(signed: Result<&&'static str, &NotAResponse>, terms: &Terms<'_>) -> What {
    let found = match signed {
        Ok(what) => format!("a key of the metadata signed {what}"),
        Err(error) => reasons(error),
    };
    let certificates = terms.certificates.len();
    What::new(
        found,
        format!(
            "a signature of the response or its assertion by the key of one of the metadata's certificates \
             ({certificates}), with RSA or ECDSA and SHA-2"
        ),
    )
}

pub(super) fn issuer(read: &Read<'_>, terms: &Terms<'_>) -> What {
    let issuers = [read.assertion, read.response].into_iter();
    let issuers = issuers.flat_map(|node| texts(read, node, "Issuer"));
    let issuers: Vec<String> = issuers.collect();
    What::new(
        format!("Issuer {}", all_shown(issuers.iter().map(String::as_str))),
        format!(
            "{}, the metadata's entityID, to the byte",
            shown(terms.entity_id)
        ),
    )
}

pub(super) fn conditions(
    read: &Read<'_>,
    error: Option<&(impl Error + 'static)>,
    now: i64,
) -> What {
    let windows = read.named(read.assertion, "Conditions");
    let windows: Vec<String> = windows.take(2).map(|node| window(read, node)).collect();
    let now = moment(Some(now));
    What::new(
        of(format!("Conditions with {}", windows.join(", ")), error),
        format!(
            "one Conditions, NotBefore at most {AHEAD} seconds behind {now}, NotOnOrAfter behind it"
        ),
    )
}

pub(super) fn audience(
    read: &Read<'_>,
    conditions: NodeId,
    error: Option<&(impl Error + 'static)>,
    terms: &Terms<'_>,
) -> What {
    let restrictions = read.named(conditions, "AudienceRestriction");
    let audiences = restrictions.flat_map(|node| texts(read, node, "Audience"));
    let audiences: Vec<String> = audiences.collect();
    let audiences = all_shown(audiences.iter().map(String::as_str));
    What::new(
        of(format!("Audience {audiences}"), error),
        format!(
            "one of {}, and no condition beside AudienceRestriction, OneTimeUse and ProxyRestriction",
            all_shown(terms.audiences.iter().copied())
        ),
    )
}

pub(super) fn destination(read: &Read<'_>, terms: &Terms<'_>) -> What {
    What::new(
        format!("Destination {}", maybe(read, read.response, "Destination")),
        format!(
            "absent, or one of {}",
            all_shown(terms.recipients.iter().copied())
        ),
    )
}

pub(super) fn confirmation(
    read: &Read<'_>,
    error: Option<&(impl Error + 'static)>,
    terms: &Terms<'_>,
    now: i64,
) -> What {
    let subjects = read.named(read.assertion, "Subject");
    let confirmations = subjects.flat_map(|node| read.named(node, "SubjectConfirmation"));
    let data = confirmations.flat_map(|node| read.named(node, "SubjectConfirmationData"));
    let data: Vec<String> = data
        .take(8)
        .map(|node| {
            format!(
                "Recipient {}, {}",
                maybe(read, node, "Recipient"),
                window(read, node)
            )
        })
        .collect();
    What::new(
        of(format!("confirmations: {}", data.join("; ")), error),
        format!(
            "a bearer's, Recipient one of {}, NotOnOrAfter behind {}",
            all_shown(terms.recipients.iter().copied()),
            moment(Some(now))
        ),
    )
}

pub(super) fn session(read: &Read<'_>, error: Option<&(impl Error + 'static)>, now: i64) -> What {
    let statements = read.named(read.assertion, "AuthnStatement").take(8);
    let ends: Vec<String> = statements
        .map(|node| maybe(read, node, "SessionNotOnOrAfter"))
        .collect();
    let words = format!(
        "IssueInstant {}; SessionNotOnOrAfter {}",
        maybe(read, read.assertion, "IssueInstant"),
        ends.join(", ")
    );
    let now = moment(Some(now));
    What::new(
        of(words, error),
        format!(
            "IssueInstant at most {AHEAD} seconds behind {now}, SessionNotOnOrAfter absent or behind it"
        ),
    )
}

pub(super) fn subject(read: &Read<'_>, error: Option<&(impl Error + 'static)>) -> What {
    let subjects = read.named(read.assertion, "Subject");
    let names: Vec<NodeId> = subjects
        .flat_map(|node| read.named(node, "NameID"))
        .take(2)
        .collect();
    let names = names.into_iter().map(|node| {
        let name = text(read.document, node).unwrap_or_default();
        format!(
            "NameID {} of the Format {}",
            shown(&name),
            maybe(read, node, "Format")
        )
    });
    let names: Vec<String> = names.collect();
    What::new(
        of(names.join(", "), error),
        "one NameID of 1 to 255 characters that lasts, qualified by nobody else",
    )
}

pub(super) fn lifetime(end: i64, longest: u64) -> What {
    What::new(
        format!("an assertion that ends at {}", moment(Some(end))),
        format!("an end at most {} hours ahead", longest / 3600),
    )
}

pub(super) fn replay<E: Error + 'static>(error: Option<&E>) -> What {
    What::new(
        found(error, "a response that was shown nowhere else"),
        "a response that only this pool was shown",
    )
}

/// The times of an element.
fn window(read: &Read<'_>, node: NodeId) -> String {
    format!(
        "NotBefore {}, NotOnOrAfter {}",
        maybe(read, node, "NotBefore"),
        maybe(read, node, "NotOnOrAfter")
    )
}

/// An attribute, or that it is absent.
fn maybe(read: &Read<'_>, node: NodeId, name: &str) -> String {
    read.attribute(node, name)
        .map_or("absent".to_owned(), shown)
}

/// What the elements of this name say.
fn texts(read: &Read<'_>, node: NodeId, name: &str) -> Vec<String> {
    let nodes = read.named(node, name);
    nodes.filter_map(|node| text(read.document, node)).collect()
}
