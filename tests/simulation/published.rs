//! The published key sets: relying parties may keep a copy for as long as its answer allows, and every token that is issued
//! meanwhile must verify with it.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::server::Core;

/// How long a copy may be kept, in milliseconds: `max-age`.
const KEPT: i64 = 300_000;

/// Copies of the key set, with the times at which they were fetched.
#[derive(Default)]
pub struct KeySets(Vec<(i64, JwkSet)>);

impl KeySets {
    /// Fetches a copy.
    pub async fn fetch(&mut self, core: &Core, now: i64) -> Result<(), String> {
        let path = "/.well-known/jwks_uri";
        let headers = http::HeaderMap::new();
        let (status, text) = core.send("GET", path, headers, String::new()).await;
        if status != 200 {
            return Err(format!("the key set is answered with {status}: {text}"));
        }
        let set: JwkSet = serde_json::from_value(super::json(&text))
            .map_err(|error| format!("the key set can't be read: {error}"))?;
        self.0.retain(|(fetched, _)| now - fetched < KEPT);
        self.0.push((now, set));
        Ok(())
    }

    /// Whether there is no copy that may be used at `now`.
    pub fn are_old(&self, now: i64) -> bool {
        self.0.iter().all(|(fetched, _)| now - fetched >= KEPT)
    }

    /// Checks that a token that was issued at `now` verifies with every copy.
    pub fn verify(&self, token: &str, now: i64) -> Result<(), String> {
        let header = decode_header(token).map_err(|error| format!("no token: {error}"))?;
        let kid = header.kid.ok_or("a token without a key id")?;
        let mut rules = Validation::new(Algorithm::RS512);
        rules.validate_exp = false;
        rules.validate_aud = false;
        for (fetched, set) in self.0.iter().filter(|(fetched, _)| now - fetched < KEPT) {
            let age = (now - fetched) / 1000;
            let key = set.find(&kid).ok_or_else(|| {
                format!("a token is signed by a key that the key set of {age} seconds ago lacks")
            })?;
            let key = DecodingKey::from_jwk(key).map_err(|error| format!("no key: {error}"))?;
            decode::<Value>(token, &key, &rules)
                .map_err(|error| format!("a token doesn't verify with its key: {error}"))?;
        }
        Ok(())
    }
}
