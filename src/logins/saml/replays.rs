//! Replay protection: a response is valid at one relying party, a pool or the STS, until its end. A pool accepts it
//! repeatedly, because every SDK sends it to GetId and then to GetCredentialsForIdentity. A stolen response is refused
//! at every other relying party.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use aws_lc_rs::digest;
use jiff::Timestamp;
use uuid::Uuid;

/// The number of responses that are remembered at once, about 100 bytes each.
const MOST: usize = 200_000;

/// The responses that were presented, until their ends.
#[derive(Debug, Default)]
pub(in crate::logins) struct ReplayCache {
    presented: Mutex<HashMap<[u8; 32], Presentation>>,
}

/// The relying party to which a response is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelyingParty {
    /// The identity pool with this UUID.
    Pool(Uuid),
    /// The STS, for any role.
    Sts,
}

#[derive(Debug)]
struct Presentation {
    relying_party: RelyingParty,
    end: i64,
}

/// Why a valid response is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The response was presented to another relying party.
    #[error("it was presented to another pool or to the STS before")]
    OtherRelyingParty,
    /// The cache is full of responses that are still valid.
    #[error("{MOST} other responses are still valid: this one can't be remembered")]
    Full,
}

impl ReplayCache {
    /// Claims the assertion `id` of `issuer`, valid until the second `end`, for a relying party.
    pub(super) fn claim(
        &self,
        (issuer, id): (&str, &str),
        relying_party: RelyingParty,
        end: i64,
        now: Timestamp,
    ) -> Result<(), ReplayError> {
        let claimed = Presentation { relying_party, end };
        self.claim_within(MOST, key(issuer, id), claimed, now.as_second())
    }

    /// Whether [`ReplayCache::claim`] would succeed. Nothing is remembered.
    pub(super) fn check(
        &self,
        (issuer, id): (&str, &str),
        relying_party: RelyingParty,
        now: Timestamp,
    ) -> Result<(), ReplayError> {
        let mut all = self.lock();
        let key = key(issuer, id);
        may_claim(MOST, &mut all, &key, relying_party, now.as_second()).map(drop)
    }

    fn claim_within(
        &self,
        most: usize,
        key: [u8; 32],
        mut claimed: Presentation,
        now: i64,
    ) -> Result<(), ReplayError> {
        let mut all = self.lock();
        if let Some(end) = may_claim(most, &mut all, &key, claimed.relying_party, now)? {
            claimed.end = claimed.end.max(end);
        }
        all.insert(key, claimed);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Presentation>> {
        self.presented
            .lock()
            .expect("nothing panics under this lock")
    }
}

/// Whether the response with this key may be claimed, in a cache of `most` entries. Returns the end until which it is
/// remembered already.
fn may_claim(
    most: usize,
    all: &mut HashMap<[u8; 32], Presentation>,
    key: &[u8; 32],
    relying_party: RelyingParty,
    now: i64,
) -> Result<Option<i64>, ReplayError> {
    if let Some(before) = all.get(key).filter(|before| before.end > now) {
        return if before.relying_party == relying_party {
            Ok(Some(before.end))
        } else {
            Err(ReplayError::OtherRelyingParty)
        };
    }
    if all.len() >= most {
        all.retain(|_, presented| presented.end > now);
        if all.len() >= most {
            return Err(ReplayError::Full);
        }
    }
    Ok(None)
}

/// The digest of an issuer and an ID, with the issuer's length, so that neither passes for a part of the other.
fn key(issuer: &str, id: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&issuer.len().to_be_bytes());
    context.update(issuer.as_bytes());
    context.update(id.as_bytes());
    let digest = context.finish();
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(
        replays: &ReplayCache,
        id: u8,
        pool: u128,
        end: i64,
        now: i64,
    ) -> Result<(), ReplayError> {
        let relying_party = RelyingParty::Pool(Uuid::from_u128(pool));
        let claimed = Presentation { relying_party, end };
        replays.claim_within(2, [id; 32], claimed, now)
    }

    #[test]
    fn a_response_serves_one_pool_until_its_end() {
        let replays = ReplayCache::default();
        assert_eq!(claim(&replays, 1, 1, 100, 0), Ok(()));
        assert_eq!(claim(&replays, 1, 1, 100, 99), Ok(()));
        assert_eq!(
            claim(&replays, 1, 2, 100, 99),
            Err(ReplayError::OtherRelyingParty)
        );
        assert_eq!(claim(&replays, 2, 2, 100, 99), Ok(()));
    }

    #[test]
    fn the_sts_is_a_relying_party_like_a_pool() {
        let replays = ReplayCache::default();
        let now = Timestamp::UNIX_EPOCH;
        let pool = RelyingParty::Pool(Uuid::from_u128(1));
        for (id, first, other) in [
            ("one", pool, RelyingParty::Sts),
            ("two", RelyingParty::Sts, pool),
        ] {
            let response = ("issuer", id);
            assert_eq!(replays.claim(response, first, 100, now), Ok(()));
            assert_eq!(replays.claim(response, first, 100, now), Ok(()));
            assert_eq!(
                replays.claim(response, other, 100, now),
                Err(ReplayError::OtherRelyingParty)
            );
        }
    }

    #[test]
    fn there_is_room_once_others_are_over_and_not_before() {
        let replays = ReplayCache::default();
        for id in [1, 2] {
            assert_eq!(claim(&replays, id, 1, 100, 0), Ok(()));
        }
        assert_eq!(claim(&replays, 3, 1, 200, 99), Err(ReplayError::Full));
        assert_eq!(claim(&replays, 1, 1, 100, 99), Ok(()), "known already");
        assert_eq!(claim(&replays, 3, 1, 200, 100), Ok(()));
    }

    #[test]
    fn a_check_leaves_no_trace() {
        let replays = ReplayCache::default();
        let (response, now) = (("issuer", "id"), Timestamp::UNIX_EPOCH);
        let [one, other] = [1, 2].map(|pool| RelyingParty::Pool(Uuid::from_u128(pool)));
        assert_eq!(replays.check(response, one, now), Ok(()));
        assert_eq!(replays.claim(response, other, 100, now), Ok(()));
        assert_eq!(replays.check(response, other, now), Ok(()));
        assert_eq!(
            replays.check(response, one, now),
            Err(ReplayError::OtherRelyingParty)
        );
    }

    #[test]
    fn issuers_and_ids_do_not_run_into_each_other() {
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_eq!(key("ab", "c"), key("ab", "c"));
    }
}
