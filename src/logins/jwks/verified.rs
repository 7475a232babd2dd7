//! The signatures that were verified during the last minute. SDKs send each token to GetId and then to
//! GetCredentialsForIdentity, so the second call needs no public-key operation.
//!
//! An entry replaces the work of one verification and never a check: the key set, the key's id, use and algorithm, the
//! token's times, audience and pool are checked each time, and an entry belongs to the key's whole JWK. Only successes are
//! remembered.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use super::JwsAlgorithm;
use super::key::VerificationKey;

/// How long a signature is remembered.
const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// The number of remembered signatures, of all issuers together.
const MOST: usize = 20_000;

pub(super) type SignatureHash = [u8; 32];

/// The remembered signatures, by the hash of key, algorithm, message and signature, with the time of their verification.
pub(super) struct VerifiedSignatures(Cache<SignatureHash, Timestamp>);

impl VerifiedSignatures {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    /// Whether the signature with this hash was verified within a minute of `now`, the time of the call.
    pub(super) fn contains(&self, hash: &SignatureHash, now: Timestamp) -> bool {
        let verified_at = self.0.get(hash);
        verified_at.is_some_and(|at| now.duration_since(at).abs() < LIFETIME)
    }

    /// Remembers a signature that was verified at `now`.
    pub(super) fn add(&self, hash: SignatureHash, now: Timestamp) {
        self.0.insert(hash, now);
    }
}

impl fmt::Debug for VerifiedSignatures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VerifiedSignatures(…)")
    }
}

/// The hash of everything that a signature's verification depends on.
pub(super) fn hash(
    key: &VerificationKey,
    algorithm: JwsAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> SignatureHash {
    let mut hash = Context::new(&SHA256);
    hash.update(key.fingerprint());
    // A length before each part makes the encoding unambiguous.
    for part in [[algorithm as u8].as_slice(), signature, message] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut found = [0; 32];
    found.copy_from_slice(hash.finish().as_ref());
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::logins::fake::{TestKey, key_set};
    use crate::logins::id_token::jws::{Jws, JwsError, verify_by};
    use crate::logins::jwks::{JWS_ALGORITHMS, JwkSet};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn checked(
        verified: &VerifiedSignatures,
        token: &str,
        keys: &JwkSet,
        now: Timestamp,
    ) -> Result<(), JwsError> {
        let jws = Jws::parse(token).unwrap();
        verify_by(
            &jws,
            keys,
            JWS_ALGORITHMS,
            |key, algorithm, message, signature| {
                let hash = hash(key, algorithm, message, signature);
                let is_valid =
                    verified.contains(&hash, now) || key.verifies(algorithm, message, signature);
                if is_valid {
                    verified.add(hash, now);
                }
                is_valid
            },
        )
    }

    fn remembers(
        verified: &VerifiedSignatures,
        token: &str,
        keys: &JwkSet,
        now: Timestamp,
    ) -> bool {
        let jws = Jws::parse(token).unwrap();
        let remembered = std::cell::Cell::new(false);
        let _ = verify_by(
            &jws,
            keys,
            JWS_ALGORITHMS,
            |key, algorithm, message, signature| {
                let hash = hash(key, algorithm, message, signature);
                remembered.set(verified.contains(&hash, now));
                true
            },
        );
        remembered.get()
    }

    #[test]
    fn a_signature_is_remembered_for_a_minute() {
        let key = TestKey::rsa("a");
        let (token, keys) = (key.token(&json!({})), key_set([&key]));
        let verified = VerifiedSignatures::new();
        assert!(!remembers(&verified, &token, &keys, NOW));
        assert_eq!(checked(&verified, &token, &keys, NOW), Ok(()));
        assert!(remembers(&verified, &token, &keys, NOW));
        assert!(remembers(
            &verified,
            &token,
            &keys,
            NOW + SignedDuration::from_secs(59)
        ));
        for later in [LIFETIME, -LIFETIME] {
            assert!(!remembers(&verified, &token, &keys, NOW + later), "{later}");
        }
    }

    #[test]
    fn a_wrong_signature_is_never_remembered() {
        let (key, other) = (TestKey::edwards("a"), TestKey::edwards("a"));
        let (token, keys) = (other.token(&json!({})), key_set([&key]));
        let verified = VerifiedSignatures::new();
        for _ in 0..2 {
            assert_eq!(
                checked(&verified, &token, &keys, NOW),
                Err(JwsError::Signature)
            );
            assert!(!remembers(&verified, &token, &keys, NOW));
        }
    }

    #[test]
    fn another_key_message_signature_or_algorithm_is_verified() {
        let (key, other) = (TestKey::edwards("a"), TestKey::edwards("a"));
        let token = key.token(&json!({ "sub": "a" }));
        let verified = VerifiedSignatures::new();
        assert_eq!(checked(&verified, &token, &key_set([&key]), NOW), Ok(()));
        let replaced = checked(&verified, &token, &key_set([&other]), NOW);
        assert_eq!(replaced, Err(JwsError::Signature));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let another = key.token(&json!({ "sub": "b" }));
        let another = another.split('.').nth(1).unwrap();
        let forged = format!("{header}.{another}.{signature}");
        let refused = checked(&verified, &forged, &key_set([&key]), NOW);
        assert_eq!(refused, Err(JwsError::Signature));
        let rsa = TestKey::rsa("b");
        let token = rsa.token(&json!({}));
        assert_eq!(checked(&verified, &token, &key_set([&rsa]), NOW), Ok(()));
        let with_other_algorithm = rsa.token_with(&json!({ "alg": "PS256" }), &json!({}));
        assert!(!remembers(
            &verified,
            &with_other_algorithm,
            &key_set([&rsa]),
            NOW
        ));
    }

    #[test]
    fn the_number_of_signatures_is_bounded() {
        let verified = VerifiedSignatures::new();
        for number in 0..3 * MOST as u64 {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            verified.0.insert(hash, NOW);
        }
        assert!(verified.0.len() <= MOST);
    }
}
