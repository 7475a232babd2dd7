//! Reading a SAML response: from base64 to its one assertion, and its signature. The assertion's statements are checked
//! in [`super::conditions`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uppsala::{Document, NodeId};

use super::signature::{Algorithms, XmlSignatureError, signed_elements};
use super::xml::{
    self, ASSERTION, Comments, PROTOCOL, XmlReadError, attribute, children, elements, is, named,
};

/// The longest response in base64, in bytes: the limit in the service model of the STS. In a `Logins` map the limit is
/// 50,000.
pub const LONGEST_RESPONSE: usize = 100_000;

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// Why a string isn't a signed SAML response of one login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The response is longer than [`LONGEST_RESPONSE`].
    #[error("it is longer than {LONGEST_RESPONSE} bytes")]
    TooLong,
    /// The response isn't base64 of UTF-8.
    #[error("it isn't base64 of UTF-8")]
    Encoding,
    /// The XML isn't accepted.
    #[error(transparent)]
    Xml(#[from] XmlReadError),
    /// The document doesn't have the parts of a response; the text names the problem.
    #[error("{0}")]
    Shape(&'static str),
    /// The response is encrypted, wholly or in part.
    #[error("it is encrypted, which isn't supported: configure the provider to sign only")]
    Encrypted,
    /// The provider reports a failed login.
    #[error("its status isn't success")]
    Status,
    /// The signature isn't valid.
    #[error(transparent)]
    Signature(#[from] XmlSignatureError),
}

/// A parsed response and its one assertion. Neither is trusted before [`ParsedResponse::check_signature`].
pub(super) struct ParsedResponse<'d> {
    pub(super) document: &'d Document<'d>,
    pub(super) response: NodeId,
    pub(super) assertion: NodeId,
}

/// Decodes a response as it is sent in a `Logins` map. White space in the base64 is ignored.
pub(super) fn decode(response: &str) -> Result<String, ResponseError> {
    if response.len() > LONGEST_RESPONSE {
        return Err(ResponseError::TooLong);
    }
    let mut text = response.to_owned();
    text.retain(|letter| !letter.is_ascii_whitespace());
    let bytes = STANDARD.decode(text).map_err(|_| ResponseError::Encoding)?;
    String::from_utf8(bytes).map_err(|_| ResponseError::Encoding)
}

/// Parses a decoded response.
pub(super) fn parse(text: &str) -> Result<Document<'_>, ResponseError> {
    Ok(xml::read(text, Comments::Refused)?)
}

/// Finds the assertion.
pub(super) fn read<'d>(document: &'d Document<'d>) -> Result<ParsedResponse<'d>, ResponseError> {
    let shape = ResponseError::Shape;
    let response = document
        .document_element()
        .filter(|root| is(document, *root, PROTOCOL, "Response"))
        .ok_or(shape("it isn't a response of SAML 2.0"))?;
    let assertion = only_assertion(document, response)?;
    for node in [response, assertion] {
        if attribute(document, node, "Version") != Some("2.0") {
            return Err(shape("it isn't of version 2.0"));
        }
        if attribute(document, node, "ID").is_none_or(str::is_empty) {
            return Err(shape("the response or its assertion has no ID"));
        }
    }
    Ok(ParsedResponse {
        document,
        response,
        assertion,
    })
}

impl ParsedResponse<'_> {
    /// Refuses the response of a failed login.
    pub(super) fn check_status(&self) -> Result<(), ResponseError> {
        check_status(self.document, self.response)
    }

    /// Refuses a response without a valid signature by one of these certificates. Returns what is signed, in words.
    pub(super) fn check_signature(
        &self,
        certificates: &[String],
        algorithms: &Algorithms,
    ) -> Result<&'static str, ResponseError> {
        let signable = [self.response, self.assertion];
        let signed = signed_elements(self.document, &signable, certificates, algorithms)?;
        // Each of the signed elements contains the assertion.
        Ok(match &signed[..] {
            [one] if *one == self.assertion => "the assertion",
            [_] => "the response",
            _ => "the response and its assertion",
        })
    }
}

/// The elements with encrypted content, which isn't supported.
const ENCRYPTED: [&str; 4] = [
    "EncryptedAssertion",
    "EncryptedID",
    "EncryptedAttribute",
    "EncryptedData",
];

/// The one assertion, a child of the response. A second element with this name is refused at any depth and in any
/// namespace.
fn only_assertion(document: &Document<'_>, response: NodeId) -> Result<NodeId, ResponseError> {
    let (mut responses, mut assertions, mut is_encrypted) = (0, Vec::new(), false);
    for node in elements(document) {
        let name = document
            .element(node)
            .map(|element| &*element.name.local_name);
        let is_named = |wanted: &str| name.is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        is_encrypted |= ENCRYPTED.iter().any(|wanted| is_named(wanted));
        responses += usize::from(is_named("Response"));
        if is_named("Assertion") {
            assertions.push(node);
        }
    }
    if is_encrypted {
        return Err(ResponseError::Encrypted);
    }
    if responses != 1 {
        return Err(ResponseError::Shape("it contains another response"));
    }
    match assertions[..] {
        [] => Err(ResponseError::Shape("it has no assertion")),
        [one]
            if is(document, one, ASSERTION, "Assertion")
                && document.parent(one) == Some(response) =>
        {
            Ok(one)
        }
        [_] => Err(ResponseError::Shape(
            "its assertion is in the wrong position",
        )),
        _ => Err(ResponseError::Shape("it has more than one assertion")),
    }
}

fn check_status(document: &Document<'_>, response: NodeId) -> Result<(), ResponseError> {
    let statuses: Vec<NodeId> = named(document, response, PROTOCOL, "Status").collect();
    let [status] = statuses[..] else {
        return Err(ResponseError::Shape("it doesn't have exactly one status"));
    };
    let codes: Vec<NodeId> = named(document, status, PROTOCOL, "StatusCode").collect();
    match codes[..] {
        [code]
            if attribute(document, code, "Value") == Some(SUCCESS)
                && children(document, code).next().is_none() =>
        {
            Ok(())
        }
        [_] => Err(ResponseError::Status),
        _ => Err(ResponseError::Shape("it doesn't have exactly one status")),
    }
}
