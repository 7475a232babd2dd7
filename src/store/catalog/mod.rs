//! The catalog: a typed snapshot of all records in memory, above every store. It is refreshed by revision, and says how
//! old its view is. It is no cache of identities.
//!
//! A view is rebuilt where it can't be continued: another generation, a revision that went back, a gap beyond the kept
//! deletions, or records that don't add up to the store's checksum.

mod snapshot;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use self::snapshot::Next;
pub use self::snapshot::{Snapshot, Unreadable};
use super::record::View;
use super::{Store, StoreError};

/// How old a view may be; whatever depends on an older one is refused.
pub const OLDEST: Duration = Duration::from_secs(5);

/// How far the wall clock may step back before a view counts as outdated.
const STEP: SignedDuration = SignedDuration::from_secs(1);

/// The records of a store, as of its last refresh.
pub struct Catalog {
    current: ArcSwap<Dated>,
    /// Serialises refreshes, so that a view never goes back.
    refreshing: Mutex<()>,
}

/// A snapshot and the moments before it was read.
struct Dated {
    snapshot: Arc<Snapshot>,
    uptime: Duration,
    now: Timestamp,
}

/// A moment, on the clock that runs through suspend and on the wall.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Since the machine started, suspended time included.
    pub uptime: Duration,
    /// The time on the wall.
    pub now: Timestamp,
}

/// Why the catalog can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the view of the store is older than {} seconds", OLDEST.as_secs())]
pub struct Outdated;

impl Catalog {
    /// Reads every record of `store`.
    pub async fn load(store: &dyn Store, moment: Moment) -> Result<Self, StoreError> {
        let changes = store.records_since(View::default()).await?;
        let snapshot = Snapshot::build(changes);
        Ok(Self {
            current: ArcSwap::from_pointee(Dated {
                snapshot: Arc::new(snapshot),
                uptime: moment.uptime,
                now: moment.now,
            }),
            refreshing: Mutex::default(),
        })
    }

    /// The snapshot, where it is fresh at `moment`.
    pub fn snapshot(&self, moment: Moment) -> Result<Arc<Snapshot>, Outdated> {
        let current = self.current.load();
        if current.age(moment) <= OLDEST && moment.now + STEP >= current.now {
            Ok(Arc::clone(&current.snapshot))
        } else {
            Err(Outdated)
        }
    }

    /// The newest snapshot, however old it is: for what may outlive its store.
    pub fn newest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.load().snapshot)
    }

    /// How long ago the view was read.
    pub fn age(&self, moment: Moment) -> Duration {
        self.current.load().age(moment)
    }

    /// Reads what changed since the last refresh. `moment` is before the call. Returns the snapshot, and whether anything
    /// in it changed.
    pub async fn refresh(
        &self,
        store: &dyn Store,
        moment: Moment,
    ) -> Result<(Arc<Snapshot>, bool), StoreError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let before = self.current.load_full();
        let changes = store.records_since(before.snapshot.view()).await?;
        let next = match before.snapshot.next(changes) {
            Next::Same => Arc::clone(&before.snapshot),
            Next::Changed(snapshot) => Arc::from(snapshot),
            Next::Rebuild => {
                tracing::warn!("the view of the store can't be continued, so it is built anew");
                let changes = store.records_since(View::default()).await?;
                Arc::new(Snapshot::build(changes))
            }
        };
        let is_new = !Arc::ptr_eq(&before.snapshot, &next);
        // A caller that waited for another refresh has a moment before that one.
        self.current.store(Arc::new(Dated {
            snapshot: Arc::clone(&next),
            uptime: moment.uptime.max(before.uptime),
            now: moment.now,
        }));
        Ok((next, is_new))
    }

    /// Makes the view count as outdated until the next refresh.
    pub fn outdate(&self) {
        let current = self.current.load_full();
        self.current.store(Arc::new(Dated {
            snapshot: Arc::clone(&current.snapshot),
            uptime: Duration::ZERO,
            now: current.now,
        }));
    }
}

impl Dated {
    fn age(&self, moment: Moment) -> Duration {
        moment.uptime.saturating_sub(self.uptime)
    }
}

impl From<Outdated> for StoreError {
    fn from(error: Outdated) -> Self {
        Self::Unavailable(Box::new(error))
    }
}
