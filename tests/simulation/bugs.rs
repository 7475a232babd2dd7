//! Deliberate bugs, each in a store between the server and the real one: the simulation must find all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cognate::model::identity::Identity;
use cognate::store::event::{EventPage, Origin};
use cognate::store::identities::{Answer, IdentityEpoch, PoolRef, PoolVersion, Question, Unlink};
use cognate::store::lease::{LeaseFence, LeaseRequest};
use cognate::store::once::{Claim, ClaimOutcome};
use cognate::store::record::{Changes, PutOutcome, Record, RecordKind, RecordWrite, View};
use cognate::store::sweep::Sweep;
use cognate::store::{Store, StoreError};
use serde_json::Value;
use uuid::Uuid;

/// A deliberate bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A new guest is answered before it is committed.
    EarlyAnswer,
    /// A merge loses the login by which it was asked for.
    LostLogin,
    /// The snapshot of the records is that from before a write.
    StaleSnapshot,
    /// A revocation doesn't reach a cache of identities.
    CachedIdentity,
    /// The key that was just published signs at once.
    EarlyKey,
    /// The disk answers syncs before it has stored anything.
    LyingDisk,
}

impl Bug {
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::EarlyAnswer, "early-answer"),
        (Self::LostLogin, "lost-login"),
        (Self::StaleSnapshot, "stale-snapshot"),
        (Self::CachedIdentity, "cached-identity"),
        (Self::EarlyKey, "early-key"),
        (Self::LyingDisk, "lying-disk"),
    ];

    pub fn parse(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(bug, _)| *bug)
    }
}

/// A store with a bug.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    bug: Bug,
    /// Guests that were answered and aren't stored yet.
    unwritten: tokio::sync::Mutex<Vec<(PoolVersion, Uuid, Origin)>>,
    /// The last view of the records, and whether the next one is the same.
    last: Mutex<Option<Changes>>,
    is_stale: AtomicBool,
    found: Mutex<HashMap<Uuid, Option<Answer>>>,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn Store>, bug: Bug) -> Self {
        Self {
            inner,
            bug,
            unwritten: tokio::sync::Mutex::default(),
            last: Mutex::default(),
            is_stale: AtomicBool::new(false),
            found: Mutex::default(),
        }
    }

    /// Stores what was answered early.
    async fn catch_up(&self) {
        for (pool, id, origin) in self.unwritten.lock().await.drain(..) {
            let question = Question::AddGuest(pool, id);
            // It fails where the power is gone: nobody is left to be answered.
            let _ = self.inner.change(&question, &origin).await;
        }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn read(&self, question: &Question) -> Result<Option<Answer>, StoreError> {
        self.catch_up().await;
        let Question::Find(id) = question else {
            return self.inner.read(question).await;
        };
        if self.bug == Bug::CachedIdentity
            && let Some(found) = self.found.lock().expect("a lock").get(id)
        {
            return Ok(found.clone());
        }
        let found = self.inner.read(question).await?;
        self.found
            .lock()
            .expect("a lock")
            .insert(*id, found.clone());
        Ok(found)
    }

    async fn change(&self, question: &Question, origin: &Origin) -> Result<Answer, StoreError> {
        self.catch_up().await;
        if !matches!(question, Question::Revoke(_)) {
            self.found.lock().expect("a lock").clear();
        }
        if let (Bug::EarlyAnswer, Question::AddGuest(pool, id)) = (self.bug, question) {
            let unwritten = (*pool, *id, origin.clone());
            self.unwritten.lock().await.push(unwritten);
            let guest = Identity::new(*id, pool.pool.id, Vec::new(), origin.at);
            return Ok(Answer::Identity(Identity {
                incarnation: pool.pool.incarnation,
                ..guest
            }));
        }
        let answer = self.inner.change(question, origin).await?;
        if let (Bug::LostLogin, Question::Merge(merge), Answer::Identity(merged)) =
            (self.bug, question, &answer)
        {
            let lost = Question::Unlink(Unlink {
                pool: merge.pool,
                identity: IdentityEpoch {
                    id: merged.id,
                    epoch: merged.epoch,
                },
                logins: vec![merge.source.clone()],
            });
            self.inner.change(&lost, origin).await?;
        }
        Ok(answer)
    }

    async fn record(&self, kind: RecordKind, key: &str) -> Result<Option<Record>, StoreError> {
        self.catch_up().await;
        self.inner.record(kind, key).await
    }

    async fn records_since(&self, since: View) -> Result<Changes, StoreError> {
        self.catch_up().await;
        if self.is_stale.swap(false, Ordering::Relaxed) {
            let last = self.last.lock().expect("a lock").clone();
            if let Some(last) = last.filter(|last| last.view == since) {
                return Ok(Changes {
                    records: Vec::new(),
                    ..last
                });
            }
        }
        let mut changes = self.inner.records_since(since).await?;
        *self.last.lock().expect("a lock") = Some(changes.clone());
        if self.bug == Bug::EarlyKey {
            changes.records.iter_mut().for_each(use_next_key);
        }
        Ok(changes)
    }

    async fn put(&self, writes: &[RecordWrite], origin: &Origin) -> Result<PutOutcome, StoreError> {
        self.catch_up().await;
        let stored = self.inner.put(writes, origin).await;
        let is_stale = self.bug == Bug::StaleSnapshot;
        self.is_stale.store(is_stale, Ordering::Relaxed);
        stored
    }

    async fn list_identities(
        &self,
        pool: PoolRef,
        after: Option<Uuid>,
        limit: usize,
        disabled: bool,
    ) -> Result<Vec<Identity>, StoreError> {
        self.catch_up().await;
        self.inner
            .list_identities(pool, after, limit, disabled)
            .await
    }

    async fn list_events(&self, after: u64, limit: usize) -> Result<EventPage, StoreError> {
        self.inner.list_events(after, limit).await
    }

    async fn claim_once(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        self.inner.claim_once(claim).await
    }

    async fn lease(&self, request: &LeaseRequest) -> Result<Option<LeaseFence>, StoreError> {
        self.inner.lease(request).await
    }

    async fn sweep(
        &self,
        sweep: &Sweep,
        fence: &LeaseFence,
        limit: usize,
    ) -> Result<Option<usize>, StoreError> {
        self.inner.sweep(sweep, fence, limit).await
    }

    async fn check(&self) -> Result<Option<&'static str>, StoreError> {
        self.inner.check().await
    }

    async fn close(&self) {
        self.catch_up().await;
        self.inner.close().await;
    }
}

/// Swaps the keys of a ring that was rotated: the current one, and the one that is published to be used next.
fn use_next_key(record: &mut Record) {
    let Some(json) = record.json.as_mut().filter(|_| record.key == "signing") else {
        return;
    };
    let mut ring: Value = super::json(json);
    if ring["retired"].as_array().is_none_or(Vec::is_empty) {
        return;
    }
    let (current, next) = (ring["current"].clone(), ring["next"].clone());
    (ring["current"], ring["next"]) = (next, current);
    *json = ring.to_string();
}
