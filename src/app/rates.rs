//! The limits on the rates of calls, by the address of the client and by pool. Calls that a key signs are never refused.
//!
//! A call without a valid signature counts for its address first, then as the work that its operation declares, then for its
//! pool, once it is found. So an address that is refused uses up nothing of a pool. Calls of sessions count for their address,
//! in other buckets than those without a signature. A body that isn't small counts as expensive work. Nothing is read of such
//! a body, and nothing is decoded, before the request counts.

use std::num::NonZeroU32;
use std::sync::Arc;

use uuid::Uuid;

use super::{Call, Caller};
use crate::ambient::Ambient;
use crate::config::LimitSettings;
use crate::model::ids::PoolId;
use crate::permits::rates::{BucketKey, RateLimit};
use crate::permits::shares::ClientNetwork;

const REQUESTS: &str = "requests_per_address_per_second";
const GUESTS: &str = "guests_per_address_per_minute";
const EXPENSIVE: &str = "expensive_per_address_per_second";
const POOL: &str = "per_pool_per_second";

/// The work that a request causes for a caller without a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestWork {
    /// Look-ups and symmetric cryptography.
    Ordinary,
    /// A new guest.
    NewGuest,
    /// Public-key cryptography, or a call to a provider.
    Expensive,
}

/// A call was refused by a limit.
#[derive(Debug, thiserror::Error)]
#[error("the limit {0} is reached")]
pub struct RateExceeded(&'static str);

/// The limits. A limit that is off is `None`.
pub(super) struct Rates {
    unsigned: Option<RateLimit<ClientNetwork>>,
    identities: Option<RateLimit<ClientNetwork>>,
    sessions: Option<RateLimit<ClientNetwork>>,
    guests: Option<RateLimit<ClientNetwork>>,
    expensive: Option<RateLimit<ClientNetwork>>,
    documents: Option<RateLimit<ClientNetwork>>,
    pools: Option<RateLimit<Uuid>>,
    /// How much of a pool's rate one address may use, unless the rate of an address is that low.
    pool_shares: Option<RateLimit<PoolShare>>,
}

/// A pool, and an address that calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct PoolShare(Uuid, ClientNetwork);

impl BucketKey for PoolShare {
    type Group = (Uuid, ClientNetwork);

    fn group(&self) -> Self::Group {
        (self.0, self.1.group())
    }
}

impl Rates {
    pub(super) fn new(settings: &LimitSettings, ambient: &Arc<dyn Ambient>) -> Self {
        let per_second = |rate: NonZeroU32| RateLimit::per_second(rate, Arc::clone(ambient));
        let per_minute = |rate: NonZeroU32| RateLimit::per_minute(rate, Arc::clone(ambient));
        let requests = settings.requests_per_address_per_second;
        Self {
            unsigned: requests.map(per_second),
            identities: requests.map(per_second),
            sessions: requests.map(per_second),
            guests: settings.guests_per_address_per_minute.map(per_minute),
            expensive: settings.expensive_per_address_per_second.map(per_second),
            documents: requests.map(per_second),
            pools: settings
                .per_pool_per_second
                .map(|rate| RateLimit::per_second(rate, Arc::clone(ambient))),
            pool_shares: share_of_pool(settings)
                .map(|rate| RateLimit::per_second(rate, Arc::clone(ambient))),
        }
    }
}

/// Half of a pool's rate, unless no address can use more anyway.
fn share_of_pool(settings: &LimitSettings) -> Option<NonZeroU32> {
    let half = settings.per_pool_per_second?.get().div_ceil(2);
    let requests = settings.requests_per_address_per_second;
    let is_lower = requests.is_some_and(|requests| requests.get() <= half);
    NonZeroU32::new(half).filter(|_| !is_lower)
}

/// Counts a request of `caller` with a small or a large body. A request with a wrong signature counts as one without: its
/// caller is `None`.
pub fn admit_request(
    call: &Call<'_>,
    caller: Option<&Caller>,
    body_is_small: bool,
) -> Result<(), RateExceeded> {
    let rates = &call.app.rates;
    let limit = match caller {
        None => &rates.unsigned,
        Some(Caller::Session(session)) if session.identity().is_some() => &rates.identities,
        Some(Caller::Session(_)) => &rates.sessions,
        // Others can't use up what a key may do.
        Some(Caller::AccessKey(_) | Caller::Root(_)) => return Ok(()),
    };
    let client = call.connection.network();
    admit(call, REQUESTS, limit.as_ref(), &client)?;
    if body_is_small {
        return Ok(());
    }
    admit(call, EXPENSIVE, rates.expensive.as_ref(), &client)
}

/// Counts a request for a document: the metrics, the discovery document or the key set. It takes nothing from the calls.
pub fn admit_document(call: &Call<'_>) -> Result<(), RateExceeded> {
    let limit = call.app.rates.documents.as_ref();
    admit(call, REQUESTS, limit, &call.connection.network())
}

/// Counts the public-key cryptography of a connection that can't wait for a thread.
pub fn admit_handshake(call: &Call<'_>) -> Result<(), RateExceeded> {
    let limit = call.app.rates.expensive.as_ref();
    admit(call, EXPENSIVE, limit, &call.connection.network())
}

/// Counts a call without a signature as this work.
pub fn admit_work(call: &Call<'_>, work: RequestWork) -> Result<(), RateExceeded> {
    let rates = &call.app.rates;
    let client = call.connection.network();
    match work {
        RequestWork::Ordinary => Ok(()),
        _ if call.caller.is_some() => Ok(()),
        RequestWork::NewGuest => admit(call, GUESTS, rates.guests.as_ref(), &client),
        RequestWork::Expensive => admit(call, EXPENSIVE, rates.expensive.as_ref(), &client),
    }
}

/// Notes the pool of a call, and counts the call for it if it has no signature. Every function that finds the pool of a call
/// must do this; a call counts once.
pub(super) fn enter_pool(call: &Call<'_>, pool: &PoolId) -> Result<(), RateExceeded> {
    let is_new = call.pool.set(pool.clone()).is_ok();
    if !is_new || call.caller.is_some() {
        return Ok(());
    }
    let rates = &call.app.rates;
    if let Some(shares) = &rates.pool_shares {
        let share = PoolShare(pool.uuid, call.connection.network());
        admit(call, POOL, Some(shares), &share)?;
    }
    admit(call, POOL, rates.pools.as_ref(), &pool.uuid)
}

fn admit<K: BucketKey>(
    call: &Call<'_>,
    name: &'static str,
    limit: Option<&RateLimit<K>>,
    key: &K,
) -> Result<(), RateExceeded> {
    if limit.is_none_or(|limit| limit.admit(key)) {
        return Ok(());
    }
    metrics::counter!("cognate_refused_total", "limit" => name).increment(1);
    let client = call.connection.network();
    let pool = call.pool.get().map(tracing::field::display);
    tracing::warn!(limit = name, pool, %client, "a call was refused, because a rate in [limits] is reached");
    Err(RateExceeded(name))
}
