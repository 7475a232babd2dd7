//! A store in memory for tests, which only loads and applies. Its parent module names `model` and `store`.

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
use super::store::record::{self, Before, Changes, PutOutcome, Record, RecordKind};
use super::store::record::{RecordWrite, View};
use super::store::sweep::Sweep;
use super::store::{Store, StoreError};

#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub view: View,
    /// When the generation of the view began; `None` in the first one.
    pub began: Option<Timestamp>,
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
        let open = Some(self.tables()).filter(|tables| !tables.closed);
        open.ok_or_else(|| StoreError::Unavailable("the store is closed".into()))
    }
}

impl Tables {
    fn record(&self, kind: &str, key: &str) -> Option<&Record> {
        self.records.get(&(kind.to_owned(), key.to_owned()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "a plan loads by this form")]
    fn load(&self, need: Need, loaded: &mut Loaded) -> Result<(), StoreError> {
        match need {
            Need::Pool(id) => {
                let found = self.record("pool", &id.to_string());
                let version = |one: &Record| one.json.is_some().then_some(one.version);
                loaded.add_pool(id, found.and_then(version));
            }
            Need::Identity(id) | Need::NewIdentity(id) => {
                loaded.add_identity(id, self.identities.get(&id).cloned());
            }
            Need::Login(pool, key) => {
                let row = self.logins.get(&(pool.id, key));
                let row = row.filter(|(incarnation, _)| *incarnation == pool.incarnation);
                loaded.add_login(pool, key, row.and_then(|(_, owner)| *owner));
            }
        }
        Ok(())
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::InsertIdentity(new) => assert!(self.identities.insert(new.id, new).is_none()),
            Write::UpdateIdentity(new) => assert!(self.identities.insert(new.id, new).is_some()),
            Write::DeleteIdentity(id) => assert!(self.identities.remove(&id).is_some()),
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
        let kind = write.kind.as_str();
        let counts =
            |one: &&Record| one.json.is_some() && one.kind == kind && one.scope == write.scope;
        let count = self.records.values().filter(counts).count();
        let record = self.record(kind, &write.key).cloned();
        Before { record, count }
    }

    fn sweep(&mut self, sweep: &Sweep, limit: usize) -> usize {
        match sweep {
            Sweep::Identities(pool) => {
                let of = |at, incarnation| (at, incarnation) == (pool.id, pool.incarnation);
                let logins = remove(&mut self.logins, limit, |(at, _), row| of(*at, row.0));
                let all = &mut self.identities;
                logins + remove(all, limit - logins, |_, one| of(one.pool, one.incarnation))
            }
            Sweep::Claims(before) => remove(&mut self.claims, limit, |_, one| one.until < *before),
            Sweep::Events(before) => remove(&mut self.events, limit, |_, row| row.0 < *before),
            Sweep::Deletions(before) => {
                let is_remembered =
                    |kind: &str| RecordKind::parse(kind).is_some_and(RecordKind::is_remembered);
                let old = |one: &Record| {
                    one.json.is_none() && one.written < *before && !is_remembered(&one.kind)
                };
                for record in self.records.values().filter(|one| old(one)) {
                    self.swept = self.swept.max(record.revision);
                }
                remove(&mut self.records, limit, |_, one| old(one))
            }
        }
    }
}

/// Removes up to `limit` rows that are `old`, and returns how many.
fn remove<K: Ord, V, F>(rows: &mut BTreeMap<K, V>, limit: usize, old: F) -> usize
where
    F: FnMut(&K, &mut V) -> bool,
{
    rows.extract_if(.., old).take(limit).count()
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self, question: &Question) -> Result<Option<Answer>, StoreError> {
        let tables = self.open()?;
        identities::answer(question, |need, loaded| tables.load(need, loaded))
    }

    async fn change(&self, question: &Question, origin: &Origin) -> Result<Answer, StoreError> {
        let mut tables = self.open()?;
        let plan = identities::run(question, origin, |need, rows| tables.load(need, rows))?;
        for write in plan.writes {
            tables.apply(write);
        }
        tables.add_events(origin.at, plan.events);
        Ok(plan.answer)
    }

    async fn record(&self, kind: RecordKind, key: &str) -> Result<Option<Record>, StoreError> {
        let found = self.open()?.record(kind.as_str(), key).cloned();
        Ok(found.filter(|record| record.json.is_some()))
    }

    async fn records_since(&self, since: View) -> Result<Changes, StoreError> {
        let tables = self.open()?;
        let mut records: Vec<Record> = tables.records.values().cloned().collect();
        let revisions = records.iter().map(|record| record.revision);
        let checksum = (records.len() as u64, revisions.fold(0, u64::wrapping_add));
        records.retain(|record| record.revision > since.revision);
        records.sort_by_key(|record| record.revision);
        Ok(Changes {
            view: tables.view,
            swept: tables.swept,
            checksum,
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
        let keyed = |one: &Record| ((one.kind.clone(), one.key.clone()), one.clone());
        tables.records.extend(records.iter().map(keyed));
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
        let mut all: Vec<_> = self.open()?.identities.values().cloned().collect();
        all.retain(|one| (one.pool, one.incarnation) == (pool.id, pool.incarnation));
        all.retain(|one| {
            after.is_none_or(|id| one.id > id) && (disabled || one.state == State::Live)
        });
        all.truncate(limit);
        Ok(all)
    }

    async fn list_events(&self, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        let tables = self.open()?;
        let first = tables.events.keys().next().copied();
        let behind = tables.events.range(after + 1..).take(limit);
        let transactions = behind
            .map(|(at, (_, events))| (*at, events.clone()))
            .collect();
        let lost = after + 1 < first.unwrap_or(tables.last_event + 1);
        Ok(EventPage { transactions, lost })
    }

    async fn claim_once(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        let mut tables = self.open()?;
        let key = (claim.purpose.to_owned(), claim.key);
        let (outcome, held) = once::decide(claim, tables.claims.get(&key), tables.began);
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

    async fn check(&self) -> Result<Option<&'static str>, StoreError> {
        self.open().map(|_| None)
    }

    async fn close(&self) {
        self.tables().closed = true;
    }
}
