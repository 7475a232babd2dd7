//! A JWK set: which of its keys may verify tokens. <https://www.rfc-editor.org/rfc/rfc7517>, section 5.

use serde_json::Value;

use super::key::VerificationKey;
use crate::model::json::{self, JsonError};

/// The number of keys that a set may have.
const MOST: usize = 100;

/// The keys of an issuer that may verify its tokens.
pub struct JwkSet {
    keys: Vec<VerificationKey>,
    /// The ids of the other keys in the set.
    rejected: Vec<String>,
}

/// Why a document isn't a JWK set.
#[derive(Debug, thiserror::Error)]
pub enum JwkSetError {
    /// The document isn't strict JSON.
    #[error("it can't be read")]
    Json(#[source] JsonError),
    /// `keys` isn't an array of objects.
    #[error("it has no array of keys")]
    Shape,
    /// The set has more than 100 keys.
    #[error("it has more than {MOST} keys")]
    TooMany,
}

impl JwkSet {
    /// Reads a JWK set. Keys that may not verify tokens (private, symmetric, weak, for another use, of an unknown type)
    /// are rejected one by one.
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        let document = json::read(document).map_err(JwkSetError::Json)?;
        let members = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(JwkSetError::Shape)?;
        if members.len() > MOST {
            return Err(JwkSetError::TooMany);
        }
        let mut keys = Vec::new();
        let mut rejected = Vec::new();
        for member in members {
            let jwk = member.as_object().ok_or(JwkSetError::Shape)?;
            let kid = jwk.get("kid").and_then(Value::as_str);
            match VerificationKey::read(jwk) {
                Ok(key) => keys.push(key),
                Err(why) => {
                    tracing::debug!(kid, why, "a key of an issuer is not used");
                    rejected.extend(kid.map(str::to_owned));
                }
            }
        }
        Ok(Self { keys, rejected })
    }

    /// The keys that may verify tokens, in the set's order.
    pub(in crate::logins) fn keys(&self) -> impl Iterator<Item = &VerificationKey> {
        self.keys.iter()
    }

    /// Whether the set has a key with this id that may not verify tokens.
    pub(in crate::logins) fn rejects(&self, kid: &str) -> bool {
        self.rejected.iter().any(|id| id == kid)
    }

    /// Whether the set has a key with this id, usable or not.
    pub(super) fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.id() == Some(kid)) || self.rejects(kid)
    }
}

impl std::fmt::Debug for JwkSet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(VerificationKey::id).collect();
        formatter.debug_tuple("JwkSet").field(&ids).finish()
    }
}
