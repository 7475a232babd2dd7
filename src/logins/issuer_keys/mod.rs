//! The keys of one issuer, kept fresh gently: what is usable now, when to fetch, and who waits for it. Time comes in
//! with each call; only waiting is done by the runtime's timer.
//!
//! * One fetch at a time, in a task of its own, and none within [`COOLDOWN`] of the last, whatever it was for.
//! * A set is fetched again behind the back of a call, so that nobody waits: when the issuer says, at least every five
//!   and at most every fifty minutes. Only a set that nobody used for an hour is waited for, so that a key that was
//!   withdrawn meanwhile isn't believed. A fetched set replaces the one before: a key that is gone is gone.
//! * While an issuer doesn't answer, the set serves for a day after its fetch, and nobody waits.
//! * A token of an unknown key waits for a fetch that begins after it came. What that fetch shows to be unknown is
//!   refused at once for a while. Waiting has a bound in time and in number; who finds no room isn't refused, but told
//!   to come again.

mod room;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::Algorithm;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use self::room::Ticket;
use self::state::{State, Usable};
use super::jwks::KeySet;
use super::jws::{self, Jws, Refused};
use super::remote::FetchError;

/// How long after the beginning of a fetch no other begins.
const COOLDOWN: SignedDuration = SignedDuration::from_secs(5);
/// How long a call may wait for keys in all.
const PATIENCE: Duration = Duration::from_secs(6);
/// How many calls may wait for an issuer's first keys: after a start they may all be good.
const FIRST_WAITERS: usize = 1024;

/// Where an issuer's keys come from.
pub(super) trait Source: Send + Sync + 'static {
    /// Fetches the keys as they are now.
    fn fetch(&self) -> impl Future<Output = Result<FetchedKeys, FetchError>> + Send;
}

/// Keys fresh from their issuer.
#[derive(Debug)]
pub(super) struct FetchedKeys {
    pub(super) keys: KeySet,
    /// How long the issuer says that they may be kept.
    pub(super) max_age: Option<Duration>,
}

/// Why there are no keys to decide with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoKeys {
    /// The last fetch failed.
    #[error("fetching them failed")]
    Fetch(#[source] Arc<FetchError>),
    /// The issuer didn't answer within six seconds.
    #[error("the issuer took too long")]
    TooSlow,
    /// Too many calls wait already.
    #[error("too many calls wait for them")]
    TooMany,
}

/// Why a signature wasn't found good.
#[derive(Debug)]
pub(super) enum NotVerified {
    /// It is not.
    Refused(Refused),
    /// It can't be told.
    NoKeys(NoKeys),
}

/// One issuer's keys.
#[derive(Debug)]
pub(super) struct IssuerKeys<S> {
    source: S,
    state: Mutex<State>,
}

/// A call: its moment, and how long it has been waiting.
struct Call {
    now: Timestamp,
    came: Instant,
}

impl Call {
    fn now(&self) -> Timestamp {
        let waited = SignedDuration::try_from(self.came.elapsed()).unwrap_or(SignedDuration::MAX);
        self.now.saturating_add(waited).unwrap_or(Timestamp::MAX)
    }
}

impl<S: Source> IssuerKeys<S> {
    /// No keys yet.
    pub(super) fn of(source: S) -> Self {
        Self {
            source,
            state: Mutex::new(State::default()),
        }
    }

    /// When a call last asked for these keys.
    pub(super) fn used(&self) -> Option<Timestamp> {
        self.lock().used
    }

    /// Whether a key of the issuer signed `jws` with one of the algorithms `allowed`.
    pub(super) async fn verify(
        self: &Arc<Self>,
        jws: &Jws<'_>,
        allowed: &[Algorithm],
        now: Timestamp,
    ) -> Result<(), NotVerified> {
        let call = Call {
            now,
            came: Instant::now(),
        };
        // Nothing is fetched for what no key could make good.
        jws.algorithm(allowed).map_err(NotVerified::Refused)?;
        let kid = jws.key_id().map_err(NotVerified::Refused)?;
        let (keys, before) = self.usable(&call).await.map_err(NotVerified::NoKeys)?;
        match jws::verify(jws, &keys, allowed) {
            Err(Refused::UnknownKey) => {}
            decided => return decided.map_err(NotVerified::Refused),
        }
        let keys = self.newer(kid, before + 1, &call).await?;
        jws::verify(jws, &keys, allowed).map_err(|refused| {
            if let (Refused::UnknownKey, Some(kid)) = (refused, kid) {
                self.lock().unknown.remember(kid, call.now());
            }
            NotVerified::Refused(refused)
        })
    }

    /// A usable set, and how many fetches had begun before it was asked for.
    async fn usable(self: &Arc<Self>, call: &Call) -> Result<(Arc<KeySet>, u64), NoKeys> {
        let now = call.now;
        let (number, before) = {
            let mut state = self.lock();
            state.used = Some(now);
            let before = state.begun;
            match state.usable(now) {
                Usable::Fresh(keys) => return Ok((keys, before)),
                Usable::Due(keys) => {
                    if state.running().is_none() && state.cooldown_left(now).is_none() {
                        self.begin(&mut state, now);
                    }
                    return Ok((keys, before));
                }
                Usable::Nothing(Some(failure))
                    if state.running().is_none() && state.cooldown_left(now).is_some() =>
                {
                    return Err(NoKeys::Fetch(failure));
                }
                Usable::Old | Usable::Nothing(_) => {}
            }
            // One that runs already will do: its keys are as fresh as can be asked of a usable set.
            let ahead = u64::from(state.running().is_none());
            (state.begun + ahead, before)
        };
        let waited = match FirstWaiter::enter(&self.state) {
            Some(_place) => self.fetch_ended(number, None, call).await,
            None => Err(NoKeys::TooMany),
        };
        let state = self.lock();
        match (state.within_a_day(call.now()), &state.failure) {
            (Some(keys), _) => Ok((keys, before)),
            (None, Some(failure)) => Err(NoKeys::Fetch(Arc::clone(failure))),
            (None, None) => Err(waited.err().unwrap_or(NoKeys::TooSlow)),
        }
    }

    /// A set that has the key `kid`, or that was fetched by the fetch `number` or one behind it.
    async fn newer(
        self: &Arc<Self>,
        kid: Option<&str>,
        number: u64,
        call: &Call,
    ) -> Result<Arc<KeySet>, NotVerified> {
        if kid.is_some_and(|kid| self.lock().unknown.has(kid, call.now())) {
            return Err(NotVerified::Refused(Refused::UnknownKey));
        }
        self.waited(kid, number, call)
            .await
            .map_err(NotVerified::NoKeys)?;
        let state = self.lock();
        match (state.within_a_day(call.now()), &state.failure) {
            (Some(keys), _) if kid.is_some_and(|kid| keys.has(kid)) => Ok(keys),
            (_, Some(failure)) => Err(NotVerified::NoKeys(NoKeys::Fetch(Arc::clone(failure)))),
            (Some(keys), None) => Ok(keys),
            (None, None) => Err(NotVerified::NoKeys(NoKeys::TooSlow)),
        }
    }

    /// Waits for the key `kid` as [`IssuerKeys::fetch_ended`] does, as long as it has a place.
    async fn waited(
        self: &Arc<Self>,
        kid: Option<&str>,
        number: u64,
        call: &Call,
    ) -> Result<(), NoKeys> {
        let mut place = Waiter::enter(&self.state, kid).ok_or(NoKeys::TooMany)?;
        tokio::select! {
            biased;
            waited = self.fetch_ended(number, kid, call) => waited,
            () = place.ticket.lost() => Err(NoKeys::TooMany),
        }
    }

    /// Waits until the fetch `number` has ended, or the key `kid` is there; begins fetches as that needs.
    async fn fetch_ended(
        self: &Arc<Self>,
        number: u64,
        kid: Option<&str>,
        call: &Call,
    ) -> Result<(), NoKeys> {
        let ended = async {
            loop {
                let (running, pause) = {
                    let mut state = self.lock();
                    if state.ended >= number || kid.is_some_and(|kid| state.has(kid)) {
                        return;
                    }
                    let now = call.now();
                    match (state.running(), state.cooldown_left(now)) {
                        (Some(running), _) => (Some(running), Duration::ZERO),
                        (None, Some(left)) => (None, left),
                        (None, None) => (Some(self.begin(&mut state, now)), Duration::ZERO),
                    }
                };
                match running {
                    // Nothing is ever sent: the channel closes when the fetch is over.
                    Some(mut running) => drop(running.changed().await),
                    None => sleep(pause).await,
                }
            }
        };
        timeout_at(call.came + PATIENCE, ended)
            .await
            .map_err(|_| NoKeys::TooSlow)
    }

    /// Begins a fetch in a task of its own, which no caller's leaving can stop.
    fn begin(self: &Arc<Self>, state: &mut State, now: Timestamp) -> watch::Receiver<()> {
        let (over, running) = watch::channel(());
        let number = state.begin(now, running.clone());
        let keys = Arc::clone(self);
        tokio::spawn(async move {
            let fetched = keys.source.fetch().await;
            keys.lock().end(number, now, fetched);
            drop(over);
        });
        running
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no holder of the state panics")
}

/// A place among those who wait for the first keys, given back when it is dropped.
struct FirstWaiter<'k>(&'k Mutex<State>);

impl<'k> FirstWaiter<'k> {
    fn enter(state: &'k Mutex<State>) -> Option<Self> {
        let mut inside = lock(state);
        (inside.first_waiters < FIRST_WAITERS).then(|| {
            inside.first_waiters += 1;
            Self(state)
        })
    }
}

impl Drop for FirstWaiter<'_> {
    fn drop(&mut self) {
        lock(self.0).first_waiters -= 1;
    }
}

/// A place among those who wait for a key, given back when it is dropped.
struct Waiter<'k> {
    state: &'k Mutex<State>,
    ticket: Ticket,
}

impl<'k> Waiter<'k> {
    fn enter(state: &'k Mutex<State>, kid: Option<&str>) -> Option<Self> {
        let ticket = lock(state).room.enter(kid)?;
        Some(Self { state, ticket })
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        lock(self.state).room.leave(&self.ticket);
    }
}
