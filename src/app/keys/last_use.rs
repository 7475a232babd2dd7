//! When access keys were used last. Each server keeps it in memory and stores it rarely, so that no request writes: the
//! stored time is up to an hour and a quarter behind.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::app::access::caller::Caller;
use crate::app::records::Records;
use crate::store::StoreError;
use crate::store::event::Origin;
use crate::store::record::RecordWrite;

/// How much newer than the stored use a use is that is stored while the server runs.
pub(in crate::app) const COARSE: SignedDuration = SignedDuration::from_hours(1);

/// The same for a server that stops.
pub(in crate::app) const FINE: SignedDuration = SignedDuration::from_mins(1);

/// The last use of each access key by requests to this server, in seconds since 1970, by the unique id of its user. Only
/// requests with a verified signature count, so that there are at most as many as access keys since the start.
#[derive(Debug, Default)]
pub(in crate::app) struct LastUses(RwLock<HashMap<String, AtomicI64>>);

impl LastUses {
    fn note(&self, user_id: &str, now: Timestamp) {
        let now = now.as_second();
        let seen = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = seen.get(user_id) {
            // Most requests of a busy key come within the same second, and write nothing.
            if last.load(Ordering::Relaxed) < now {
                last.store(now, Ordering::Relaxed);
            }
            return;
        }
        drop(seen);
        let mut seen = self.0.write().unwrap_or_else(PoisonError::into_inner);
        seen.insert(user_id.to_owned(), AtomicI64::new(now));
    }

    fn of(&self, user_id: &str) -> Option<Timestamp> {
        let seen = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let last = seen.get(user_id)?.load(Ordering::Relaxed);
        Timestamp::from_second(last).ok()
    }
}

/// Notes that a request of this caller was verified.
pub fn note(app: &App, caller: &Caller, now: Timestamp) {
    if let Caller::AccessKey(key) = caller {
        app.records.uses.note(&key.user_id, now);
    }
}

/// When the access key of this user was used last, as far as this server knows.
pub fn of(app: &App, user_id: &str) -> Option<Timestamp> {
    let snapshot = app.records.catalog.newest();
    let stored = snapshot.access_key_uses().ok().flatten();
    let stored = stored.and_then(|stored| stored.uses.get(user_id).copied());
    stored.max(app.records.uses.of(user_id))
}

/// Stores the uses if one is newer than the stored one by `least`, in one record for all keys.
pub(in crate::app) async fn store(
    records: &Arc<Records>,
    least: SignedDuration,
    origin: Origin,
) -> Result<(), StoreError> {
    let snapshot = records.snapshot()?;
    let stored = snapshot.access_key_uses()?.map(Arc::as_ref).cloned();
    let mut changed = stored.unwrap_or_default();
    let users: HashSet<String> = snapshot.access_keys().map(|key| key.user_id()).collect();
    changed.uses.retain(|user, _| users.contains(user));
    let mut is_due = false;
    for user in users {
        let before = changed.uses.get(&user).copied();
        let newer = records.uses.of(&user).filter(|used| before < Some(*used));
        let Some(newer) = newer else {
            continue;
        };
        is_due |= before.is_none_or(|before| newer.duration_since(before) >= least);
        changed.uses.insert(user, newer);
    }
    if is_due {
        // A conflict is with another server, after which the next look compares again.
        let write = RecordWrite::replace(&changed, changed.version);
        records.put(vec![write], origin).await?;
    }
    Ok(())
}
