//! Introspection: what a provider answers about an access token, and why it doesn't. Nothing that a provider writes
//! reaches a log but the numbers and names of its errors: its sentences may quote the token.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::model::json::JsonError;
use crate::outgoing::{Fetched, OutgoingError};

/// The longest user id, in characters.
const LONGEST_USER: usize = 255;

/// What a provider states about a valid access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introspection {
    /// The names of the one app that the token is for.
    pub apps: Vec<String>,
    /// The user's id there, 1 to 255 characters.
    pub user: String,
    /// The remaining lifetime of the token, if the provider states it.
    pub expires_in: Option<SignedDuration>,
}

/// Why a string isn't an access token of the provider, which isn't asked then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenFormatError {
    /// The string is empty, too long, or has characters that no token has.
    #[error("it doesn't have the form of the provider's access tokens")]
    Malformed,
    /// The string isn't a token and its secret with a semicolon between them.
    #[error("it isn't a token and its secret")]
    NotAPair,
    /// The string is an ID token.
    #[error(
        "it is an ID token (Limited Login): register an OpenID Connect provider for its issuer to accept such tokens"
    )]
    IdToken,
}

/// A provider's answer that the access token isn't valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it was answered with {status}, error {code}")]
pub struct TokenRejected {
    /// The status of the answer.
    pub status: u16,
    /// The number or name of the error, at most 64 printable characters.
    pub code: String,
}

/// Why a provider gives no answer about an access token.
#[derive(Debug, thiserror::Error)]
pub enum IntrospectionFailure {
    /// The provider can't be reached.
    #[error("the provider can't be reached")]
    Outgoing(#[source] OutgoingError),
    /// The status of the answer neither accepts nor rejects the token.
    #[error("the provider answered with {0}")]
    Status(u16),
    /// The answer is an error that isn't about the token.
    #[error("the provider answered with {status}, error {code}")]
    Failure {
        /// The status of the answer.
        status: u16,
        /// The number or name of the error.
        code: String,
    },
    /// The answer isn't the JSON that it should be.
    #[error("the provider's answer can't be read")]
    Unreadable(#[source] JsonError),
    /// A member of the answer is missing or unusable.
    #[error("the provider's answer has no usable {0}")]
    Lacks(&'static str),
    /// Too many requests to the provider are in flight.
    #[error("the provider is being asked about too many tokens")]
    TooMany,
    /// The request to the provider was cancelled.
    #[error("the request to the provider was cancelled")]
    Cancelled,
}

/// Why an access token isn't accepted by its provider.
#[derive(Debug, Clone)]
pub enum IntrospectionError {
    /// The provider rejects the token.
    Rejected(TokenRejected),
    /// The provider decides nothing.
    Failed(Arc<IntrospectionFailure>),
}

impl From<IntrospectionFailure> for IntrospectionError {
    fn from(failure: IntrospectionFailure) -> Self {
        Self::Failed(Arc::new(failure))
    }
}

impl From<OutgoingError> for IntrospectionError {
    fn from(error: OutgoingError) -> Self {
        IntrospectionFailure::Outgoing(error).into()
    }
}

impl IntrospectionError {
    /// A rejection; `code` is cut to what a log may hold.
    pub(super) fn rejected(status: u16, code: &str) -> Self {
        Self::Rejected(TokenRejected {
            status,
            code: printable(code),
        })
    }

    /// A failure of the provider; `code` is cut to what a log may hold.
    pub(super) fn failure(status: u16, code: &str) -> Self {
        let code = printable(code);
        IntrospectionFailure::Failure { status, code }.into()
    }
}

fn printable(code: &str) -> String {
    let safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
    code.chars().filter(safe).take(64).collect()
}

/// The user's id in an answer: a string of 1 to 255 characters.
pub(super) fn user_id(id: String) -> Result<String, IntrospectionError> {
    if (1..=LONGEST_USER).contains(&id.chars().count()) {
        Ok(id)
    } else {
        Err(IntrospectionFailure::Lacks("user id").into())
    }
}

/// A numeric id written as a string, as Facebook and Twitter write their ids.
pub(super) fn numeric_id(id: String, member: &'static str) -> Result<String, IntrospectionError> {
    if !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(id)
    } else {
        Err(IntrospectionFailure::Lacks(member).into())
    }
}

/// Whether a string has 1 to `longest` visible ASCII characters.
pub(super) fn is_visible(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The status and the body of an answer.
pub(super) fn parts(fetched: &Fetched) -> (u16, &[u8]) {
    (fetched.status.as_u16(), &fetched.body)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The result of reading an answer, in a word: the user, `rejected …` or `failed: …`.
    pub(in crate::logins::access_token) fn summary(
        read: Result<String, IntrospectionError>,
    ) -> String {
        match read {
            Ok(user) => user,
            Err(IntrospectionError::Rejected(no)) => format!("rejected {} {}", no.status, no.code),
            Err(IntrospectionError::Failed(why)) => format!("failed: {why}"),
        }
    }

    #[test]
    fn what_a_provider_calls_its_error_is_safe_in_a_log() {
        let IntrospectionError::Rejected(no) =
            IntrospectionError::rejected(400, &"a\n\"<é 190/463".repeat(20))
        else {
            panic!("a rejection")
        };
        assert!(no.code.starts_with("a190/463a190"), "{}", no.code);
        assert_eq!(no.code.len(), 64);
    }
}
