//! The cached keys of one issuer: which set is usable now, when to fetch, and which calls wait. Each call brings its time;
//! only waiting uses the runtime's timer.
//!
//! * Fetching is single flight: one fetch at a time, in a task of its own, and none within [`COOLDOWN`] after the begin of
//!   the last one.
//! * Refreshing is stale-while-revalidate: a set is fetched again in the background, at the issuer's `max-age`, but at
//!   least every 50 and at most every 5 minutes. A set that is older than an hour is fetched before it is used, so that
//!   a withdrawn key isn't believed. A fetched set replaces the set before it.
//! * Failures are stale-if-error: while an issuer doesn't answer, its set is used for a day after its fetch, without
//!   waiting if a fetch failed within the last five minutes. Otherwise the issuer may answer again.
//! * A token with an unknown key id waits for a fetch that begins after its arrival. A key id that this fetch doesn't
//!   bring is refused at once for a while (negative cache). Waiting is bounded in time and in number; a call beyond the
//!   bound is asked to retry.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument;

use super::state::{Freshness, IssuerState};
use crate::blocking::{PoolFull, WorkPools};
use crate::logins::id_token::jws::{self, Jws, JwsError, VerificationCost};
use crate::logins::jwks::JwkSet;
use crate::logins::jwks::JwsAlgorithm;
use crate::logins::jwks::fetch::{FetchJwks, JwksFetchError};
use crate::logins::jwks::verified::{self, VerifiedSignatures};
use crate::logins::jwks::waiters::Waiter;
use crate::{permits, spans};

/// The shortest time between the begins of two fetches.
pub(super) const COOLDOWN: SignedDuration = SignedDuration::from_secs(5);
/// The longest time that a call waits for keys in all.
const PATIENCE: Duration = Duration::from_secs(6);
/// The number of calls that may wait for an issuer's first keys. It is large, because after a start all of them may be
/// valid logins.
const FIRST_WAITERS: usize = 1024;

/// Why an issuer's keys aren't available.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JwksError {
    /// The last fetch failed.
    #[error("fetching them failed")]
    Fetch(#[source] Arc<JwksFetchError>),
    /// The issuer didn't answer within six seconds.
    #[error("the issuer took too long")]
    TooSlow,
    /// Too many calls wait for the keys.
    #[error("too many calls wait for them")]
    TooManyWaiters,
}

/// Why a signature isn't verified.
#[derive(Debug)]
pub(in crate::logins) enum SignatureCheckError {
    /// The JWS or its signature isn't valid.
    Jws(JwsError),
    /// The issuer's keys aren't available.
    Jwks(JwksError),
    /// Too many checks wait for a turn.
    Full(PoolFull),
}

/// The cached keys of one issuer, which `F` fetches.
#[derive(Debug)]
pub(super) struct IssuerKeys<F> {
    fetcher: F,
    pools: WorkPools,
    verified: Arc<VerifiedSignatures>,
    /// A permit for each call that waits for the first keys.
    first_waiters: Semaphore,
    state: Mutex<IssuerState>,
}

/// A request for keys: its time, and the runtime's time at its arrival.
struct KeyRequest {
    now: Timestamp,
    arrived: Instant,
}

impl KeyRequest {
    fn now(&self) -> Timestamp {
        let waited =
            SignedDuration::try_from(self.arrived.elapsed()).unwrap_or(SignedDuration::MAX);
        self.now.saturating_add(waited).unwrap_or(Timestamp::MAX)
    }
}

impl<F: FetchJwks> IssuerKeys<F> {
    /// An empty cache.
    pub(super) fn new(fetcher: F, pools: WorkPools, verified: Arc<VerifiedSignatures>) -> Self {
        Self {
            fetcher,
            pools,
            verified,
            first_waiters: Semaphore::new(FIRST_WAITERS),
            state: Mutex::new(IssuerState::default()),
        }
    }

    /// The time of the last request for these keys.
    pub(super) fn last_used(&self) -> Option<Timestamp> {
        self.lock().last_used
    }

    /// The age of the keys, if they were used within the last hour. Unused keys aren't refreshed.
    pub(super) fn age_in_use(&self, now: Timestamp) -> Option<SignedDuration> {
        let state = self.lock();
        let last_used = state.last_used?;
        let is_in_use = now.duration_since(last_used) < SignedDuration::from_hours(1);
        state.age(now).filter(|_| is_in_use)
    }

    /// Verifies that a key of the issuer signed `jws` with one of the algorithms `allowed`.
    pub(super) async fn verify(
        self: &Arc<Self>,
        jws: &Jws<'_>,
        allowed: &'static [JwsAlgorithm],
        now: Timestamp,
    ) -> Result<(), SignatureCheckError> {
        let request = KeyRequest {
            now,
            arrived: Instant::now(),
        };
        // Nothing is fetched for a token that no key can verify.
        jws.algorithm(allowed).map_err(SignatureCheckError::Jws)?;
        let kid = jws.key_id().map_err(SignatureCheckError::Jws)?;
        let (keys, before) = self
            .usable(&request)
            .await
            .map_err(SignatureCheckError::Jwks)?;
        match self.check(jws, keys, allowed, request.now()).await? {
            Err(JwsError::UnknownKey) => {}
            decided => return decided.map_err(SignatureCheckError::Jws),
        }
        let keys = self.newer(kid, before + 1, &request).await?;
        let checked = self.check(jws, keys, allowed, request.now()).await?;
        checked.map_err(|error| {
            if let (JwsError::UnknownKey, Some(kid)) = (error, kid) {
                self.lock().unknown_keys.add(kid, request.now());
            }
            SignatureCheckError::Jws(error)
        })
    }

    /// Verifies the signature with these keys, in a pool if that costs more than the rest of the request may.
    async fn check(
        &self,
        jws: &Jws<'_>,
        keys: Arc<JwkSet>,
        allowed: &'static [JwsAlgorithm],
        now: Timestamp,
    ) -> Result<Result<(), JwsError>, SignatureCheckError> {
        let missing = RefCell::new(Vec::new());
        let remembered =
            jws::verify_by(jws, &keys, allowed, |key, algorithm, message, signature| {
                let hash = verified::hash(key, algorithm, message, signature);
                let is_remembered = self.verified.contains(&hash, now);
                if !is_remembered {
                    missing.borrow_mut().push(hash);
                }
                is_remembered
            });
        let missing = missing.into_inner();
        if remembered.is_ok() || missing.is_empty() {
            return Ok(remembered);
        }
        let cost = jws::cost(jws, &keys, allowed);
        let (jws, verified) = (jws.to_static(), Arc::clone(&self.verified));
        let work = move || {
            // The keys are tried in the same order again.
            let hashes = RefCell::new(missing.into_iter());
            jws::verify_by(
                &jws,
                &keys,
                allowed,
                |key, algorithm, message, signature| {
                    let is_valid = key.verifies(algorithm, message, signature);
                    if let Some(hash) = hashes.borrow_mut().next().filter(|_| is_valid) {
                        verified.add(hash, now);
                    }
                    is_valid
                },
            )
        };
        let verified = match cost {
            // It costs less than the rest of the request, and less than waiting for a turn.
            VerificationCost::Low => Ok(work()),
            VerificationCost::Middle => self.pools.signatures.run(work).await,
            VerificationCost::High => self.pools.expensive.run(work).await,
        };
        verified.map_err(SignatureCheckError::Full)
    }

    /// A usable set, and the number of fetches that had begun before the request.
    async fn usable(
        self: &Arc<Self>,
        request: &KeyRequest,
    ) -> Result<(Arc<JwkSet>, u64), JwksError> {
        let now = request.now;
        let (number, before) = {
            let mut state = self.lock();
            state.last_used = Some(now);
            let before = state.begun;
            match state.freshness(now) {
                Freshness::Fresh(keys) => return Ok((keys, before)),
                Freshness::Stale(keys) => {
                    if state.running().is_none() && state.cooldown_left(now).is_none() {
                        self.begin(&mut state, now);
                    }
                    return Ok((keys, before));
                }
                Freshness::Missing(Some(failure))
                    if state.running().is_none() && state.cooldown_left(now).is_some() =>
                {
                    return Err(JwksError::Fetch(failure));
                }
                Freshness::Expired | Freshness::Missing(_) => {}
            }
            // A running fetch suffices: its keys are as fresh as a usable set must be.
            let ahead = u64::from(state.running().is_none());
            (state.begun + ahead, before)
        };
        let waited = match self.first_waiters.try_acquire() {
            Ok(_permit) => self.fetch_ended(number, None, request).await,
            Err(_) => Err(JwksError::TooManyWaiters),
        };
        let state = self.lock();
        match (state.within_a_day(request.now()), &state.failure) {
            (Some(keys), _) => Ok((keys, before)),
            (None, Some(failure)) => Err(JwksError::Fetch(Arc::clone(failure))),
            (None, None) => Err(waited.err().unwrap_or(JwksError::TooSlow)),
        }
    }

    /// A set that has the key `kid`, or that the fetch `number` or a later one fetched.
    async fn newer(
        self: &Arc<Self>,
        kid: Option<&str>,
        number: u64,
        request: &KeyRequest,
    ) -> Result<Arc<JwkSet>, SignatureCheckError> {
        if kid.is_some_and(|kid| self.lock().unknown_keys.contains(kid, request.now())) {
            return Err(SignatureCheckError::Jws(JwsError::UnknownKey));
        }
        self.wait_for_key(kid, number, request)
            .await
            .map_err(SignatureCheckError::Jwks)?;
        let state = self.lock();
        match (state.within_a_day(request.now()), &state.failure) {
            (Some(keys), _) if kid.is_some_and(|kid| keys.has(kid)) => Ok(keys),
            (_, Some(failure)) => Err(SignatureCheckError::Jwks(JwksError::Fetch(Arc::clone(
                failure,
            )))),
            (Some(keys), None) => Ok(keys),
            (None, None) => Err(SignatureCheckError::Jwks(JwksError::TooSlow)),
        }
    }

    /// Waits for the key `kid` as [`IssuerKeys::fetch_ended`] does, unless the waiter is evicted.
    async fn wait_for_key(
        self: &Arc<Self>,
        kid: Option<&str>,
        number: u64,
        request: &KeyRequest,
    ) -> Result<(), JwksError> {
        let mut guard = WaiterGuard::add(&self.state, kid).ok_or(JwksError::TooManyWaiters)?;
        tokio::select! {
            biased;
            waited = self.fetch_ended(number, kid, request) => waited,
            () = guard.waiter.evicted() => Err(JwksError::TooManyWaiters),
        }
    }

    /// Waits until the fetch `number` has ended or the key `kid` is known. Begins the fetches that this needs.
    async fn fetch_ended(
        self: &Arc<Self>,
        number: u64,
        kid: Option<&str>,
        request: &KeyRequest,
    ) -> Result<(), JwksError> {
        let ended = async {
            loop {
                let (running, pause) = {
                    let mut state = self.lock();
                    if state.ended >= number || kid.is_some_and(|kid| state.has(kid)) {
                        return;
                    }
                    let now = request.now();
                    match (state.running(), state.cooldown_left(now)) {
                        (Some(running), _) => (Some(running), Duration::ZERO),
                        (None, Some(left)) => (None, left),
                        (None, None) => (Some(self.begin(&mut state, now)), Duration::ZERO),
                    }
                };
                match running {
                    // The channel closes when the fetch ends; nothing is sent on it.
                    Some(mut running) => drop(running.changed().await),
                    None => sleep(pause).await,
                }
            }
        };
        let ended = timeout_at(request.arrived + PATIENCE, ended);
        permits::without(ended.instrument(spans::wait_for_fetch()))
            .await
            .map_err(|_| JwksError::TooSlow)
    }

    /// Begins a fetch in a task of its own, so that a caller that leaves doesn't cancel it.
    fn begin(self: &Arc<Self>, state: &mut IssuerState, now: Timestamp) -> watch::Receiver<()> {
        let (over, running) = watch::channel(());
        let number = state.begin(now, running.clone());
        let keys = Arc::clone(self);
        let fetch = async move {
            let fetched = keys.fetcher.fetch().await;
            let outcome = if fetched.is_ok() { "fetched" } else { "failed" };
            metrics::counter!("cognate_issuer_fetches_total", "outcome" => outcome).increment(1);
            keys.lock().end(number, now, fetched);
            drop(over);
        };
        tokio::spawn(fetch.in_current_span());
        running
    }

    fn lock(&self) -> MutexGuard<'_, IssuerState> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<IssuerState>) -> MutexGuard<'_, IssuerState> {
    state.lock().expect("no holder of the state panics")
}

/// A waiter for a key, removed when the guard is dropped.
struct WaiterGuard<'k> {
    state: &'k Mutex<IssuerState>,
    waiter: Waiter,
}

impl<'k> WaiterGuard<'k> {
    fn add(state: &'k Mutex<IssuerState>, kid: Option<&str>) -> Option<Self> {
        let waiter = lock(state).waiters.add(kid)?;
        Some(Self { state, waiter })
    }
}

impl Drop for WaiterGuard<'_> {
    fn drop(&mut self) {
        lock(self.state).waiters.remove(&self.waiter);
    }
}
