//! The store in memory that the operations change while records are staged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use uuid::Uuid;

use crate::model::identity::Identity;
use crate::store::event::{EventPage, Origin};
use crate::store::identities::{Answer, PoolRef, Question};
use crate::store::lease::{LeaseFence, LeaseRequest};
use crate::store::once::{Claim, ClaimOutcome};
use crate::store::record::{
    self, Before, Changes, PutOutcome, Record, RecordKind, RecordWrite, View,
};
use crate::store::sweep::Sweep;
use crate::store::{Store, StoreError};

/// The kind and key of a record.
pub(super) type RecordName = (String, String);

/// The records of a store, with changes that are only here.
pub(super) struct StagedStore {
    pub(super) real: Arc<dyn Store>,
    pub(super) base: BTreeMap<RecordName, Record>,
    pub(super) tables: Mutex<StagedTables>,
}

#[derive(Clone)]
pub(super) struct StagedTables {
    pub(super) records: BTreeMap<RecordName, Record>,
    /// The limits of the records that were added.
    pub(super) limits: BTreeMap<RecordName, usize>,
    pub(super) view: View,
}

impl StagedStore {
    pub(super) fn tables(&self) -> MutexGuard<'_, StagedTables> {
        self.tables
            .lock()
            .expect("no change of staged records panics")
    }

    /// The names of the records that differ from those of the store.
    pub(super) fn changed(&self, tables: &StagedTables) -> BTreeSet<RecordName> {
        let json = |record: Option<&Record>| record.and_then(|record| record.json.clone());
        let names = tables.records.keys();
        names
            .filter(|name| json(self.base.get(*name)) != json(tables.records.get(*name)))
            .cloned()
            .collect()
    }

    /// One write for each record that differs, and for each managed policy that a role begins to use: it is written
    /// unchanged, so that it can't be deleted at the same time.
    pub(super) fn writes(&self) -> Vec<RecordWrite> {
        let tables = self.tables();
        let mut names = self.changed(&tables);
        let policies = tables.records.iter().filter(|(name, record)| {
            name.0 == RecordKind::ManagedPolicy.as_str()
                && live_version(self.base.get(*name)) != live_version(Some(record))
        });
        names.extend(policies.map(|(name, _)| name.clone()));
        let writes = names.into_iter().map(|name| {
            let record = &tables.records[&name];
            RecordWrite {
                kind: RecordKind::parse(&record.kind).expect("a write has a known kind"),
                key: record.key.clone(),
                scope: record.scope.clone(),
                expected: live_version(self.base.get(&name)),
                json: record.json.clone(),
                limit: tables.limits.get(&name).copied(),
            }
        });
        writes.collect()
    }
}

/// The version of a record that is there; 0 where it isn't.
pub(super) fn live_version(record: Option<&Record>) -> u64 {
    let live = record.filter(|record| record.json.is_some());
    live.map_or(0, |record| record.version)
}

/// The refusal of a question that has nothing to do with records.
fn records_only() -> StoreError {
    StoreError::Unavailable("only records can be staged".into())
}

#[async_trait]
impl Store for StagedStore {
    async fn read(&self, question: &Question) -> Result<Option<Answer>, StoreError> {
        self.real.read(question).await
    }

    async fn change(&self, _question: &Question, _origin: &Origin) -> Result<Answer, StoreError> {
        Err(records_only())
    }

    async fn record(&self, kind: RecordKind, key: &str) -> Result<Option<Record>, StoreError> {
        let name = (kind.as_str().to_owned(), key.to_owned());
        let found = self.tables().records.get(&name).cloned();
        Ok(found.filter(|record| record.json.is_some()))
    }

    async fn records_since(&self, since: View) -> Result<Changes, StoreError> {
        let tables = self.tables();
        let all = tables.records.values();
        let revisions = all
            .clone()
            .fold(0_u64, |sum, record| sum.wrapping_add(record.revision));
        let newer = all.filter(|record| record.revision > since.revision);
        let mut records: Vec<_> = newer.cloned().collect();
        records.sort_by_key(|record| record.revision);
        Ok(Changes {
            view: tables.view,
            swept: 0,
            checksum: (tables.records.len() as u64, revisions),
            records,
        })
    }

    async fn put(&self, writes: &[RecordWrite], origin: &Origin) -> Result<PutOutcome, StoreError> {
        let mut tables = self.tables();
        let before: Vec<_> = writes.iter().map(|write| before(&tables, write)).collect();
        let revision = tables.view.revision + 1;
        let written = match record::plan(writes, &before, revision, origin) {
            Ok(written) => written,
            Err(outcome) => return Ok(outcome),
        };
        tables.view.revision = revision;
        for (write, record) in writes.iter().zip(&written) {
            let name = (record.kind.clone(), record.key.clone());
            if let Some(limit) = write.limit {
                tables.limits.insert(name.clone(), limit);
            }
            tables.records.insert(name, record.clone());
        }
        Ok(PutOutcome::Stored(written))
    }

    async fn list_identities(
        &self,
        pool: PoolRef,
        after: Option<Uuid>,
        limit: usize,
        disabled: bool,
    ) -> Result<Vec<Identity>, StoreError> {
        self.real
            .list_identities(pool, after, limit, disabled)
            .await
    }

    async fn list_events(&self, _after: u64, _limit: usize) -> Result<EventPage, StoreError> {
        Err(records_only())
    }

    async fn claim_once(&self, _claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        Err(records_only())
    }

    async fn lease(&self, _request: &LeaseRequest) -> Result<Option<LeaseFence>, StoreError> {
        Err(records_only())
    }

    async fn sweep(
        &self,
        _sweep: &Sweep,
        _fence: &LeaseFence,
        _limit: usize,
    ) -> Result<Option<usize>, StoreError> {
        Err(records_only())
    }

    async fn check(&self) -> Result<Option<&'static str>, StoreError> {
        self.real.check().await
    }

    async fn close(&self) {}
}

/// What [`record::plan`] needs to know about one write.
fn before(tables: &StagedTables, write: &RecordWrite) -> Before {
    let name = (write.kind.as_str().to_owned(), write.key.clone());
    let counts = |record: &&Record| {
        record.json.is_some() && record.kind == name.0 && record.scope == write.scope
    };
    Before {
        count: match write.limit {
            Some(_) => tables.records.values().filter(counts).count(),
            None => 0,
        },
        record: tables.records.get(&name).cloned(),
    }
}
