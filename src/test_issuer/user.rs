//! A test user: a subject and further claims, which can't replace those that the issuer sets.

use serde_json::{Map, Value};

/// The longest subject, in characters: the longest that a login has.
const LONGEST_SUBJECT: usize = 255;

/// How many further claims a user may have.
const MOST_CLAIMS: usize = 50;

/// The longest further claims, in bytes of JSON.
const LONGEST_CLAIMS: usize = 16 * 1024;

/// The claims that the issuer sets.
const OWN: [&str; 8] = [
    "iss",
    "sub",
    "aud",
    "azp",
    "iat",
    "exp",
    "nonce",
    "auth_time",
];

/// A user of the test issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestUser {
    subject: String,
    claims: Map<String, Value>,
}

/// Why a test user can't be that of a token; `Display` is a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestUserError {
    /// The subject is empty or too long.
    #[error("the subject (sub) has 1 to 255 characters")]
    Subject,
    /// A claim is set by the issuer itself.
    #[error("the claim {0} is set by the issuer")]
    Own(&'static str),
    /// There are too many claims, or they are too long.
    #[error("a user has at most 50 further claims of 16 KiB of JSON")]
    TooMany,
}

impl TestUser {
    /// The user with this subject and these further claims.
    pub fn new(subject: &str, claims: Map<String, Value>) -> Result<Self, TestUserError> {
        if subject.is_empty() || subject.chars().count() > LONGEST_SUBJECT {
            return Err(TestUserError::Subject);
        }
        if let Some(own) = OWN.iter().find(|own| claims.contains_key(**own)) {
            return Err(TestUserError::Own(own));
        }
        if claims.len() > MOST_CLAIMS
            || Value::Object(claims.clone()).to_string().len() > LONGEST_CLAIMS
        {
            return Err(TestUserError::TooMany);
        }
        Ok(Self {
            subject: subject.to_owned(),
            claims,
        })
    }

    /// The claim `sub`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The further claims.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}
