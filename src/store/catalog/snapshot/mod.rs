//! All records of a store at one revision, by kind and key. A snapshot never reads the store.

mod changes;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use uuid::Uuid;

pub(super) use self::changes::Next;
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
use crate::store::StoreError;
use crate::store::identities::PoolRef;
use crate::store::record::{RecordKind, View};

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

/// A record that this version does not understand, and so neither uses nor replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record is of a newer version, or damaged")]
pub struct Unreadable;

impl From<Unreadable> for StoreError {
    fn from(error: Unreadable) -> Self {
        Self::Corrupt(Box::new(error))
    }
}

/// What is known of any record.
#[derive(Debug, Clone, Copy)]
struct KnownRecord {
    revision: u64,
    is_live: bool,
}

/// A record that is there: its document, where this version understands it.
type Entry<R> = Result<Arc<R>, Unreadable>;

impl Snapshot {
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
