//! Reading a SAML response: from base64 to its one assertion, and its signature. The assertion's statements are checked
//! in [`super::conditions`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uppsala::Document;

use super::ResponseRequirements;
use super::decryption::decrypt;
use super::element::XmlElement;
use super::encrypted::{EncryptedAssertion, is_encrypted};
use super::signature::{IdSet, XmlSignatureError, signed_elements};
use super::xml::{self, ASSERTION, Comments, PROTOCOL, XmlReadError};

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
    /// The response is encrypted in another way than this server supports, or not for a key of the provider. There is one
    /// reason for all of it, because the difference would help to guess at encrypted content.
    #[error(
        "its encrypted assertion can't be decrypted: there must be one, with AES-GCM and RSA-OAEP, for a private key of \
         the provider's registration"
    )]
    Undecryptable,
    /// The assertion isn't encrypted, and the provider's registration requires it.
    #[error("its assertion isn't encrypted, which the provider's registration requires")]
    NotEncrypted,
    /// The provider reports a failed login.
    #[error("its status isn't success")]
    Status,
    /// The signature isn't valid.
    #[error(transparent)]
    Signature(#[from] XmlSignatureError),
}

/// A response that was read, and what it has for an assertion.
pub(super) struct ReadResponse<'d> {
    pub(super) response: XmlElement<'d>,
    pub(super) content: ResponseContent<'d>,
}

/// The assertion of a response.
pub(super) enum ResponseContent<'d> {
    Plain(XmlElement<'d>),
    Encrypted(EncryptedAssertion<'d>),
}

/// A response and its one assertion, which may be in a document of its own. Neither is trusted before its signature is
/// verified.
#[derive(Clone, Copy)]
pub(super) struct ParsedResponse<'d> {
    pub(super) response: XmlElement<'d>,
    pub(super) assertion: XmlElement<'d>,
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

/// Parses a decrypted assertion of the response with the text `around`. Both count for the bounds.
pub(super) fn parse_decrypted<'t>(
    text: &'t str,
    around: &str,
) -> Result<Document<'t>, ResponseError> {
    let read = xml::read_behind(text, around, Comments::Refused);
    read.map_err(|_| ResponseError::Undecryptable)
}

/// Finds the assertion.
pub(super) fn read<'d>(document: &'d Document<'d>) -> Result<ReadResponse<'d>, ResponseError> {
    let response = XmlElement::root(document)
        .filter(|root| root.is(PROTOCOL, "Response"))
        .ok_or(ResponseError::Shape("it isn't a response of SAML 2.0"))?;
    let content = content(response)?;
    check_version(response)?;
    if let ResponseContent::Plain(assertion) = content {
        check_version(assertion)?;
    }
    Ok(ReadResponse { response, content })
}

/// Finds the assertion in a decrypted document.
pub(super) fn read_decrypted<'d>(
    document: &'d Document<'d>,
) -> Result<XmlElement<'d>, ResponseError> {
    let root = XmlElement::root(document).filter(|root| root.is(ASSERTION, "Assertion"));
    let root = root.ok_or(ResponseError::Undecryptable)?;
    let found = DocumentElements::of(document);
    if found.is_encrypted {
        return Err(ResponseError::Undecryptable);
    }
    found.check_responses(0)?;
    if found.assertions.len() > 1 {
        return Err(ResponseError::Shape("it has more than one assertion"));
    }
    check_version(root)?;
    Ok(root)
}

fn check_version(element: XmlElement<'_>) -> Result<(), ResponseError> {
    if element.attribute("Version") != Some("2.0") {
        return Err(ResponseError::Shape("it isn't of version 2.0"));
    }
    if element.attribute("ID").is_none_or(str::is_empty) {
        return Err(ResponseError::Shape(
            "the response or its assertion has no ID",
        ));
    }
    Ok(())
}

impl ReadResponse<'_> {
    /// Refuses the response of a failed login.
    pub(super) fn check_status(&self) -> Result<(), ResponseError> {
        check_status(self.response)
    }
}

impl EncryptedAssertion<'_> {
    /// Whether the response around the assertion is signed, before anything is decrypted. An invalid signature is refused.
    pub(super) fn is_response_signed(
        &self,
        response: XmlElement<'_>,
        required: &ResponseRequirements<'_>,
        ids: &mut IdSet,
    ) -> Result<bool, ResponseError> {
        let (signable, opaque) = ([response.node], Some(self.element.node));
        match signed_elements(response.document, &signable, opaque, ids, required) {
            Ok(_) => Ok(true),
            Err(XmlSignatureError::Unsigned) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The text of the assertion.
    pub(super) fn decrypted(
        &self,
        required: &ResponseRequirements<'_>,
    ) -> Result<String, ResponseError> {
        decrypt(self, required.decryption_keys).ok_or(ResponseError::Undecryptable)
    }
}

impl ParsedResponse<'_> {
    /// Refuses the response with a plain assertion without a valid signature. Returns what is signed, in words.
    pub(super) fn check_signature(
        &self,
        required: &ResponseRequirements<'_>,
    ) -> Result<&'static str, ResponseError> {
        let signable = [self.response.node, self.assertion.node];
        let (document, ids) = (self.response.document, &mut IdSet::default());
        let signed = signed_elements(document, &signable, None, ids, required)?;
        // Each of the signed elements contains the assertion.
        Ok(match &signed[..] {
            [one] if *one == self.assertion.node => "the assertion",
            [_] => "the response",
            _ => "the response and its assertion",
        })
    }

    /// The same of a decrypted assertion, which is a document of its own. `ids` are those of the response around it.
    pub(super) fn check_decrypted_signature(
        &self,
        is_response_signed: bool,
        required: &ResponseRequirements<'_>,
        ids: &mut IdSet,
    ) -> Result<&'static str, ResponseError> {
        let signable = [self.assertion.node];
        let signed = signed_elements(self.assertion.document, &signable, None, ids, required);
        match (signed, is_response_signed) {
            (Ok(_), false) => Ok("the assertion"),
            (Ok(_), true) => Ok("the response and its assertion"),
            (Err(XmlSignatureError::Unsigned), true) => Ok("the response"),
            (Err(error), _) => Err(error.into()),
        }
    }
}

/// The elements of a document that decide about its form. A second one with a name is refused at any depth and in any
/// namespace.
struct DocumentElements<'d> {
    responses: usize,
    assertions: Vec<XmlElement<'d>>,
    is_encrypted: bool,
}

impl<'d> DocumentElements<'d> {
    fn of(document: &'d Document<'d>) -> Self {
        let (mut responses, mut assertions, mut encrypted) = (0, Vec::new(), false);
        for element in XmlElement::all(document) {
            let name = element.local_name();
            encrypted |= is_encrypted(element);
            responses += usize::from(name.eq_ignore_ascii_case("Response"));
            if name.eq_ignore_ascii_case("Assertion") {
                assertions.push(element);
            }
        }
        Self {
            responses,
            assertions,
            is_encrypted: encrypted,
        }
    }

    fn check_responses(&self, wanted: usize) -> Result<(), ResponseError> {
        if self.responses == wanted {
            Ok(())
        } else {
            Err(ResponseError::Shape("it contains another response"))
        }
    }
}

/// The one assertion, a child of the response, plain or encrypted.
fn content(response: XmlElement<'_>) -> Result<ResponseContent<'_>, ResponseError> {
    let found = DocumentElements::of(response.document);
    if found.is_encrypted {
        let encrypted = EncryptedAssertion::read(response);
        let alone = encrypted.filter(|_| found.assertions.is_empty() && found.responses == 1);
        let alone = alone.ok_or(ResponseError::Undecryptable)?;
        return Ok(ResponseContent::Encrypted(alone));
    }
    found.check_responses(1)?;
    match found.assertions[..] {
        [] => Err(ResponseError::Shape("it has no assertion")),
        [one] if one.is(ASSERTION, "Assertion") && one.parent() == Some(response) => {
            Ok(ResponseContent::Plain(one))
        }
        [_] => Err(ResponseError::Shape(
            "its assertion is in the wrong position",
        )),
        _ => Err(ResponseError::Shape("it has more than one assertion")),
    }
}

fn check_status(response: XmlElement<'_>) -> Result<(), ResponseError> {
    let statuses: Vec<XmlElement<'_>> = response.named_in(PROTOCOL, "Status").collect();
    let [status] = statuses[..] else {
        return Err(ResponseError::Shape("it doesn't have exactly one status"));
    };
    let codes: Vec<XmlElement<'_>> = status.named_in(PROTOCOL, "StatusCode").collect();
    match codes[..] {
        [code] if code.attribute("Value") == Some(SUCCESS) && code.children().next().is_none() => {
            Ok(())
        }
        [_] => Err(ResponseError::Status),
        _ => Err(ResponseError::Shape("it doesn't have exactly one status")),
    }
}
