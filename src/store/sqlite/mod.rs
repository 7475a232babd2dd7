//! The embedded store: one SQLite file in the data directory, for one process at a time.
//!
//! Reads run inline on read-only connections. Changes go to the one writing thread, which commits all that wait together.
//! No other process may write to the file while it is open here.

mod apply;
pub mod backup;
mod checksum;
mod condition;
mod copy;
mod group;
mod inspect;
mod load;
mod lock;
mod log;
mod log_file;
mod migrate;
mod open;
mod readers;
mod tables;
#[cfg(test)]
pub(super) mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::inspect::{StoreReport, TableReport};
pub use self::open::OpenError;

use self::condition::DiskCondition;
use self::readers::Readers;
use self::writer::Writer;
use super::copy::OpenPurpose;
use super::event::{EventPage, Origin};
use super::identities::{self, Answer, Loaded, Need, PoolRef, Question};
use super::lease::{self, LeaseFence, LeaseRequest};
use super::once::{self, Claim, ClaimOutcome};
use super::record::{self, Changes, PutOutcome, Record, RecordKind, RecordWrite, View};
use super::sweep::Sweep;
use super::{Store, StoreError};
use crate::model::identity::Identity;

/// A store in a file, open.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Arc<Readers>,
    writer: Writer,
    condition: Arc<DiskCondition>,
}

impl SqliteStore {
    /// Opens the store in the directory `folder`, which is there: `cognate.sqlite`, made if it isn't there, and a file
    /// `lock` that keeps every other process out while this process has it open.
    ///
    /// [`Store::close`] releases the directory; a store that is only dropped does so a little later, by itself.
    ///
    /// An unfinished copy and a store that was moved are refused.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_for(folder, OpenPurpose::Serve)
    }

    /// Whether a store was opened in `folder` before and its database isn't there any more.
    pub fn is_gone(folder: &Path) -> bool {
        open::is_gone(folder)
    }

    /// Opens the store as [`SqliteStore::open`] does, for `purpose`.
    pub fn open_for(folder: &Path, purpose: OpenPurpose) -> Result<Self, OpenError> {
        open::open(folder, purpose, open::LOG_LIMIT)
    }

    /// Opens the store as [`SqliteStore::open`] does. Changes are refused while the write-ahead log has `log_limit` bytes.
    pub fn open_with_limit(folder: &Path, log_limit: u64) -> Result<Self, OpenError> {
        open::open(folder, OpenPurpose::Serve, log_limit)
    }

    /// Reads in one snapshot. An error unless the writer lives: without it, a snapshot may be outdated.
    fn with<T>(
        &self,
        read: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.writer.is_open() {
            self.readers.with(read)
        } else {
            Err(closed())
        }
    }
}

/// Checks the whole store in the directory `folder`: the structure of the database and the checksum of each row. Changes
/// nothing; a server may have the store open.
pub fn inspect(folder: &Path) -> Result<StoreReport, OpenError> {
    inspect::inspect(folder)
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

#[async_trait]
impl Store for SqliteStore {
    async fn read(&self, question: &Question) -> Result<Option<Answer>, StoreError> {
        self.with(|db| identities::answer(question, |need, loaded| load::need(db, need, loaded)))
    }

    async fn change(&self, question: &Question, origin: &Origin) -> Result<Answer, StoreError> {
        let (question, origin) = (question.clone(), origin.clone());
        self.writer
            .change(move |db, events| {
                // An insertion finds out that an id is taken, so that the row of a new id isn't looked for.
                let assume_new = |need, loaded: &mut Loaded| match need {
                    Need::NewIdentity(id) => {
                        loaded.add_identity(id, None);
                        Ok(())
                    }
                    other => load::need(db, other, loaded),
                };
                let mut plan = identities::run(&question, &origin, assume_new)?;
                if !apply::writes(db, &plan.writes)? {
                    let load = |need, loaded: &mut _| load::need(db, need, loaded);
                    plan = identities::run(&question, &origin, load)?;
                    if !apply::writes(db, &plan.writes)? {
                        return Err(load::corrupt("the id of a new identity is taken"));
                    }
                }
                events.extend(plan.events);
                Ok(plan.answer)
            })
            .await
    }

    async fn record(&self, kind: RecordKind, key: &str) -> Result<Option<Record>, StoreError> {
        let found = self.with(|db| load::record(db, kind, key))?;
        Ok(found.filter(|record| record.json.is_some()))
    }

    async fn records_since(&self, since: View) -> Result<Changes, StoreError> {
        self.with(|db| load::changes(db, since))
    }

    async fn put(&self, writes: &[RecordWrite], origin: &Origin) -> Result<PutOutcome, StoreError> {
        let (writes, origin) = (writes.to_vec(), origin.clone());
        self.writer
            .change(move |db, events| {
                let revision = apply::raise_revision(db)?;
                let before = load::before(db, &writes)?;
                let records = match record::plan(&writes, &before, revision, &origin) {
                    Ok(records) => records,
                    Err(outcome) => return Ok(outcome),
                };
                for record in records.iter().filter(|one| one.revision == revision) {
                    apply::record(db, record)?;
                }
                events.extend(record::events(&writes, &records, revision, &origin));
                Ok(PutOutcome::Stored(records))
            })
            .await
    }

    async fn list_identities(
        &self,
        pool: PoolRef,
        after: Option<Uuid>,
        limit: usize,
        disabled: bool,
    ) -> Result<Vec<Identity>, StoreError> {
        self.with(|db| load::identities(db, pool, after, limit, disabled))
    }

    async fn list_events(&self, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        self.with(|db| load::events(db, after, limit))
    }

    async fn claim_once(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let claim = claim.clone();
        self.writer
            .change(move |db, _| {
                let before = load::claimed(db, &claim)?;
                let began = load::began(db)?;
                let (outcome, held) = once::decide(&claim, before.as_ref(), began);
                if let Some(held) = held {
                    apply::claim(db, &claim, &held)?;
                }
                Ok(outcome)
            })
            .await
    }

    async fn lease(&self, request: &LeaseRequest) -> Result<Option<LeaseFence>, StoreError> {
        let request = request.clone();
        self.writer
            .change(move |db, _| {
                let held = load::lease(db, request.name)?;
                let Some(lease) = lease::decide(&request, held) else {
                    return Ok(None);
                };
                apply::lease(db, &request, &lease)?;
                Ok(Some(request.fence(lease.fence)))
            })
            .await
    }

    async fn sweep(
        &self,
        sweep: &Sweep,
        fence: &LeaseFence,
        limit: usize,
    ) -> Result<Option<usize>, StoreError> {
        let (sweep, fence) = (*sweep, fence.clone());
        self.writer
            .change(move |db, _| {
                let held = load::lease(db, fence.name)?;
                if !fence.is_newest(held) {
                    return Ok(None);
                }
                apply::sweep(db, &sweep, limit).map(Some)
            })
            .await
    }

    async fn check(&self) -> Result<Option<&'static str>, StoreError> {
        self.with(load::check)?;
        self.condition.check(&self.writer).await
    }

    async fn close(&self) {
        self.writer.close().await;
    }
}
