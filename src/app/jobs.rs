//! Duties that one server of a store has at a time, guarded by a lease: deleting the identities of deleted pools, and
//! sweeping claims, events and deletions that ended.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::Instant;
use uuid::Uuid;

use super::keys::last_use;
use super::records::Records;
use crate::ambient::Ambient;
use crate::store::StoreError;
use crate::store::event::{GuestHash, Origin};
use crate::store::identities::PoolRef;
use crate::store::lease::{LeaseFence, LeaseRequest};
use crate::store::record::{RecordKind, RecordWrite, Stored};
use crate::store::sweep::Sweep;

/// How often the runner looks for work.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a lease lasts; its holder prolongs it at every look.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// How long a stopping server tries to release its lease.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many pages are deleted between two renewals of the lease.
const PAGES: u64 = 50;

/// The longest pause after a page. A lease is renewed every `PAGES` pages, long before it ends.
const LONGEST_REST: Duration = Duration::from_millis(100);

/// How many looks pass between two sweeps of what ended.
const LOOKS: u32 = 120;

/// How many looks pass between two looks at the last uses of access keys: a quarter of an hour.
const LOOKS_AT_USES: u32 = 1_800;

/// How long deletions of records are kept.
const DELETIONS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How far the clocks of a server and its database may differ, as with clients: claims are kept that long after their ends.
pub(super) const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// The runner of one server.
pub(super) struct Jobs {
    pub(super) records: Arc<Records>,
    pub(super) ambient: Arc<dyn Ambient>,
    pub(super) guests: GuestHash,
    /// This server, as the owner of a lease.
    pub(super) server: Uuid,
    /// How long events are kept.
    pub(super) keep_events: SignedDuration,
}

impl Jobs {
    /// Works until the task is aborted.
    pub(super) async fn run(self: Arc<Self>) {
        let (mut look, mut damage) = (0, None);
        loop {
            let sweep_all = look % LOOKS == 0;
            look += 1;
            if look % LOOKS_AT_USES == 0 {
                self.store_uses(last_use::COARSE).await;
            }
            match self.look(sweep_all).await {
                Ok(()) => {}
                Err(StoreError::Corrupt(cause)) => {
                    let cause = Some(cause.to_string());
                    if damage != cause {
                        tracing::error!(
                            cause,
                            "rows that nothing needs can't be deleted: the store is damaged"
                        );
                    }
                    damage = cause;
                }
                Err(error) => tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "rows that nothing needs can't be deleted now"
                ),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Stores when access keys were used last.
    pub(super) async fn store_uses(&self, least: SignedDuration) {
        let origin = Origin::of_server("Maintenance", self.ambient.as_ref(), &self.guests);
        if let Err(error) = last_use::store(&self.records, least, origin).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the last uses of access keys can't be stored now"
            );
        }
    }

    async fn look(&self, sweep_all: bool) -> Result<(), StoreError> {
        let snapshot = self.records.snapshot()?;
        let pools: Vec<_> = snapshot.deleted_pools().cloned().collect();
        if pools.is_empty() && !sweep_all {
            return Ok(());
        }
        let Some(fence) = self.lease().await? else {
            return Ok(());
        };
        for pool in pools {
            let (id, incarnation) = (pool.id, pool.incarnation);
            let identities = Sweep::Identities(PoolRef { id, incarnation });
            if self.sweep(&identities, &fence).await? {
                let done = RecordWrite::delete(RecordKind::DeletedPool, pool.key(), pool.version);
                let origin = Origin::of_server("Maintenance", self.ambient.as_ref(), &self.guests);
                self.records.put(vec![done], origin).await?;
            }
        }
        if sweep_all {
            let now = self.ambient.now_in_milliseconds();
            self.sweep(&Sweep::Claims(now - CLOCKS), &fence).await?;
            self.sweep(&Sweep::Events(now - self.keep_events), &fence)
                .await?;
            self.sweep(&Sweep::Deletions(now - DELETIONS), &fence)
                .await?;
        }
        Ok(())
    }

    /// Deletes page by page; `false` where another server holds the lease.
    async fn sweep(&self, sweep: &Sweep, fence: &LeaseFence) -> Result<bool, StoreError> {
        let Pace { rows, rest } = Pace::of(sweep);
        for page in 1_u64.. {
            let began = Instant::now();
            match self.records.store.sweep(sweep, fence, rows).await? {
                None => return Ok(false),
                Some(0) => return Ok(true),
                Some(_) if page % PAGES == 0 => {
                    if self.lease().await?.as_ref() != Some(fence) {
                        return Ok(false);
                    }
                }
                Some(_) => {}
            }
            tokio::time::sleep((began.elapsed() * rest).min(LONGEST_REST)).await;
        }
        Ok(false)
    }

    async fn lease(&self) -> Result<Option<LeaseFence>, StoreError> {
        self.lease_for(LEASE).await
    }

    async fn lease_for(&self, time: SignedDuration) -> Result<Option<LeaseFence>, StoreError> {
        let now = self.ambient.now_in_milliseconds();
        let request = LeaseRequest {
            name: "maintenance",
            owner: self.server,
            now,
            until: now + time,
        };
        self.records.store.lease(&request).await
    }

    /// Ends the lease, so that another server needn't wait for its end. The runner must have been aborted.
    pub(super) async fn release(&self) {
        let released = self.lease_for(SignedDuration::ZERO);
        if !matches!(tokio::time::timeout(PATIENCE, released).await, Ok(Ok(_))) {
            tracing::debug!("the lease is not released, so it lasts to its end");
        }
    }
}

/// How fast rows are deleted, so that other changes wait only briefly.
struct Pace {
    /// How many rows one transaction deletes.
    rows: usize,
    /// The pause after it, in times of what it took.
    rest: u32,
}

impl Pace {
    fn of(sweep: &Sweep) -> Self {
        match sweep {
            // No client waits for the end: a tenth of the store's writer is enough.
            Sweep::Identities(_) => Self { rows: 25, rest: 9 },
            // They must be deleted as fast as they are written.
            Sweep::Claims(_) | Sweep::Events(_) | Sweep::Deletions(_) => {
                Self { rows: 100, rest: 4 }
            }
        }
    }
}
