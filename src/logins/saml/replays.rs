//! Which responses were shown where. A response serves one place: a pool, to which every SDK shows it twice, to GetId and
//! to GetCredentialsForIdentity, or the STS. Whoever got hold of it shall not carry it to another.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use aws_lc_rs::digest;
use jiff::Timestamp;
use uuid::Uuid;

/// How many responses are remembered at once, some 100 bytes each.
const MOST: usize = 200_000;

/// What was shown, until its end.
#[derive(Debug, Default)]
pub(in crate::logins) struct Replays {
    shown: Mutex<HashMap<[u8; 32], Shown>>,
}

/// Where a response is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// At the pool with this UUID.
    Pool(Uuid),
    /// At the STS, for whatever role.
    Sts,
}

#[derive(Debug)]
struct Shown {
    at: At,
    end: i64,
}

/// Why a good response is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Replayed {
    /// It was shown at another place.
    #[error("it was shown elsewhere before")]
    Elsewhere,
    /// There is no room to remember it.
    #[error("{MOST} other responses are still good: there is no room to remember this one")]
    Full,
}

impl Replays {
    /// Remembers that the assertion `id` of `issuer`, good until the second `end`, was shown there.
    pub(super) fn show(
        &self,
        (issuer, id): (&str, &str),
        at: At,
        end: i64,
        now: Timestamp,
    ) -> Result<(), Replayed> {
        self.show_within(MOST, key(issuer, id), Shown { at, end }, now.as_second())
    }

    /// As [`Replays::show`], but nothing is remembered.
    pub(super) fn look(
        &self,
        (issuer, id): (&str, &str),
        at: At,
        now: Timestamp,
    ) -> Result<(), Replayed> {
        let mut all = self.lock();
        may_show(MOST, &mut all, &key(issuer, id), at, now.as_second()).map(drop)
    }

    fn show_within(
        &self,
        most: usize,
        key: [u8; 32],
        mut shown: Shown,
        now: i64,
    ) -> Result<(), Replayed> {
        let mut all = self.lock();
        if let Some(end) = may_show(most, &mut all, &key, shown.at, now)? {
            shown.end = shown.end.max(end);
        }
        all.insert(key, shown);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Shown>> {
        self.shown.lock().expect("nothing panics under this lock")
    }
}

/// Whether what has this key may be shown there, where there is room for `most`: the end until which it is
/// remembered already, if it is.
fn may_show(
    most: usize,
    all: &mut HashMap<[u8; 32], Shown>,
    key: &[u8; 32],
    at: At,
    now: i64,
) -> Result<Option<i64>, Replayed> {
    if let Some(before) = all.get(key).filter(|before| before.end > now) {
        return if before.at == at {
            Ok(Some(before.end))
        } else {
            Err(Replayed::Elsewhere)
        };
    }
    if all.len() >= most {
        all.retain(|_, shown| shown.end > now);
        if all.len() >= most {
            return Err(Replayed::Full);
        }
    }
    Ok(None)
}

/// The digest of an issuer and an ID, neither of which can be taken for a part of the other.
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

    fn show(replays: &Replays, id: u8, pool: u128, end: i64, now: i64) -> Result<(), Replayed> {
        let at = At::Pool(Uuid::from_u128(pool));
        replays.show_within(2, [id; 32], Shown { at, end }, now)
    }

    #[test]
    fn a_response_serves_one_pool_until_its_end() {
        let replays = Replays::default();
        assert_eq!(show(&replays, 1, 1, 100, 0), Ok(()));
        assert_eq!(show(&replays, 1, 1, 100, 99), Ok(()));
        assert_eq!(show(&replays, 1, 2, 100, 99), Err(Replayed::Elsewhere));
        assert_eq!(show(&replays, 2, 2, 100, 99), Ok(()));
    }

    #[test]
    fn the_sts_is_a_place_like_a_pool() {
        let replays = Replays::default();
        let now = Timestamp::UNIX_EPOCH;
        let pool = At::Pool(Uuid::from_u128(1));
        for (id, first, other) in [("one", pool, At::Sts), ("two", At::Sts, pool)] {
            let shown = ("issuer", id);
            assert_eq!(replays.show(shown, first, 100, now), Ok(()));
            assert_eq!(replays.show(shown, first, 100, now), Ok(()));
            assert_eq!(
                replays.show(shown, other, 100, now),
                Err(Replayed::Elsewhere)
            );
        }
    }

    #[test]
    fn there_is_room_once_others_are_over_and_not_before() {
        let replays = Replays::default();
        for id in [1, 2] {
            assert_eq!(show(&replays, id, 1, 100, 0), Ok(()));
        }
        assert_eq!(show(&replays, 3, 1, 200, 99), Err(Replayed::Full));
        assert_eq!(show(&replays, 1, 1, 100, 99), Ok(()), "known already");
        assert_eq!(show(&replays, 3, 1, 200, 100), Ok(()));
    }

    #[test]
    fn a_look_leaves_no_trace() {
        let replays = Replays::default();
        let (shown, now) = (("issuer", "id"), Timestamp::UNIX_EPOCH);
        let [one, other] = [1, 2].map(|pool| At::Pool(Uuid::from_u128(pool)));
        assert_eq!(replays.look(shown, one, now), Ok(()));
        assert_eq!(replays.show(shown, other, 100, now), Ok(()));
        assert_eq!(replays.look(shown, other, now), Ok(()));
        assert_eq!(replays.look(shown, one, now), Err(Replayed::Elsewhere));
    }

    #[test]
    fn issuers_and_ids_do_not_run_into_each_other() {
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_eq!(key("ab", "c"), key("ab", "c"));
    }
}
