//! Reading a SAML response: from base64 to the one assertion that the provider's keys vouch for. What the assertion says
//! is checked in [`super::conditions`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uppsala::{Document, NodeId};

use super::signature::{Algorithms, NotSigned, signed};
use super::xml::{
    self, ASSERTION, Comments, NotXml, PROTOCOL, attribute, children, elements, is, named,
};

/// How long a response may be in base64, in bytes: the longest that the model of the STS takes. In a `Logins` map it has
/// 50,000 at most.
pub const LONGEST_RESPONSE: usize = 100_000;

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// Why a text is no response that could be a login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAResponse {
    /// It is longer than [`LONGEST_RESPONSE`].
    #[error("it is longer than {LONGEST_RESPONSE} bytes")]
    TooLong,
    /// It isn't base64 of UTF-8.
    #[error("it isn't base64 of UTF-8")]
    NotBase64,
    /// It can't be read.
    #[error(transparent)]
    Xml(#[from] NotXml),
    /// It has not the parts of a response; what is missing, or too much.
    #[error("{0}")]
    Shape(&'static str),
    /// It is encrypted, or a part of it is.
    #[error(
        "it is encrypted, wholly or in part, which isn't read here; let the provider only sign it"
    )]
    Encrypted,
    /// The provider says that nobody logged in.
    #[error("its status isn't success")]
    Status,
    /// Nobody vouches for it.
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
}

/// A response that was read, and its one assertion. Nothing of either is true before [`Read::check_signature`].
pub(super) struct Read<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) response: NodeId,
    pub(super) assertion: NodeId,
}

/// The XML of a response, as it stands in a `Logins` map. White space is no part of base64, and left out.
pub(super) fn decode(response: &str) -> Result<String, NotAResponse> {
    if response.len() > LONGEST_RESPONSE {
        return Err(NotAResponse::TooLong);
    }
    let mut text = response.to_owned();
    text.retain(|letter| !letter.is_ascii_whitespace());
    let bytes = STANDARD.decode(text).map_err(|_| NotAResponse::NotBase64)?;
    String::from_utf8(bytes).map_err(|_| NotAResponse::NotBase64)
}

/// Parses what [`decode`] gave.
pub(super) fn parse(text: &str) -> Result<Document<'_>, NotAResponse> {
    Ok(xml::read(text, Comments::Refused)?)
}

/// Finds the assertion.
pub(super) fn read<'d>(document: &'d Document<'d>) -> Result<Read<'d>, NotAResponse> {
    let shape = NotAResponse::Shape;
    let response = document
        .document_element()
        .filter(|root| is(document, *root, PROTOCOL, "Response"))
        .ok_or(shape("it is no response of SAML 2.0"))?;
    let assertion = only_assertion(document, response)?;
    for node in [response, assertion] {
        if attribute(document, node, "Version") != Some("2.0") {
            return Err(shape("it isn't of version 2.0"));
        }
        if attribute(document, node, "ID").is_none_or(str::is_empty) {
            return Err(shape("the response or its assertion has no ID"));
        }
    }
    Ok(Read {
        document,
        response,
        assertion,
    })
}

impl Read<'_> {
    /// Refuses a response by which nobody logged in.
    pub(super) fn check_status(&self) -> Result<(), NotAResponse> {
        check_status(self.document, self.response)
    }

    /// Refuses what none of these certificates vouches for. Gives what is signed, in words.
    pub(super) fn check_signature(
        &self,
        certificates: &[String],
        algorithms: &Algorithms,
    ) -> Result<&'static str, NotAResponse> {
        let signable = [self.response, self.assertion];
        let vouched = signed(self.document, &signable, certificates, algorithms)?;
        // Whichever of them is signed, the assertion is in it.
        Ok(match &vouched[..] {
            [one] if *one == self.assertion => "the assertion",
            [_] => "the response",
            _ => "the response and its assertion",
        })
    }
}

/// The one assertion, right below the response. Whatever might be taken for another one, at any depth and in any
/// namespace, is refused.
fn only_assertion(document: &Document<'_>, response: NodeId) -> Result<NodeId, NotAResponse> {
    let named = |wanted: &'static str| {
        elements(document).filter(move |node| {
            let element = document.element(*node);
            element.is_some_and(|element| element.name.local_name.eq_ignore_ascii_case(wanted))
        })
    };
    let encrypted = [
        "EncryptedAssertion",
        "EncryptedID",
        "EncryptedAttribute",
        "EncryptedData",
    ];
    if encrypted.iter().any(|name| named(name).next().is_some()) {
        return Err(NotAResponse::Encrypted);
    }
    if named("Response").count() != 1 {
        return Err(NotAResponse::Shape("it has a response in it"));
    }
    let assertions: Vec<NodeId> = named("Assertion").collect();
    match assertions[..] {
        [] => Err(NotAResponse::Shape("it has no assertion")),
        [one]
            if is(document, one, ASSERTION, "Assertion")
                && document.parent(one) == Some(response) =>
        {
            Ok(one)
        }
        [_] => Err(NotAResponse::Shape(
            "its assertion stands where none belongs",
        )),
        _ => Err(NotAResponse::Shape("it has more than one assertion")),
    }
}

fn check_status(document: &Document<'_>, response: NodeId) -> Result<(), NotAResponse> {
    let statuses: Vec<NodeId> = named(document, response, PROTOCOL, "Status").collect();
    let [status] = statuses[..] else {
        return Err(NotAResponse::Shape("it has not one status"));
    };
    let codes: Vec<NodeId> = named(document, status, PROTOCOL, "StatusCode").collect();
    match codes[..] {
        [code]
            if attribute(document, code, "Value") == Some(SUCCESS)
                && children(document, code).next().is_none() =>
        {
            Ok(())
        }
        [_] => Err(NotAResponse::Status),
        _ => Err(NotAResponse::Shape("it has not one status")),
    }
}
