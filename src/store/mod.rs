//! What is stored: the trait that every store keeps. A store loads rows and applies writes; it decides nothing. The rules
//! are [`identities::plan`] and [`record::plan`], which are pure.
//!
//! A method is one atomic step, durable when it returns. Ids and times come with the question, so that asking again is
//! idempotent. Outcomes of the domain are values, absence is `Option`, and an error means that the store could not do
//! its work. No dialect, transaction or cache leaks out of a store, and no code outside asks which store it is.

pub mod catalog;
#[cfg(test)]
mod conformance;
pub mod copy;
mod documents;
pub mod event;
pub mod generation;
pub mod identities;
pub mod lease;
pub mod once;
pub mod postgres;
pub mod record;
pub mod sqlite;
pub mod sweep;

use async_trait::async_trait;
use tracing::Instrument;
use uuid::Uuid;

use self::event::{EventPage, Origin};
use self::identities::{Answer, Question};
use self::lease::{LeaseFence, LeaseRequest};
use self::once::{Claim, ClaimOutcome};
use self::record::{Changes, PutOutcome, Record, RecordKind, RecordWrite, View};
use self::sweep::Sweep;
use crate::model::identity::Identity;
use crate::spans;

/// A store of records, identities, events, claims and leases.
#[async_trait]
pub trait Store: Send + Sync {
    /// Answers a question about identities from one snapshot that has every write that was answered before; `None` where
    /// the answer needs writes, so that [`Store::change`] must be asked.
    async fn read(&self, question: &Question) -> Result<Option<Answer>, StoreError>;

    /// Answers a question about identities, and applies the writes and events of its plan in one transaction.
    async fn change(&self, question: &Question, origin: &Origin) -> Result<Answer, StoreError>;

    /// The record of this kind under this key, as it is now; a deleted record is `None`.
    async fn record(&self, kind: RecordKind, key: &str) -> Result<Option<Record>, StoreError>;

    /// Every record, of known and unknown kinds, that changed after `since`, deletions included, all in one snapshot with
    /// the revision. The view is current when the call begins: a store that can be read while it is cut off from its
    /// writers must commit something before it answers.
    async fn records_since(&self, since: View) -> Result<Changes, StoreError>;

    /// Writes records, all of them or none, under one new revision, as [`record::plan`] decides, with an event for each.
    async fn put(&self, writes: &[RecordWrite], origin: &Origin) -> Result<PutOutcome, StoreError>;

    /// Up to `limit` identities of an incarnation of a pool with ids above `after`, in ascending order of their ids;
    /// identities that were merged away only with `disabled`.
    async fn list_identities(
        &self,
        pool: identities::PoolRef,
        after: Option<Uuid>,
        limit: usize,
        disabled: bool,
    ) -> Result<Vec<Identity>, StoreError>;

    /// Up to `limit` transactions' events behind the position `after`, in the order of their commits.
    async fn list_events(&self, after: u64, limit: usize) -> Result<EventPage, StoreError>;

    /// Claims something that counts once, as [`once::decide`] says: it must date from the generation of the store.
    async fn claim_once(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError>;

    /// Takes or prolongs a lease, as [`lease::decide`] says; `None` while another owner holds it.
    async fn lease(&self, request: &LeaseRequest) -> Result<Option<LeaseFence>, StoreError>;

    /// Deletes up to `limit` rows that nothing needs any more, and returns how many it deleted; `None` where `fence` is not
    /// the newest of its lease.
    async fn sweep(
        &self,
        sweep: &Sweep,
        fence: &LeaseFence,
        limit: usize,
    ) -> Result<Option<usize>, StoreError>;

    /// Announces the digest of the settings with which this server serves, and returns how many other servers of the store,
    /// of those that committed within the last minute, announced other settings.
    async fn announce(&self, _settings: &str) -> Result<u64, StoreError> {
        // A store for one process has no other server.
        Ok(0)
    }

    /// Whether the store can answer and be written now; a warning for the operator where it soon may not.
    async fn check(&self) -> Result<Option<&'static str>, StoreError>;

    /// Finishes the calls that are in progress and closes; a later call is `Unavailable`.
    async fn close(&self);
}

/// What went wrong in a store, with the store's own words as the source.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store can't be used now; nothing was changed.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
    /// The outcome of a commit is not known; asking again is safe.
    #[error("the store does not know whether a change was committed")]
    Unknown(#[source] Cause),
    /// Stored data can't be read, or rows contradict each other.
    #[error("the store holds data that can't be read")]
    Corrupt(#[source] Cause),
}

/// The words of the library that a store is built on; for the log.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Answers a question, with writes only where its plan has any; `origin` is asked for only then.
pub async fn ask(
    store: &dyn Store,
    question: &Question,
    origin: impl FnOnce() -> Origin,
) -> Result<Answer, StoreError> {
    if !matches!(question, Question::AddGuest(..))
        && let Some(answer) = store
            .read(question)
            .instrument(spans::store("store read"))
            .await?
    {
        return Ok(answer);
    }
    let origin = origin();
    let change = store.change(question, &origin);
    change.instrument(spans::store("store change")).await
}

/// Measures how many changes wait in the queue of a store, after those of a transaction were taken.
#[expect(clippy::cast_precision_loss, reason = "a number of changes")]
fn measure_queue(waiting: usize) {
    metrics::gauge!("cognate_store_queue").set(waiting as f64);
}
