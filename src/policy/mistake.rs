//! What is wrong with a document, in sentences for whoever wrote it. Not an error of the wire: which code and status it
//! becomes is decided elsewhere.

use std::fmt;

use super::reading::Place;

/// How many mistakes are told at once.
const MOST: usize = 20;

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is longer than it may be.
    #[error("the policy is longer than {limit} characters")]
    TooLong {
        /// How many characters it may have.
        limit: usize,
    },
    /// It doesn't follow the language: every mistake, in the order of the document, 20 at most. The text is one for
    /// MalformedPolicyDocument: of a single mistake that is the service's own sentence, where one is known.
    #[error("{}", sentences(.0))]
    Malformed(Vec<Mistake>),
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where: `Statement[1].Action[0]`. Empty for the document, and for its only statement.
    pub place: String,
    /// What, in a sentence. What it repeats of the document is short and printable.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            formatter.write_str(&self.message)
        } else {
            write!(formatter, "{}: {}", self.place, self.message)
        }
    }
}

fn sentences(mistakes: &[Mistake]) -> String {
    let [one] = mistakes else {
        let all = mistakes.iter().map(|mistake| {
            let sentence = mistake.to_string();
            let stop = if sentence.ends_with(['.', '!']) {
                ""
            } else {
                "."
            };
            sentence + stop
        });
        return all.collect::<Vec<_>>().join(" ");
    };
    one.to_string()
}

/// The mistakes noted so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Notes what is wrong at `place`.
    pub(super) fn note(&mut self, place: &Place<'_>, message: impl Into<String>) {
        if self.0.len() < MOST {
            self.0.push(Mistake {
                place: place.to_string(),
                message: message.into(),
            });
        }
    }

    /// Notes that the grammar isn't followed at `place`.
    pub(super) fn syntax(&mut self, place: &Place<'_>, what: impl fmt::Display) {
        self.note(place, format!("Syntax errors in policy: {what}."));
    }

    /// What was read, if nothing is wrong with it.
    pub(super) fn or<T>(self, read: Option<T>) -> Result<T, PolicyError> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            _ => Err(PolicyError::Malformed(self.0)),
        }
    }
}
