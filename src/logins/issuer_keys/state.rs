//! What is known of an issuer's keys at a moment, and what follows from it. Pure: no waiting, no fetching.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::super::jwks::KeySet;
use super::super::remote::FetchError;
use super::room::Room;
use super::{COOLDOWN, FetchedKeys};

/// How soon and how late a set is fetched again behind the back of a call.
const SOONEST: SignedDuration = SignedDuration::from_mins(5);
const LATEST: SignedDuration = SignedDuration::from_mins(50);
/// How old a set may be to be used without asking the issuer again.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// How long a set serves while the issuer doesn't answer.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How many unknown keys are remembered, how long their ids may be in bytes, and for how long.
const MOST_UNKNOWN: usize = 1000;
const LONGEST_KID: usize = 1024;
const UNKNOWN_FOR: SignedDuration = SignedDuration::from_secs(60);

/// What is known of an issuer's keys.
#[derive(Debug, Default)]
pub(super) struct State {
    held: Option<Held>,
    /// How many fetches have begun.
    pub(super) begun: u64,
    /// When the last of them did.
    began: Option<Timestamp>,
    /// The number of the last that ended.
    pub(super) ended: u64,
    /// Why that one failed, where it did.
    pub(super) failure: Option<Arc<FetchError>>,
    running: Option<watch::Receiver<()>>,
    pub(super) unknown: Unknown,
    /// How many calls wait for the first keys.
    pub(super) first_waiters: usize,
    /// Who waits for a key that isn't there.
    pub(super) room: Room,
    /// When a call last asked.
    pub(super) used: Option<Timestamp>,
}

/// A set and its times.
#[derive(Debug)]
struct Held {
    keys: Arc<KeySet>,
    fetched: Timestamp,
    /// How old it may be before it is fetched again behind the back of a call.
    keep: SignedDuration,
}

/// What a call may use.
pub(super) enum Usable {
    /// This set.
    Fresh(Arc<KeySet>),
    /// This set, and it should be fetched again.
    Due(Arc<KeySet>),
    /// There is a set, but the issuer is to be asked first.
    Old,
    /// No set; perhaps why.
    Nothing(Option<Arc<FetchError>>),
}

impl State {
    pub(super) fn usable(&self, now: Timestamp) -> Usable {
        match &self.held {
            Some(held) if held.age(now) < held.keep => Usable::Fresh(Arc::clone(&held.keys)),
            Some(held) if held.age(now) < HOUR => Usable::Due(Arc::clone(&held.keys)),
            Some(held) if held.age(now) < DAY => match self.failure {
                Some(_) => Usable::Due(Arc::clone(&held.keys)),
                None => Usable::Old,
            },
            Some(_) | None => Usable::Nothing(self.failure.clone()),
        }
    }

    /// The set, where it may serve at all.
    pub(super) fn within_a_day(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        let held = self.held.as_ref().filter(|held| held.age(now) < DAY)?;
        Some(Arc::clone(&held.keys))
    }

    /// Whether the set has a key of this id.
    pub(super) fn has(&self, kid: &str) -> bool {
        self.held.as_ref().is_some_and(|held| held.keys.has(kid))
    }

    /// The fetch that runs, if one does; what is received closes with it, however it ends.
    pub(super) fn running(&self) -> Option<watch::Receiver<()>> {
        self.running
            .clone()
            .filter(|running| running.has_changed().is_ok())
    }

    /// How long no fetch may begin, if it may not now. A clock that was set back doesn't stop fetching.
    pub(super) fn cooldown_left(&self, now: Timestamp) -> Option<Duration> {
        let since = now.duration_since(self.began?).abs();
        (since < COOLDOWN).then(|| (COOLDOWN - since).unsigned_abs())
    }

    /// Notes that a fetch begins, and answers its number.
    pub(super) fn begin(&mut self, now: Timestamp, running: watch::Receiver<()>) -> u64 {
        self.begun += 1;
        self.began = Some(now);
        self.running = Some(running);
        self.begun
    }

    /// Notes what the fetch `number`, begun at `now`, came to.
    pub(super) fn end(
        &mut self,
        number: u64,
        now: Timestamp,
        fetched: Result<FetchedKeys, FetchError>,
    ) {
        self.ended = number;
        self.running = None;
        match fetched {
            Ok(FetchedKeys { keys, max_age }) => {
                let keep = max_age.and_then(|age| age.try_into().ok());
                self.held = Some(Held {
                    keys: Arc::new(keys),
                    fetched: now,
                    keep: keep.unwrap_or(LATEST).clamp(SOONEST, LATEST),
                });
                self.failure = None;
                self.unknown.clear();
            }
            Err(error) => self.failure = Some(Arc::new(error)),
        }
    }
}

impl Held {
    /// A set from the future is as old as it is far: a clock that was set back doesn't keep it for ever.
    fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.fetched).abs()
    }
}

/// Ids that a fetch showed to be no keys.
#[derive(Debug, Default)]
pub(super) struct Unknown(HashMap<String, Timestamp>);

impl Unknown {
    pub(super) fn has(&self, kid: &str, now: Timestamp) -> bool {
        self.0.get(kid).is_some_and(|seen| is_recent(*seen, now))
    }

    /// Remembers an id, if there is room.
    pub(super) fn remember(&mut self, kid: &str, now: Timestamp) {
        if self.0.len() >= MOST_UNKNOWN {
            self.0.retain(|_, seen| is_recent(*seen, now));
        }
        if self.0.len() < MOST_UNKNOWN && kid.len() <= LONGEST_KID {
            self.0.insert(kid.to_owned(), now);
        }
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

fn is_recent(seen: Timestamp, now: Timestamp) -> bool {
    now.duration_since(seen).abs() < UNKNOWN_FOR
}
