//! The state of one issuer's cached keys, and what a call may use at its time. No waiting, no fetching.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::issuer::COOLDOWN;
use crate::logins::jwks::JwkSet;
use crate::logins::jwks::fetch::{FetchedJwks, JwksFetchError};
use crate::logins::jwks::waiters::Waiters;

/// The shortest and the longest age at which a used set is refreshed in the background.
const SOONEST: SignedDuration = SignedDuration::from_mins(5);
const LATEST: SignedDuration = SignedDuration::from_mins(50);
/// The age up to which a set is used without waiting for a fetch.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The age up to which a set is used while the issuer doesn't answer.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How long a failed fetch lets calls use a set that is older than an hour without waiting for another fetch. While a set is in
/// use, fetches are tried more often.
const FAILURE_COUNTS_FOR: SignedDuration = SignedDuration::from_mins(5);
/// The bounds of the negative cache: the number of key ids, their length in bytes, and their lifetime.
const MOST_UNKNOWN: usize = 1000;
const LONGEST_KID: usize = 1024;
const UNKNOWN_FOR: SignedDuration = SignedDuration::from_secs(60);

/// The state of one issuer's cached keys.
#[derive(Debug, Default)]
pub(super) struct IssuerState {
    cached: Option<CachedSet>,
    /// The number of fetches that have begun.
    pub(super) begun: u64,
    /// The begin of the last fetch.
    began: Option<Timestamp>,
    /// The number of the last fetch that ended.
    pub(super) ended: u64,
    /// The error of the last fetch that ended, if it failed.
    pub(super) failure: Option<Arc<JwksFetchError>>,
    /// The begin of that fetch, if it failed.
    failed: Option<Timestamp>,
    running: Option<watch::Receiver<()>>,
    pub(super) unknown_keys: UnknownKeys,
    /// The calls that wait for a key that the set doesn't have.
    pub(super) waiters: Waiters,
    /// The time of the last request.
    pub(super) last_used: Option<Timestamp>,
}

/// A set and its times.
#[derive(Debug)]
struct CachedSet {
    keys: Arc<JwkSet>,
    fetched: Timestamp,
    /// The age at which the set is refreshed in the background.
    refresh_after: SignedDuration,
}

/// Which set a call may use.
pub(super) enum Freshness {
    /// The set may be used.
    Fresh(Arc<JwkSet>),
    /// The set may be used, and is refreshed in the background.
    Stale(Arc<JwkSet>),
    /// The set may be used only after a fetch was tried.
    Expired,
    /// There is no set; the last fetch may have failed with this error.
    Missing(Option<Arc<JwksFetchError>>),
}

impl IssuerState {
    pub(super) fn freshness(&self, now: Timestamp) -> Freshness {
        match &self.cached {
            Some(cached) if cached.age(now) < cached.refresh_after => {
                Freshness::Fresh(Arc::clone(&cached.keys))
            }
            Some(cached) if cached.age(now) < HOUR => Freshness::Stale(Arc::clone(&cached.keys)),
            Some(cached) if cached.age(now) < DAY => {
                if self.has_failed_lately(now) {
                    Freshness::Stale(Arc::clone(&cached.keys))
                } else {
                    Freshness::Expired
                }
            }
            Some(_) | None => Freshness::Missing(self.failure.clone()),
        }
    }

    fn has_failed_lately(&self, now: Timestamp) -> bool {
        let since = |failed| now.duration_since(failed).abs();
        self.failed
            .is_some_and(|failed| since(failed) < FAILURE_COUNTS_FOR)
    }

    /// The set, unless it is older than a day.
    pub(super) fn within_a_day(&self, now: Timestamp) -> Option<Arc<JwkSet>> {
        let cached = self
            .cached
            .as_ref()
            .filter(|cached| cached.age(now) < DAY)?;
        Some(Arc::clone(&cached.keys))
    }

    /// The age of the set.
    pub(super) fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(self.cached.as_ref()?.age(now))
    }

    /// Whether the set has a key with this id.
    pub(super) fn has(&self, kid: &str) -> bool {
        self.cached
            .as_ref()
            .is_some_and(|cached| cached.keys.has(kid))
    }

    /// The running fetch, if there is one. The receiver closes when the fetch ends, however it ends.
    pub(super) fn running(&self) -> Option<watch::Receiver<()>> {
        self.running
            .clone()
            .filter(|running| running.has_changed().is_ok())
    }

    /// The time until a fetch may begin; `None` if it may begin now. A clock that was set back doesn't stop fetching.
    pub(super) fn cooldown_left(&self, now: Timestamp) -> Option<Duration> {
        let since = now.duration_since(self.began?).abs();
        (since < COOLDOWN).then(|| (COOLDOWN - since).unsigned_abs())
    }

    /// Records the begin of a fetch, and returns its number.
    pub(super) fn begin(&mut self, now: Timestamp, running: watch::Receiver<()>) -> u64 {
        self.begun += 1;
        self.began = Some(now);
        self.running = Some(running);
        self.begun
    }

    /// Records the result of the fetch `number`, which began at `now`.
    pub(super) fn end(
        &mut self,
        number: u64,
        now: Timestamp,
        fetched: Result<FetchedJwks, JwksFetchError>,
    ) {
        self.ended = number;
        self.running = None;
        match fetched {
            Ok(FetchedJwks { set, max_age }) => {
                let max_age = max_age.and_then(|age| age.try_into().ok());
                self.cached = Some(CachedSet {
                    keys: Arc::new(set),
                    fetched: now,
                    refresh_after: max_age.unwrap_or(LATEST).clamp(SOONEST, LATEST),
                });
                self.failure = None;
                self.failed = None;
                self.unknown_keys.clear();
            }
            Err(error) => {
                self.failure = Some(Arc::new(error));
                self.failed = Some(now);
            }
        }
    }
}

impl CachedSet {
    /// The absolute age: a set from the future counts as old too, so that a clock that was set back doesn't keep it.
    fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.fetched).abs()
    }
}

/// The negative cache: key ids that a fetch didn't bring.
#[derive(Debug, Default)]
pub(super) struct UnknownKeys(HashMap<String, Timestamp>);

impl UnknownKeys {
    pub(super) fn contains(&self, kid: &str, now: Timestamp) -> bool {
        self.0.get(kid).is_some_and(|seen| is_recent(*seen, now))
    }

    /// Adds an id, if the cache isn't full.
    pub(super) fn add(&mut self, kid: &str, now: Timestamp) {
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
