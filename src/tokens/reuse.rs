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

pub(super) type ClaimsHash = [u8; 32];

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

    /// The token under the hash of these claims, if it has most of its life left.
    pub(super) fn find(&self, hash: &ClaimsHash, claims: &TokenClaims<'_>) -> Option<String> {
        let found = self.0.get(hash)?;
        let age = claims.issued.duration_since(found.issued);
        is_fresh(age, claims.lifetime).then_some(found.token)
    }

    /// Keeps a token under the hash of its claims.
    pub(super) fn keep(&self, hash: ClaimsHash, token: String, claims: &TokenClaims<'_>) {
        let issued = claims.issued;
        self.0.insert(hash, IssuedToken { token, issued });
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

/// The hash of these claims without their times, and of the key that signs them.
pub(super) fn hash(key: &SigningKey, claims: &TokenClaims<'_>, issuer: &str) -> ClaimsHash {
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
