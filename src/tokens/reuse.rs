//! The tokens that were issued lately, so that one is returned again instead of signed again. A pool that wants the real
//! service's behaviour, a new token at each call, doesn't use this.
//!
//! A token is found under the hash of everything that it states except its times, and of the key that signed it. So a change of
//! the identity, its logins, its tags, the pool, the generation or the signing key leads to a new token. The caller makes
//! all its checks before.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use super::claims::TokenClaims;
use super::signing_key::SigningKey;

/// The number of tokens.
const MOST: usize = 5000;

type ClaimsHash = [u8; 32];

/// The tokens that were issued lately.
pub(super) struct IssuedTokens(Cache<ClaimsHash, IssuedToken>);

#[derive(Clone)]
struct IssuedToken {
    token: String,
    issued: Timestamp,
}

impl IssuedTokens {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    /// A token with these claims that `key` signed and that has most of its life left, or a new one.
    pub(super) fn get_or_sign(
        &self,
        key: &SigningKey,
        claims: &TokenClaims<'_>,
        issuer: &str,
    ) -> String {
        let hash = hash(key, claims, issuer);
        if let Some(found) = self.0.get(&hash)
            && is_fresh(claims.issued.duration_since(found.issued), claims.lifetime)
        {
            return found.token;
        }
        let token = key.sign(&claims.text(issuer));
        let copy = IssuedToken {
            token: token.clone(),
            issued: claims.issued,
        };
        self.0.insert(hash, copy);
        token
    }
}

/// Whether a token of this age has more than half of its life left. The age is negative if the clock stepped back.
fn is_fresh(age: SignedDuration, lifetime: SignedDuration) -> bool {
    !age.is_negative() && age < lifetime / 2
}

impl fmt::Debug for IssuedTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IssuedTokens(…)")
    }
}

fn hash(key: &SigningKey, claims: &TokenClaims<'_>, issuer: &str) -> ClaimsHash {
    let without_times = TokenClaims {
        issued: Timestamp::UNIX_EPOCH,
        ..*claims
    };
    let mut text = without_times.text(issuer);
    text.extend_from_slice(key.header().as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &text).as_ref());
    hash
}
