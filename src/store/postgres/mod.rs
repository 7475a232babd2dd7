//! The store in PostgreSQL, for any number of servers.
//!
//! Questions wait in two queues, for reads and for changes; a few workers answer all that wait in one transaction. A change
//! locks the record of its pool and identities, each in ascending order, and plans only with the rows that these locks
//! returned. Whatever else fails is run again with the same ids.

mod advice;
mod apply;
mod batch;
mod connect;
mod connections;
mod copy;
mod heartbeat;
mod load;
mod migrate;
mod open;
mod rows;
#[cfg(test)]
pub(super) mod tests;
mod tls;
mod transaction;

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use jiff::SignedDuration;
use uuid::Uuid;

pub use self::open::{OpenPostgresError, PostgresSettings};

use self::batch::{Batches, Mode};
use self::connections::{Connections, TimeBound, commit, within};
use self::transaction::{Runs, TransactionError};
use super::event::{EventPage, Origin};
use super::identities::{Answer, PoolRef, Question};
use super::lease::{self, LeaseFence, LeaseRequest};
use super::once::{self, Claim, ClaimOutcome};
use super::record::{self, Changes, PutOutcome, Record, RecordKind, RecordWrite, View};
use super::sweep::Sweep;
use super::{Store, StoreError};
use crate::ambient::Ambient;
use crate::model::identity::Identity;

/// A store in a database, open.
pub struct PostgresStore {
    connections: Arc<Connections>,
    reads: Batches,
    changes: Batches,
    /// This server, in the table of heartbeats.
    server: Uuid,
    /// How far the clocks of this server and of the database may be apart.
    clock_tolerance: Option<SignedDuration>,
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

/// Runs a transaction once, within its bound. `$tx` is the transaction in `$work`.
macro_rules! run_once {
    ($connections:expr, $bound:expr, $mode:expr, |$tx:ident| $work:expr) => {{
        let connections: &Connections = $connections;
        match connections.client().await {
            Err(error) => Err(error),
            Ok(mut client) => {
                let run = async {
                    let $tx = connections.begin(&mut client, $mode, $bound).await?;
                    let value = $work.await?;
                    commit($tx).await?;
                    Ok::<_, TransactionError>(value)
                };
                #[cfg(test)]
                let run = $crate::store::postgres::tests::gate::scope(connections, run);
                let result = within($bound, run).await;
                connections.give_back(client, &result);
                result
            }
        }
    }};
}
use run_once;

/// Runs a transaction until it is committed or its runs are used up. `$tx` is the transaction in `$work`.
macro_rules! transact {
    ($store:ident, $mode:expr, |$tx:ident| $work:expr) => {
        transact!($store.connections, TimeBound::Request, $mode, |$tx| $work)
    };
    ($connections:expr, $bound:expr, $mode:expr, |$tx:ident| $work:expr) => {{
        let connections: &Connections = &$connections;
        let mut runs = Runs::new(connections.ambient());
        loop {
            let result = run_once!(connections, $bound, $mode, |$tx| $work);
            if let Some(done) = runs.after(result, connections.ambient()).await {
                break done;
            }
        }
    }};
}
use transact;

impl PostgresStore {
    /// Commits something. Clocks that are too far apart are an error: claims are swept by the database's, and logins end by
    /// this server's.
    async fn beat(&self) -> Result<(), StoreError> {
        let at = transact!(self, Mode::Change, |tx| heartbeat::beat(&tx, self.server))?;
        let apart = self.connections.ambient().now().duration_since(at).abs();
        match self.clock_tolerance {
            Some(tolerance) if apart > tolerance => {
                Err(StoreError::Unavailable(heartbeat::clocks_differ()))
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn read(&self, question: &Question) -> Result<Option<Answer>, StoreError> {
        self.reads.ask(question, None).await
    }

    async fn change(&self, question: &Question, origin: &Origin) -> Result<Answer, StoreError> {
        let answer = self.changes.ask(question, Some(origin)).await?;
        Ok(answer.expect("a plan with an origin ends with an answer"))
    }

    async fn record(&self, kind: RecordKind, key: &str) -> Result<Option<Record>, StoreError> {
        let found = transact!(self, Mode::Read, |tx| load::record(&tx, kind, key))?;
        Ok(found.filter(|record| record.json.is_some()))
    }

    async fn records_since(&self, since: View) -> Result<Changes, StoreError> {
        // A leader that was cut off still answers reads, but it commits nothing.
        self.beat().await?;
        transact!(self, Mode::Read, |tx| load::changes(&tx, since))
    }

    async fn put(&self, writes: &[RecordWrite], origin: &Origin) -> Result<PutOutcome, StoreError> {
        transact!(self, Mode::Change, |tx| put(&tx, writes, origin))
    }

    async fn list_identities(
        &self,
        pool: PoolRef,
        after: Option<Uuid>,
        limit: usize,
        disabled: bool,
    ) -> Result<Vec<Identity>, StoreError> {
        transact!(self, Mode::Read, |tx| load::identities(
            &tx, pool, after, limit, disabled
        ))
    }

    async fn list_events(&self, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        transact!(self, Mode::Change, |tx| list_events(&tx, after, limit))
    }

    async fn claim_once(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        transact!(self, Mode::Change, |tx| claim_once(&tx, claim))
    }

    async fn lease(&self, request: &LeaseRequest) -> Result<Option<LeaseFence>, StoreError> {
        transact!(self, Mode::Change, |tx| take_lease(
            &tx,
            request,
            self.connections.ambient()
        ))
    }

    async fn sweep(
        &self,
        sweep: &Sweep,
        fence: &LeaseFence,
        limit: usize,
    ) -> Result<Option<usize>, StoreError> {
        transact!(self, Mode::Change, |tx| fenced_sweep(
            &tx,
            sweep,
            fence,
            limit,
            self.connections.ambient()
        ))
    }

    async fn announce(&self, settings: &str) -> Result<u64, StoreError> {
        transact!(self, Mode::Change, |tx| announce(
            &tx,
            self.server,
            settings
        ))
    }

    async fn check(&self) -> Result<Option<&'static str>, StoreError> {
        self.beat().await?;
        if self.connections.is_disk_full() {
            let ambient = self.connections.ambient();
            let id = ambient.uuid();
            transact!(self, Mode::Change, |tx| heartbeat::take_space(
                &tx, id, ambient
            ))?;
            self.connections.found_space();
        }
        Ok(None)
    }

    async fn close(&self) {
        self.reads.close().await;
        self.changes.close().await;
        self.connections.close();
    }
}

async fn put(
    tx: &Transaction<'_>,
    writes: &[RecordWrite],
    origin: &Origin,
) -> Result<PutOutcome, TransactionError> {
    // First, so that its lock orders the commits of all transactions that write records.
    let revision = apply::raise_revision(tx).await?;
    let before = load::before(tx, writes).await?;
    let records = match record::plan(writes, &before, revision, origin) {
        Ok(records) => records,
        Err(outcome) => {
            apply::lower_revision(tx).await?;
            return Ok(outcome);
        }
    };
    for record in records.iter().filter(|one| one.revision == revision) {
        apply::record(tx, record).await?;
    }
    let events = record::events(writes, &records, revision, origin);
    apply::events(tx, &events).await?;
    Ok(PutOutcome::Stored(records))
}

async fn list_events(
    tx: &Transaction<'_>,
    after: u64,
    limit: usize,
) -> Result<EventPage, TransactionError> {
    let last = apply::number_events(tx).await?;
    let statement = "SELECT min(position) FROM event";
    let oldest = load::query(tx, statement, &[]).await?;
    let oldest: Option<i64> = oldest.first().map_or(Ok(None), |row| row.try_get(0))?;
    let first_kept = oldest.map_or(last + 1, i64::cast_unsigned);
    let statement =
        "SELECT position, events FROM event WHERE position > $1 ORDER BY position LIMIT $2";
    let (behind, most) = (after.cast_signed(), load::count(limit));
    let rows = load::query(tx, statement, &[&behind, &most]).await?;
    Ok(EventPage {
        transactions: rows.iter().map(load::events).collect::<Result<_, _>>()?,
        lost: after + 1 < first_kept,
    })
}

async fn announce(
    tx: &Transaction<'_>,
    server: Uuid,
    settings: &str,
) -> Result<u64, TransactionError> {
    heartbeat::beat(tx, server).await?;
    apply::settings(tx, server, settings).await?;
    load::servers_with_other_settings(tx, settings).await
}

async fn claim_once(tx: &Transaction<'_>, claim: &Claim) -> Result<ClaimOutcome, TransactionError> {
    let before = load::claimed(tx, claim).await?;
    let began = load::began(tx).await?;
    let (outcome, held) = once::decide(claim, before.as_ref(), began);
    if let Some(held) = held {
        apply::claim(tx, claim, &held, before.is_none()).await?;
    }
    Ok(outcome)
}

async fn take_lease(
    tx: &Transaction<'_>,
    request: &LeaseRequest,
    ambient: &dyn Ambient,
) -> Result<Option<LeaseFence>, TransactionError> {
    // Servers compare the ends of leases on the database's clock, because their own clocks may differ.
    let request = &request.on_clock(load::clock_offset(tx, ambient).await?);
    let held = load::lease(tx, request.name).await?;
    let Some(lease) = lease::decide(request, held) else {
        return Ok(None);
    };
    apply::lease(tx, request, &lease, held.is_none()).await?;
    Ok(Some(request.fence(lease.fence)))
}

async fn fenced_sweep(
    tx: &Transaction<'_>,
    sweep: &Sweep,
    fence: &LeaseFence,
    limit: usize,
    ambient: &dyn Ambient,
) -> Result<Option<usize>, TransactionError> {
    let sweep = &sweep.on_clock(load::clock_offset(tx, ambient).await?);
    // The row stays locked, so that no other server gets the lease before this page is deleted.
    let held = load::lease(tx, fence.name).await?;
    if !fence.is_newest(held) {
        return Ok(None);
    }
    apply::sweep(tx, sweep, limit).await.map(Some)
}
