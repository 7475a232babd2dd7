//! What an STS answers, in XML. Only what is asked for is read, whatever namespace it has; nothing is resolved but the
//! references that XML itself has.

use std::fmt;

use jiff::Timestamp;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};
use zeroize::Zeroizing;

/// How deep elements may be nested.
const DEEPEST: usize = 16;

/// The longest session token that is passed on, in characters.
const LONGEST_TOKEN: usize = 16 * 1024;

/// How much of what an STS says goes to the log, in characters.
const LONGEST_SAID: usize = 300;

/// How long a word in it may be, in bytes: a token's parts are longer.
const LONGEST_WORD: usize = 60;

/// Credentials of another STS, for their owner alone.
pub struct Obtained {
    /// 1 to 128 visible characters.
    pub access_key_id: String,
    /// 1 to 256 visible characters.
    pub secret_key: Zeroizing<String>,
    /// 1 to 16,384 visible characters.
    pub session_token: String,
    /// When they end, in whole seconds.
    pub expires: Timestamp,
}

/// Why an answer gives no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAnswer {
    /// It isn't XML, or has a document type, references of its own, or elements without end.
    #[error("it isn't XML of a plain kind")]
    Xml,
    /// It lacks this member, has it twice, or with characters or a length that it can't have.
    #[error("its {0} is missing, doubled or malformed")]
    Member(&'static str),
}

/// What an STS says where it refuses; printable, and short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Its code; empty where it tells none.
    pub code: String,
    /// Its message; empty where it tells none.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.as_str(), self.message.as_str()) {
            ("", _) => formatter.write_str("without a code"),
            (code, "") => formatter.write_str(code),
            (code, message) => write!(formatter, "{code}: {message}"),
        }
    }
}

impl Refusal {
    /// What is said in a body that may be anything, about the identity with the id `subject`. Not every STS has an
    /// `ErrorResponse` around its `Error`. What is said may repeat whom it is about, and what was shown: a guest's id is a
    /// secret, as tokens are.
    pub fn read(body: &[u8], subject: &str) -> Self {
        let mut refusal = Self::default();
        // What stands before something that isn't XML counts.
        let _ = each_text(body, |path, text| {
            match path {
                [.., "Error", "Code"] => refusal.code = said(text, subject),
                [.., "Error", "Message"] => refusal.message = said(text, subject),
                _ => {}
            }
            Ok(())
        });
        refusal
    }
}

/// Reads the answer to AssumeRoleWithWebIdentity.
pub fn read(body: &[u8]) -> Result<Obtained, NotAnAnswer> {
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
        let (place, name, longest) = match *name {
            "AccessKeyId" => (&mut id, "AccessKeyId", 128),
            "SecretAccessKey" => (&mut secret, "SecretAccessKey", 256),
            "SessionToken" => (&mut token, "SessionToken", LONGEST_TOKEN),
            "Expiration" => (&mut expiration, "Expiration", 64),
            _ => return Ok(()),
        };
        let text = text.trim();
        let fits =
            (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if !fits || place.replace(Zeroizing::new(text.to_owned())).is_some() {
            return Err(NotAnAnswer::Member(name));
        }
        Ok(())
    })?;
    let member = |found: Option<Zeroizing<String>>, name| found.ok_or(NotAnAnswer::Member(name));
    let expires: Option<Timestamp> = member(expiration, "Expiration")?.parse().ok();
    let expires = expires.and_then(|expires| Timestamp::from_second(expires.as_second()).ok());
    Ok(Obtained {
        access_key_id: member(id, "AccessKeyId")?.to_string(),
        secret_key: member(secret, "SecretAccessKey")?,
        session_token: member(token, "SessionToken")?.to_string(),
        expires: expires.ok_or(NotAnAnswer::Member("Expiration"))?,
    })
}

/// Calls `with` for each element that ends, with the local names from the root to it and the text behind its last child.
fn each_text(
    body: &[u8],
    mut with: impl FnMut(&[&str], &str) -> Result<(), NotAnAnswer>,
) -> Result<(), NotAnAnswer> {
    let text = std::str::from_utf8(body).map_err(|_| NotAnAnswer::Xml)?;
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut content = Zeroizing::new(String::new());
    loop {
        match reader.read_event().map_err(|_| NotAnAnswer::Xml)? {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_owned());
                content.clear();
                if path.len() > DEEPEST {
                    return Err(NotAnAnswer::Xml);
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
            Event::DocType(_) | Event::Eof => return Err(NotAnAnswer::Xml),
        }
    }
}

/// The character of a reference: one of its number, or one of the five that XML names.
fn referred(reference: &BytesRef<'_>) -> Result<char, NotAnAnswer> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| NotAnAnswer::Xml)? {
        return Ok(character);
    }
    let name = reference.xml10_content();
    let resolved = resolve_xml_entity(&name).and_then(|text| text.chars().next());
    resolved.ok_or(NotAnAnswer::Xml)
}

/// What goes to the log of a text: printable, short, and without what may be a token, an id, or a part of one.
fn said(text: &str, subject: &str) -> String {
    let is_of_words = |c: char| c.is_ascii_alphanumeric() || "-_.+=".contains(c);
    let uuid = subject.rsplit(':').next().unwrap_or(subject);
    let mut said = String::new();
    for word in text.trim().split_inclusive(|c| !is_of_words(c)) {
        let (word, behind) = match word.char_indices().next_back() {
            Some((at, last)) if !is_of_words(last) => (&word[..at], Some(last)),
            _ => (word, None),
        };
        if word.len() > LONGEST_WORD || (!uuid.is_empty() && word.contains(uuid)) {
            said.push('…');
        } else {
            said.push_str(word);
        }
        said.extend(behind.map(|last| if last.is_control() { ' ' } else { last }));
    }
    said.chars().take(LONGEST_SAID).collect()
}
