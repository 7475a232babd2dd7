//! Answers of an STS, in XML. Reads only the members that it needs, in any namespace, and resolves only XML's own
//! references.

use std::fmt;

use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};
use zeroize::Zeroizing;

/// The deepest nesting of elements.
const DEEPEST: usize = 16;

/// The longest session token, in characters.
const LONGEST_TOKEN: usize = 16 * 1024;

/// The longest text of an STS in the log, in characters.
const LONGEST_LOGGED: usize = 300;

/// The longest word of such a text, in bytes: a token's parts are longer.
const LONGEST_WORD: usize = 60;

/// Credentials of another STS, for their owner alone.
pub struct StsCredentials {
    /// The access key id: 1 to 128 visible characters.
    pub access_key_id: String,
    /// The secret access key: 1 to 256 visible characters.
    pub secret_key: Zeroizing<String>,
    /// The session token: 1 to 16,384 visible characters.
    pub session_token: String,
    /// The credentials' expiration, in whole seconds.
    pub expires: Timestamp,
}

/// Why an answer has no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StsAnswerError {
    /// The answer isn't XML, or has a document type, custom references or unclosed elements.
    #[error("the answer isn't plain XML")]
    Xml,
    /// The named member is missing, repeated, too long, or has invalid characters.
    #[error("{0} is missing, repeated or malformed")]
    Member(&'static str),
}

/// The `Error` of an STS's answer; printable and short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StsErrorResponse {
    /// The error's code; empty if there is none.
    pub code: String,
    /// The error's message; empty if there is none.
    pub message: String,
}

impl fmt::Display for StsErrorResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.as_str(), self.message.as_str()) {
            ("", _) => formatter.write_str("without a code"),
            (code, "") => formatter.write_str(code),
            (code, message) => write!(formatter, "{code}: {message}"),
        }
    }
}

impl StsErrorResponse {
    /// Reads the error in a body that may be anything, of a request for the identity `subject`. Not every STS has an
    /// `ErrorResponse` around its `Error`. The texts may repeat the identity's id and the token, which are secrets and
    /// are removed.
    pub fn read(body: &[u8], subject: &str) -> Self {
        let mut refusal = Self::default();
        // Everything before a syntax error counts.
        let _ = each_text(body, |path, text| {
            match path {
                [.., "Error", "Code"] => refusal.code = printable(text, subject),
                [.., "Error", "Message"] => refusal.message = printable(text, subject),
                _ => {}
            }
            Ok(())
        });
        refusal
    }
}

/// Reads the answer to AssumeRoleWithWebIdentity.
pub fn read(body: &[u8]) -> Result<StsCredentials, StsAnswerError> {
    let (mut id, mut secret, mut token, mut expiration) = (None, None, None, None);
    each_text(body, |path, text| {
        let [
            "AssumeRoleWithWebIdentityResponse",
            "AssumeRoleWithWebIdentityResult",
            "Credentials",
            name,
        ] = path
        else {
            return Ok(());
        };
        let (member, name, longest) = match *name {
            "AccessKeyId" => (&mut id, "AccessKeyId", 128),
            "SecretAccessKey" => (&mut secret, "SecretAccessKey", 256),
            "SessionToken" => (&mut token, "SessionToken", LONGEST_TOKEN),
            "Expiration" => (&mut expiration, "Expiration", 64),
            _ => return Ok(()),
        };
        let text = text.trim();
        let fits =
            (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if !fits || member.replace(Zeroizing::new(text.to_owned())).is_some() {
            return Err(StsAnswerError::Member(name));
        }
        Ok(())
    })?;
    let member = |found: Option<Zeroizing<String>>, name| found.ok_or(StsAnswerError::Member(name));
    let expires: Option<Timestamp> = member(expiration, "Expiration")?.parse().ok();
    let expires = expires.and_then(|expires| Timestamp::from_second(expires.as_second()).ok());
    Ok(StsCredentials {
        access_key_id: member(id, "AccessKeyId")?.to_string(),
        secret_key: member(secret, "SecretAccessKey")?,
        session_token: member(token, "SessionToken")?.to_string(),
        expires: expires.ok_or(StsAnswerError::Member("Expiration"))?,
    })
}

/// Calls `with` for each element at its end, with the local names from the root to it and the text after its last child.
fn each_text(
    body: &[u8],
    mut with: impl FnMut(&[&str], &str) -> Result<(), StsAnswerError>,
) -> Result<(), StsAnswerError> {
    let text = std::str::from_utf8(body).map_err(|_| StsAnswerError::Xml)?;
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut content = Zeroizing::new(String::new());
    loop {
        match reader.read_event().map_err(|_| StsAnswerError::Xml)? {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_owned());
                content.clear();
                if path.len() > DEEPEST {
                    return Err(StsAnswerError::Xml);
                }
            }
            Event::End(_) => {
                let names: Vec<&str> = path.iter().map(String::as_str).collect();
                with(&names, &content)?;
                path.pop();
                content.clear();
            }
            Event::Text(part) => content.push_str(&part.xml10_content()),
            Event::CData(part) => content.push_str(&part.xml10_content()),
            Event::GeneralRef(reference) => content.push(referred(&reference)?),
            Event::Empty(_) | Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Eof if path.is_empty() => return Ok(()),
            Event::DocType(_) | Event::Eof => return Err(StsAnswerError::Xml),
        }
    }
}

/// The character of a reference: one of its number, or one of the five that XML names.
fn referred(reference: &BytesRef<'_>) -> Result<char, StsAnswerError> {
    if let Some(character) = reference
        .resolve_char_ref()
        .map_err(|_| StsAnswerError::Xml)?
    {
        return Ok(character);
    }
    let name = reference.xml10_content();
    let resolved = resolve_xml_entity(&name).and_then(|text| text.chars().next());
    resolved.ok_or(StsAnswerError::Xml)
}

/// Makes a text fit for the log: printable, short, and without anything that may be a token, an id, or a part of one.
fn printable(text: &str, subject: &str) -> String {
    let is_of_words = |c: char| c.is_ascii_alphanumeric() || "-_.+=".contains(c);
    let uuid = subject.rsplit(':').next().unwrap_or(subject);
    let mut printable = String::new();
    for word in text.trim().split_inclusive(|c| !is_of_words(c)) {
        let (word, after) = match word.char_indices().next_back() {
            Some((at, last)) if !is_of_words(last) => (&word[..at], Some(last)),
            _ => (word, None),
        };
        if word.len() > LONGEST_WORD || (!uuid.is_empty() && word.contains(uuid)) {
            printable.push('…');
        } else {
            printable.push_str(word);
        }
        printable.extend(after.map(|last| if last.is_control() { ' ' } else { last }));
    }
    printable.chars().take(LONGEST_LOGGED).collect()
}
