//! A store in memory for tests, which only loads and applies: what a store must do, and nothing that it must decide. Its
//! parent module names the crate's `model` and `store`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::model::identity::{Identity, LoginKey, State};
use super::store::event::{Event, EventPage, Origin};
use super::store::identities::{self, Answer, Loaded, Need, PoolRef, Question, Write};
use super::store::lease::{self, Lease, LeaseFence, LeaseRequest};
use super::store::once::{self, Claim, ClaimOutcome, Claimed};
use super::store::record::{
    self, Before, Changes, PutOutcome, Record, RecordKind, RecordWrite, View,
};
use super::store::sweep::Sweep;
use super::store::{Store, StoreError};

/// The tables.
#[derive(Debug, Default)]
pub struct Tables {
    pub view: View,
    pub swept: u64,
    pub records: BTreeMap<(String, String), Record>,
    pub identities: BTreeMap<Uuid, Identity>,
    pub logins: BTreeMap<(Uuid, LoginKey), (u64, Option<Uuid>)>,
    pub events: BTreeMap<u64, (Timestamp, Vec<Event>)>,
    pub claims: BTreeMap<(String, [u8; 32]), Claimed>,
    pub leases: BTreeMap<String, Lease>,
    pub last_event: u64,
    pub closed: bool,
}

/// The store: its tables under one lock, which makes every method one transaction.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

impl MemoryStore {
    /// The tables, to look at or to tamper with.
    pub fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().expect("no holder of the tables panics")
    }

    fn open(&self) -> Result<MutexGuard<'_, Tables>, StoreError> {
        let tables = self.tables();
        if tables.closed {
            return Err(StoreError::Unavailable("the store is closed".into()));
        }
        Ok(tables)
    }
}

impl Tables {
    fn load(&self, need: Need, loaded: &mut Loaded) {
        match need {
            Need::Pool(id) => {
                let record = self.records.get(&("pool".to_owned(), id.to_string()));
                let live = record.filter(|record| record.json.is_some());
                loaded.add_pool(id, live.map(|record| record.version));
            }
            Need::Identity(id) => loaded.add_identity(id, self.identities.get(&id).cloned()),
            Need::Login(pool, key) => {
                let row = self.logins.get(&(pool.id, key));
                let row = row.filter(|(incarnation, _)| *incarnation == pool.incarnation);
                loaded.add_login(pool, key, row.and_then(|(_, owner)| *owner));
            }
        }
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::InsertIdentity(new) => {
                assert_eq!(self.identities.insert(new.id, new), None, "a taken id");
            }
            Write::UpdateIdentity(changed) => {
                let before = self.identities.insert(changed.id, changed);
                assert!(before.is_some(), "an update of an absent identity");
            }
            Write::DeleteIdentity(id) => {
                self.identities.remove(&id).expect("an identity to delete");
            }
            Write::SetOwner {
                pool,
                key,
                before,
                owner,
            } => {
                let row = (pool.incarnation, owner);
                let old = self.logins.insert((pool.id, key), row);
                let old = old.filter(|(incarnation, _)| *incarnation == pool.incarnation);
                assert_eq!(old.and_then(|(_, owner)| owner), before, "a login's owner");
            }
        }
    }

    fn add_events(&mut self, at: Timestamp, events: Vec<Event>) {
        if !events.is_empty() {
            self.last_event += 1;
            self.events.insert(self.last_event, (at, events));
        }
    }

    fn before(&self, write: &RecordWrite) -> Before {
        let (kind, scope) = (write.kind.as_str(), &write.scope);
        let counts = |one: &&Record| one.json.is_some() && one.kind == kind && one.scope == *scope;
        let key = (kind.to_owned(), write.key.clone());
        Before {
            record: self.records.get(&key).cloned(),
            count: self.records.values().filter(counts).count(),
        }
    }

    fn sweep(&mut self, sweep: &Sweep, limit: usize) -> usize {
        match sweep {
            Sweep::Identities(pool) => {
                let of =
                    |at: &Uuid, incarnation: u64| *at == pool.id && incarnation == pool.incarnation;
                let logins = retain(&mut self.logins, limit, |(at, _), (incarnation, _)| {
                    of(at, *incarnation)
                });
                let left = limit - logins;
                logins
                    + retain(&mut self.identities, left, |_, one| {
                        of(&one.pool, one.incarnation)
                    })
            }
            Sweep::Claims(before) => retain(&mut self.claims, limit, |_, one| one.until < *before),
            Sweep::Events(before) => retain(&mut self.events, limit, |_, (at, _)| at < before),
            Sweep::Deletions(before) => {
                let old = |one: &Record| one.json.is_none() && one.written < *before;
                let swept = self.records.values().filter(|one| old(one));
                let swept = swept.map(|one| one.revision).max().unwrap_or(0);
                self.swept = self.swept.max(swept);
                retain(&mut self.records, limit, |_, one| old(one))
            }
        }
    }
}

/// Removes up to `limit` rows that are `old`, and returns how many.
fn retain<K: Ord + Clone, V>(
    rows: &mut BTreeMap<K, V>,
    limit: usize,
    old: impl Fn(&K, &V) -> bool,
) -> usize {
    let keys = rows.iter().filter(|(key, row)| old(key, row));
    let keys: Vec<K> = keys.map(|(key, _)| key.clone()).take(limit).collect();
    for key in &keys {
        rows.remove(key);
    }
    keys.len()
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self, question: &Question) -> Result<Option<Answer>, StoreError> {
        let tables = self.open()?;
        identities::answer(question, |need, loaded| {
            tables.load(need, loaded);
            Ok(())
        })
    }

    async fn change(&self, question: &Question, origin: &Origin) -> Result<Answer, StoreError> {
        let mut tables = self.open()?;
        let plan = identities::run(question, origin, |need, loaded| {
            tables.load(need, loaded);
            Ok(())
        })?;
        plan.writes
            .into_iter()
            .for_each(|write| tables.apply(write));
        tables.add_events(origin.at, plan.events);
        Ok(plan.answer)
    }

    async fn record(&self, kind: RecordKind, key: &str) -> Result<Option<Record>, StoreError> {
        let found = self
            .open()?
            .records
            .get(&(kind.as_str().to_owned(), key.to_owned()))
            .cloned();
        Ok(found.filter(|record| record.json.is_some()))
    }

    async fn records_since(&self, since: View) -> Result<Changes, StoreError> {
        let tables = self.open()?;
        let revisions = tables.records.values().map(|record| record.revision);
        let changed = tables
            .records
            .values()
            .filter(|one| one.revision > since.revision);
        let mut records: Vec<Record> = changed.cloned().collect();
        records.sort_by_key(|record| record.revision);
        Ok(Changes {
            view: tables.view,
            swept: tables.swept,
            checksum: (
                tables.records.len() as u64,
                revisions.fold(0, u64::wrapping_add),
            ),
            records,
        })
    }

    async fn put(&self, writes: &[RecordWrite], origin: &Origin) -> Result<PutOutcome, StoreError> {
        let mut tables = self.open()?;
        let revision = tables.view.revision + 1;
        let before: Vec<Before> = writes.iter().map(|write| tables.before(write)).collect();
        let records = match record::plan(writes, &before, revision, origin) {
            Ok(records) => records,
            Err(outcome) => return Ok(outcome),
        };
        tables.view.revision = revision;
        for record in records.iter().filter(|one| one.revision == revision) {
            let key = (record.kind.clone(), record.key.clone());
            tables.records.insert(key, record.clone());
        }
        let events = record::events(writes, &records, revision, origin);
        tables.add_events(origin.at, events);
        Ok(PutOutcome::Stored(records))
    }

    async fn list_identities(
        &self,
        pool: PoolRef,
        after: Option<Uuid>,
        limit: usize,
        disabled: bool,
    ) -> Result<Vec<Identity>, StoreError> {
        let tables = self.open()?;
        let above = |one: &&Identity| after.is_none_or(|after| one.id > after);
        let of = |one: &&Identity| one.pool == pool.id && one.incarnation == pool.incarnation;
        let shown = |one: &&Identity| disabled || one.state == State::Live;
        let all = tables
            .identities
            .values()
            .filter(above)
            .filter(of)
            .filter(shown);
        Ok(all.take(limit).cloned().collect())
    }

    async fn list_events(&self, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        let tables = self.open()?;
        let first = tables.events.keys().next().copied();
        let behind = tables.events.range(after + 1..).take(limit);
        Ok(EventPage {
            transactions: behind
                .map(|(at, (_, events))| (*at, events.clone()))
                .collect(),
            lost: after + 1 < first.unwrap_or(tables.last_event + 1),
        })
    }

    async fn claim_once(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let mut tables = self.open()?;
        let key = (claim.purpose.to_owned(), claim.key);
        let (outcome, held) = once::decide(claim, tables.claims.get(&key));
        held.map(|held| tables.claims.insert(key, held));
        Ok(outcome)
    }

    async fn lease(&self, request: &LeaseRequest) -> Result<Option<LeaseFence>, StoreError> {
        let mut tables = self.open()?;
        let lease = lease::decide(request, tables.leases.get(request.name).copied());
        lease.map(|lease| tables.leases.insert(request.name.to_owned(), lease));
        Ok(lease.map(|lease| request.fence(lease.fence)))
    }

    async fn sweep(
        &self,
        sweep: &Sweep,
        fence: &LeaseFence,
        limit: usize,
    ) -> Result<Option<usize>, StoreError> {
        let mut tables = self.open()?;
        let is_newest = fence.is_newest(tables.leases.get(fence.name).copied());
        Ok(is_newest.then(|| tables.sweep(sweep, limit)))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.open().map(drop)
    }

    async fn close(&self) {
        self.tables().closed = true;
    }
}
