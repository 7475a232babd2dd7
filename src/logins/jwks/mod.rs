//! A set of an issuer's keys, read once. Fetching and keeping sets is the matter of `remote` and `issuer_keys`.

mod jwk;
mod roca;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub(super) use self::jwk::Key;
use crate::model::json::{self, JsonError};

/// How many keys a set may have.
const MOST: usize = 100;

/// The keys of an issuer that may vouch for its tokens.
pub struct KeySet {
    keys: Vec<Key>,
    /// The ids of keys that are in the set and may not.
    left_out: Vec<String>,
}

/// Why a document is no key set.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// Not strict JSON.
    #[error("it can't be read")]
    Json(#[source] JsonError),
    /// No array of objects under `keys`.
    #[error("it has no list of keys")]
    Shape,
    /// More than 100 keys.
    #[error("it has more than {MOST} keys")]
    TooMany,
}

impl KeySet {
    /// Reads a JWK set. Keys that may vouch for nothing (private, symmetric, weak, of another use, of an unknown kind)
    /// are left out; the others stand.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        let document = json::read(document).map_err(KeySetError::Json)?;
        let members = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetError::Shape)?;
        if members.len() > MOST {
            return Err(KeySetError::TooMany);
        }
        let mut keys = Vec::new();
        let mut left_out = Vec::new();
        for member in members {
            let jwk = member.as_object().ok_or(KeySetError::Shape)?;
            let kid = jwk.get("kid").and_then(Value::as_str);
            match Key::read(jwk) {
                Ok(key) => keys.push(key),
                Err(why) => {
                    tracing::debug!(kid, why, "a key of an issuer is left out");
                    left_out.extend(kid.map(str::to_owned));
                }
            }
        }
        Ok(Self { keys, left_out })
    }

    /// The keys that may vouch for tokens, in the set's order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    /// Whether a key of this id is in the set and may not vouch.
    pub(super) fn leaves_out(&self, kid: &str) -> bool {
        self.left_out.iter().any(|id| id == kid)
    }

    /// Whether a key of this id is in the set, fit or not.
    pub(super) fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.id() == Some(kid)) || self.leaves_out(kid)
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<_> = self.keys.iter().map(Key::id).collect();
        formatter.debug_tuple("KeySet").field(&ids).finish()
    }
}
