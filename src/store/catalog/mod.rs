//! The catalog: a typed snapshot of all records in memory, above every store. It is refreshed by revision, and says how
//! old its view is. It is no cache of identities.
//!
//! A view is rebuilt where it can't be continued: another generation, a revision that went back, a gap beyond the kept
//! deletions, or records that don't add up to the store's checksum.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::record::{Changes, Record, RecordKind, Stored, View, parse};
use super::{Store, StoreError};
use crate::model::access_key::AccessKeyRecord;
use crate::model::access_key_uses::{self, AccessKeyUses};
use crate::model::deployment::{self, Deployment};
use crate::model::guest_key::{self, GuestKeyRecord};
use crate::model::iam_role::Role;
use crate::model::ids::Region;
use crate::model::key_ring::KeyRing;
use crate::model::managed_policy::ManagedPolicy;
use crate::model::pool::{DeletedPool, Pool};
use crate::model::provider::{OidcProvider, SamlProvider};
use crate::model::root_key::RootKeyRecord;
use crate::model::seed::SeedMark;
use crate::store::identities::PoolRef;

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
        let changes = store.records_since(before.snapshot.view).await?;
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

/// All records at one revision.
#[derive(Clone, Default)]
pub struct Snapshot {
    view: View,
    /// Version and revision of every record, deleted and unknown ones included.
    records: BTreeMap<(String, String), KnownRecord>,
    revisions: u64,
    pools: BTreeMap<Uuid, Entry<Pool>>,
    oidc_providers: BTreeMap<String, Entry<OidcProvider>>,
    saml_providers: BTreeMap<String, Entry<SamlProvider>>,
    managed_policies: BTreeMap<String, Entry<ManagedPolicy>>,
    roles: BTreeMap<String, Entry<Role>>,
    key_rings: BTreeMap<String, Entry<KeyRing>>,
    root_key: BTreeMap<String, Entry<RootKeyRecord>>,
    access_keys: BTreeMap<String, Entry<AccessKeyRecord>>,
    deleted_pools: BTreeMap<String, Entry<DeletedPool>>,
    seed_marks: BTreeMap<String, Entry<SeedMark>>,
    deployment: BTreeMap<String, Entry<Deployment>>,
    guest_key: BTreeMap<String, Entry<GuestKeyRecord>>,
    access_key_uses: BTreeMap<String, Entry<AccessKeyUses>>,
}

/// What is known of any record.
#[derive(Debug, Clone, Copy)]
struct KnownRecord {
    revision: u64,
    is_live: bool,
}

/// A record that is there: its document, where this version understands it.
type Entry<R> = Result<Arc<R>, Unreadable>;

/// A record that this version does not understand, and so neither uses nor replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record is of a newer version, or damaged")]
pub struct Unreadable;

impl From<Unreadable> for StoreError {
    fn from(error: Unreadable) -> Self {
        Self::Corrupt(Box::new(error))
    }
}

impl From<Outdated> for StoreError {
    fn from(error: Outdated) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

enum Next {
    Same,
    Changed(Box<Snapshot>),
    Rebuild,
}

impl Snapshot {
    fn build(changes: Changes) -> Self {
        let mut built = Self::default();
        built.apply(changes);
        built
    }

    fn next(&self, changes: Changes) -> Next {
        if changes.view.generation != self.view.generation
            || changes.view.revision < self.view.revision
            || self.view.revision < changes.swept && changes.view != self.view
        {
            return Next::Rebuild;
        }
        if changes.view == self.view && changes.records.is_empty() {
            return if self.checksum() == changes.checksum {
                Next::Same
            } else {
                Next::Rebuild
            };
        }
        let checksum = changes.checksum;
        let mut next = self.clone();
        next.apply(changes);
        if next.checksum() == checksum {
            Next::Changed(Box::new(next))
        } else {
            Next::Rebuild
        }
    }

    fn checksum(&self) -> (u64, u64) {
        (self.records.len() as u64, self.revisions)
    }

    fn apply(&mut self, changes: Changes) {
        for record in changes.records {
            self.put(&record);
        }
        self.view = changes.view;
    }

    fn put(&mut self, record: &Record) {
        let known = KnownRecord {
            revision: record.revision,
            is_live: record.json.is_some(),
        };
        let name = (record.kind.clone(), record.key.clone());
        if let Some(before) = self.records.insert(name, known) {
            self.revisions = self.revisions.wrapping_sub(before.revision);
        }
        self.revisions = self.revisions.wrapping_add(record.revision);
        match RecordKind::parse(&record.kind) {
            Some(RecordKind::Pool) => {
                if let Ok(id) = Uuid::try_parse(&record.key) {
                    put(&mut self.pools, id, record);
                }
            }
            Some(RecordKind::OidcProvider) => put_by_key(&mut self.oidc_providers, record),
            Some(RecordKind::SamlProvider) => put_by_key(&mut self.saml_providers, record),
            Some(RecordKind::ManagedPolicy) => put_by_key(&mut self.managed_policies, record),
            Some(RecordKind::Role) => put_by_key(&mut self.roles, record),
            Some(RecordKind::KeyRing) => put_by_key(&mut self.key_rings, record),
            Some(RecordKind::RootKey) => put_by_key(&mut self.root_key, record),
            Some(RecordKind::AccessKey) => put_by_key(&mut self.access_keys, record),
            Some(RecordKind::DeletedPool) => put_by_key(&mut self.deleted_pools, record),
            Some(RecordKind::SeedMark) => put_by_key(&mut self.seed_marks, record),
            Some(RecordKind::Deployment) => put_by_key(&mut self.deployment, record),
            Some(RecordKind::GuestKey) => put_by_key(&mut self.guest_key, record),
            Some(RecordKind::AccessKeyUses) => put_by_key(&mut self.access_key_uses, record),
            None => {
                tracing::warn!(
                    kind = record.kind,
                    "a record of a newer version is not used"
                );
            }
        }
    }

    /// The generation and revision of the store.
    pub fn view(&self) -> View {
        self.view
    }

    /// Whether any record of this kind is there, understood or not.
    pub fn has_any(&self, kind: RecordKind) -> bool {
        let mut records = self.records.iter();
        records.any(|((of, _), known)| of == kind.as_str() && known.is_live)
    }

    /// That every record of this kind is understood.
    pub fn check_readable(&self, kind: RecordKind) -> Result<(), Unreadable> {
        fn all<K, R>(records: &BTreeMap<K, Entry<R>>) -> bool {
            records.values().all(Result::is_ok)
        }
        let are_read = match kind {
            RecordKind::Pool => all(&self.pools),
            RecordKind::OidcProvider => all(&self.oidc_providers),
            RecordKind::SamlProvider => all(&self.saml_providers),
            RecordKind::ManagedPolicy => all(&self.managed_policies),
            RecordKind::Role => all(&self.roles),
            RecordKind::KeyRing => all(&self.key_rings),
            RecordKind::RootKey => all(&self.root_key),
            RecordKind::AccessKey => all(&self.access_keys),
            RecordKind::DeletedPool => all(&self.deleted_pools),
            RecordKind::SeedMark => all(&self.seed_marks),
            RecordKind::Deployment => all(&self.deployment),
            RecordKind::GuestKey => all(&self.guest_key),
            RecordKind::AccessKeyUses => all(&self.access_key_uses),
        };
        if are_read { Ok(()) } else { Err(Unreadable) }
    }

    /// Whether a record with this kind and key is there, understood or not.
    pub fn is_there(&self, kind: RecordKind, key: &str) -> bool {
        let name = (kind.as_str().to_owned(), key.to_owned());
        self.records.get(&name).is_some_and(|known| known.is_live)
    }

    /// Whether a record with this kind and key was there before and is deleted.
    pub fn was_deleted(&self, kind: RecordKind, key: &str) -> bool {
        let name = (kind.as_str().to_owned(), key.to_owned());
        self.records.get(&name).is_some_and(|known| !known.is_live)
    }

    /// The pool with this UUID.
    pub fn pool(&self, id: Uuid) -> Result<Option<&Arc<Pool>>, Unreadable> {
        get(&self.pools, &id)
    }

    /// All pools, in the order of their UUIDs; those that can't be read are left out.
    pub fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        readable(&self.pools)
    }

    /// The incarnations of all pools; those that can't be read are left out.
    pub fn pool_refs(&self) -> Vec<PoolRef> {
        let pools = self.pools.values().filter_map(|pool| pool.as_ref().ok());
        let refs = pools.map(|pool| PoolRef {
            id: pool.id.uuid,
            incarnation: pool.incarnation,
        });
        refs.collect()
    }

    /// Up to `limit` pools of a region with ids above `after`, in ascending order; those that can't be read are left out.
    pub fn list_pools(&self, region: &Region, after: Option<Uuid>, limit: usize) -> Vec<Arc<Pool>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let pools = self.pools.range((from, Bound::Unbounded));
        let pools = pools.filter_map(|(_, pool)| pool.as_ref().ok());
        let pools = pools.filter(|pool| pool.id.region == *region);
        pools.take(limit).cloned().collect()
    }

    /// The OpenID Connect provider with this name, to the byte.
    pub fn oidc_provider(&self, name: &str) -> Result<Option<&Arc<OidcProvider>>, Unreadable> {
        let found = get(&self.oidc_providers, crate::model::provider::oidc_key(name))?;
        Ok(found.filter(|provider| provider.arn.name() == name))
    }

    /// The OpenID Connect providers, in the order of their names.
    pub fn oidc_providers(&self) -> impl Iterator<Item = &Arc<OidcProvider>> {
        readable(&self.oidc_providers)
    }

    /// The SAML provider with this name, to the byte.
    pub fn saml_provider(&self, name: &str) -> Result<Option<&Arc<SamlProvider>>, Unreadable> {
        get(&self.saml_providers, name)
    }

    /// The SAML providers, in the order of their names.
    pub fn saml_providers(&self) -> impl Iterator<Item = &Arc<SamlProvider>> {
        readable(&self.saml_providers)
    }

    /// The managed policy with this key ([`crate::model::managed_policy::key`]).
    pub fn managed_policy(&self, key: &str) -> Result<Option<&Arc<ManagedPolicy>>, Unreadable> {
        get(&self.managed_policies, key)
    }

    /// The managed policies, in the order of their keys.
    pub fn managed_policies(&self) -> impl Iterator<Item = &Arc<ManagedPolicy>> {
        readable(&self.managed_policies)
    }

    /// The role with this key ([`crate::model::iam_role::key`]).
    pub fn role(&self, key: &str) -> Result<Option<&Arc<Role>>, Unreadable> {
        get(&self.roles, key)
    }

    /// The roles, in the order of their keys.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<Role>> {
        readable(&self.roles)
    }

    /// The key ring with this purpose.
    pub fn key_ring(&self, purpose: &str) -> Result<Option<&Arc<KeyRing>>, Unreadable> {
        get(&self.key_rings, purpose)
    }

    /// The root access key.
    pub fn root_key(&self) -> Result<Option<&Arc<RootKeyRecord>>, Unreadable> {
        get(&self.root_key, crate::model::root_key::KEY)
    }

    /// The access key with this name.
    pub fn access_key(&self, name: &str) -> Result<Option<&Arc<AccessKeyRecord>>, Unreadable> {
        get(&self.access_keys, name)
    }

    /// The access keys, in the order of their names.
    pub fn access_keys(&self) -> impl Iterator<Item = &Arc<AccessKeyRecord>> {
        readable(&self.access_keys)
    }

    /// The deployment that the stored data belongs to, if it is known.
    pub fn deployment(&self) -> Result<Option<&Arc<Deployment>>, Unreadable> {
        get(&self.deployment, deployment::KEY)
    }

    /// The key from which the handles of guests are made.
    pub fn guest_key(&self) -> Result<Option<&Arc<GuestKeyRecord>>, Unreadable> {
        get(&self.guest_key, guest_key::KEY)
    }

    /// When access keys were used last, as far as it is stored.
    pub fn access_key_uses(&self) -> Result<Option<&Arc<AccessKeyUses>>, Unreadable> {
        get(&self.access_key_uses, access_key_uses::KEY)
    }

    /// Which seed made which object.
    pub fn seed_marks(&self) -> impl Iterator<Item = &Arc<SeedMark>> {
        readable(&self.seed_marks)
    }

    /// The deleted pools with identities that are still to be deleted.
    pub fn deleted_pools(&self) -> impl Iterator<Item = &Arc<DeletedPool>> {
        readable(&self.deleted_pools)
    }
}

fn put_by_key<R: Stored>(records: &mut BTreeMap<String, Entry<R>>, record: &Record) {
    put(records, record.key.clone(), record);
}

fn put<K: Ord, R: Stored>(records: &mut BTreeMap<K, Entry<R>>, key: K, record: &Record) {
    let Some(text) = &record.json else {
        records.remove(&key);
        return;
    };
    let entry = parse::<R>(record, text).map(Arc::new).map_err(|error| {
        let (kind, name) = (record.kind.as_str(), record.key.as_str());
        tracing::error!(
            kind,
            name,
            error = &error as &dyn std::error::Error,
            "a record is neither used nor replaced: run the version of cognate that wrote it"
        );
        Unreadable
    });
    records.insert(key, entry);
}

fn get<'m, K: Ord + std::borrow::Borrow<Q>, Q: Ord + ?Sized, R>(
    records: &'m BTreeMap<K, Entry<R>>,
    key: &Q,
) -> Result<Option<&'m Arc<R>>, Unreadable> {
    records
        .get(key)
        .map(|entry| entry.as_ref().map_err(|_| Unreadable))
        .transpose()
}

fn readable<K, R>(records: &BTreeMap<K, Entry<R>>) -> impl Iterator<Item = &Arc<R>> {
    records.values().filter_map(|entry| entry.as_ref().ok())
}

#[cfg(test)]
mod tests;
