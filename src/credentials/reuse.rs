//! The sessions that were issued lately for container credentials, so that the processes of one workload share one.
//!
//! A session is found under the hash of everything that it states except its times, of the lifetime that was requested, and of
//! the key that seals it. So a change of the identity, its logins, its role, its tags, the pool, the generation or the sealing
//! key leads to a new session. The caller makes all its checks before.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use super::{IssuedCredentials, KeyId, Session};

/// The number of sessions.
const MOST: usize = 5000;

/// The shortest rest of a shared session. With less than 15 minutes left, many SDKs ask again at each request.
const LEAST_LEFT: SignedDuration = SignedDuration::from_mins(20);

pub(super) type SessionHash = [u8; 32];

/// Credentials that several processes of a workload may have.
pub struct SharedCredentials {
    /// The credentials.
    pub credentials: IssuedCredentials,
    /// The session's beginning.
    pub issued: Timestamp,
    /// The session's end.
    pub expires: Timestamp,
}

/// The sessions that were issued lately.
pub(super) struct IssuedSessions(Cache<SessionHash, Arc<SharedCredentials>>);

impl IssuedSessions {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    /// The session under this hash, if most of its life is left at `now`.
    pub(super) fn find(
        &self,
        hash: &SessionHash,
        now: Timestamp,
    ) -> Option<Arc<SharedCredentials>> {
        let found = self.0.get(hash)?;
        let life = found.expires.duration_since(found.issued);
        let is_begun = now >= found.issued;
        (is_begun && found.expires.duration_since(now) > least_left(life)).then_some(found)
    }

    /// Keeps a session under its hash.
    pub(super) fn keep(&self, hash: SessionHash, shared: Arc<SharedCredentials>) {
        self.0.insert(hash, shared);
    }
}

impl fmt::Debug for IssuedSessions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IssuedSessions(…)")
    }
}

/// The rest that a session of this lifetime must have to be shared: half of it and 20 minutes, but of a session of at most 20
/// minutes only half.
pub fn least_left(lifetime: SignedDuration) -> SignedDuration {
    let half = lifetime / 2;
    if lifetime > LEAST_LEFT {
        half.max(LEAST_LEFT)
    } else {
        half
    }
}

/// The hash of a session without its times, of the lifetime that was requested for it, and of the key that seals it.
pub(super) fn hash(key: KeyId, session: &Session, lifetime: SignedDuration) -> SessionHash {
    let without_times = Session {
        issued: Timestamp::UNIX_EPOCH,
        expires: Timestamp::UNIX_EPOCH,
        ..session.clone()
    };
    let mut text = serde_json::to_vec(&without_times).expect("a session can be written");
    text.extend_from_slice(&lifetime.as_secs().to_be_bytes());
    text.extend_from_slice(&key);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &text).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_session_and_twenty_minutes_are_left() {
        for (minutes, left) in [(15, 7), (20, 10), (21, 20), (30, 20), (60, 30), (720, 360)] {
            let least = least_left(SignedDuration::from_mins(minutes));
            assert_eq!(least.as_mins(), left, "{minutes}");
        }
    }
}
