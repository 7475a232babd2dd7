//! The errors in a document, as sentences for its author. `error` decides their code and status on the wire.

use std::fmt;

use super::elements::JsonPath;

/// The most errors of one report.
const MOST: usize = 20;

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The document is too long.
    #[error("the policy is longer than {limit} characters")]
    TooLong {
        /// The most characters that it may have.
        limit: usize,
    },
    /// The document violates the language: every error in the document's order, 20 at most. `Display` is the text of
    /// MalformedPolicyDocument; for a single error it is the service's own sentence, where one is known.
    #[error("{}", sentences(.0))]
    Malformed(Vec<PolicyDiagnostic>),
}

/// One error in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDiagnostic {
    /// The path: `Statement[1].Action[0]`. Empty for the document, and for its only statement.
    pub path: String,
    /// The sentence. It quotes only short and printable parts of the document.
    pub message: String,
}

impl fmt::Display for PolicyDiagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            formatter.write_str(&self.message)
        } else {
            write!(formatter, "{}: {}", self.path, self.message)
        }
    }
}

fn sentences(diagnostics: &[PolicyDiagnostic]) -> String {
    let [one] = diagnostics else {
        let all = diagnostics.iter().map(|diagnostic| {
            let sentence = diagnostic.to_string();
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

/// The errors found so far.
#[derive(Debug, Default)]
pub(super) struct PolicyDiagnostics(Vec<PolicyDiagnostic>);

impl PolicyDiagnostics {
    /// Adds an error at `path`.
    pub(super) fn note(&mut self, path: &JsonPath<'_>, message: impl Into<String>) {
        if self.0.len() < MOST {
            self.0.push(PolicyDiagnostic {
                path: path.to_string(),
                message: message.into(),
            });
        }
    }

    /// Adds a syntax error at `path`.
    pub(super) fn syntax(&mut self, path: &JsonPath<'_>, what: impl fmt::Display) {
        self.note(path, format!("Syntax errors in policy: {what}."));
    }

    /// Answers the parsed value if there is no error.
    pub(super) fn or<T>(self, read: Option<T>) -> Result<T, PolicyError> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            _ => Err(PolicyError::Malformed(self.0)),
        }
    }
}
