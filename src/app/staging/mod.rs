//! Staging: the ordinary operations change records in memory, and then all changes are written in one transaction, each
//! compared with the version that it replaces. No key, session or cache of the server sees a staged change.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use self::staged_store::{StagedStore, StagedTables, live_version};
use super::keys::last_use::LastUses;
use super::records::{Records, moment};
use super::{App, test_issuer};
use crate::model::access_key::AccessKeyRecord;
use crate::model::iam_role::Role;
use crate::model::managed_policy::ManagedPolicy;
use crate::model::pool::Pool;
use crate::model::provider::{OidcProvider, SamlProvider};
use crate::model::seed::{ObjectKind, SeedMark};
use crate::store::catalog::Catalog;
use crate::store::event::Origin;
use crate::store::record::{self, PutOutcome, Record, RecordKind, RecordWrite, Stored, View};
use crate::store::{Store, StoreError};

mod staged_store;

/// Changes that are made in memory.
pub struct Staging {
    /// The server with the staged records.
    pub app: App,
    store: Arc<StagedStore>,
    real: App,
}

/// The staged records at one moment.
pub struct StagingSavepoint(StagedTables);

/// An object of a seed as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum StoredObject {
    /// An OpenID Connect provider.
    OidcProvider(OidcProvider),
    /// A SAML provider.
    SamlProvider(SamlProvider),
    /// An access key.
    AccessKey(AccessKeyRecord),
    /// A managed policy of the built-in IAM.
    ManagedPolicy(ManagedPolicy),
    /// A role of the built-in IAM.
    Role(Role),
    /// An identity pool.
    Pool(Box<Pool>),
}

/// A staged change of an object.
pub struct StagedChange {
    /// The kind of the object.
    pub kind: ObjectKind,
    /// The key of its record.
    pub key: String,
    /// The version that the change replaces; 0 where the object isn't there.
    pub version: u64,
    /// The object as it is; `None` where it isn't there.
    pub before: Option<StoredObject>,
    /// The object as it will be; `None` where it is deleted.
    pub after: Option<StoredObject>,
}

impl StagedChange {
    /// Whether the object after the change is another one than before.
    pub fn makes(&self) -> bool {
        let id = |object: &Option<StoredObject>| object.as_ref().map(StoredObject::unique_id);
        self.after.is_some() && id(&self.before) != id(&self.after)
    }
}

impl StoredObject {
    /// The name of the object, as a seed writes it.
    pub fn name(&self) -> String {
        match self {
            Self::OidcProvider(provider) => provider.issuer.clone(),
            Self::SamlProvider(provider) => provider.arn.name().to_owned(),
            Self::AccessKey(key) => key.name.clone(),
            Self::ManagedPolicy(policy) => policy.arn.name().to_owned(),
            Self::Role(role) => role.arn.name().to_owned(),
            Self::Pool(pool) => pool.id.to_string(),
        }
    }

    /// The id that no other object has, also not a later one with the same name.
    fn unique_id(&self) -> String {
        match self {
            Self::OidcProvider(provider) => provider.uuid.to_string(),
            Self::SamlProvider(provider) => provider.uuid.to_string(),
            Self::AccessKey(key) => format!("{}/{}", key.user_id(), key.id),
            Self::ManagedPolicy(policy) => policy.id.clone(),
            Self::Role(role) => role.id.clone(),
            Self::Pool(pool) => format!("{}.{}", pool.id, pool.incarnation),
        }
    }

    fn read(record: &Record) -> Result<Option<Self>, StoreError> {
        fn parsed<R: Stored>(record: &Record, text: &str) -> Result<R, StoreError> {
            record::parse(record, text).map_err(|error| StoreError::Corrupt(Box::new(error)))
        }
        let Some(text) = &record.json else {
            return Ok(None);
        };
        Ok(match RecordKind::parse(&record.kind).and_then(kind_of) {
            Some(ObjectKind::OidcProvider) => Some(Self::OidcProvider(parsed(record, text)?)),
            Some(ObjectKind::SamlProvider) => Some(Self::SamlProvider(parsed(record, text)?)),
            Some(ObjectKind::AccessKey) => Some(Self::AccessKey(parsed(record, text)?)),
            Some(ObjectKind::ManagedPolicy) => Some(Self::ManagedPolicy(parsed(record, text)?)),
            Some(ObjectKind::Role) => Some(Self::Role(parsed(record, text)?)),
            Some(ObjectKind::Pool) => Some(Self::Pool(Box::new(parsed(record, text)?))),
            None => None,
        })
    }
}

/// The kind of record that objects of this kind are.
pub(super) fn record_kind(kind: ObjectKind) -> RecordKind {
    match kind {
        ObjectKind::OidcProvider => RecordKind::OidcProvider,
        ObjectKind::SamlProvider => RecordKind::SamlProvider,
        ObjectKind::AccessKey => RecordKind::AccessKey,
        ObjectKind::ManagedPolicy => RecordKind::ManagedPolicy,
        ObjectKind::Role => RecordKind::Role,
        ObjectKind::Pool => RecordKind::Pool,
    }
}

fn kind_of(kind: RecordKind) -> Option<ObjectKind> {
    let mut kinds = ObjectKind::ALL.into_iter();
    kinds.find(|object| record_kind(*object) == kind)
}

/// Begins with the records as the store has them now.
pub async fn begin(app: &App) -> Result<Staging, StoreError> {
    let real = Arc::clone(&app.records.store);
    let changes = real.records_since(View::default()).await?;
    let records = changes.records.into_iter();
    let records: BTreeMap<_, _> = records
        .map(|record| ((record.kind.clone(), record.key.clone()), record))
        .collect();
    let tables = StagedTables {
        records: records.clone(),
        limits: BTreeMap::new(),
        view: changes.view,
    };
    let store = Arc::new(StagedStore {
        real,
        base: records,
        tables: Mutex::new(tables),
    });
    Ok(Staging {
        app: staged(app, &store).await?,
        store,
        real: app.clone(),
    })
}

/// All objects of the server, in the order in which a seed makes them. A record that this version doesn't understand is an
/// error, so that nothing is left out silently.
pub fn objects(app: &App) -> Result<Vec<(ObjectKind, StoredObject)>, StoreError> {
    let snapshot = app.records.snapshot()?;
    for kind in ObjectKind::ALL {
        snapshot.check_readable(record_kind(kind))?;
    }
    let mut all = Vec::new();
    let oidc = snapshot.oidc_providers().filter(|one| !one.is_test_issuer);
    let oidc = oidc.map(|one| one.as_ref().clone());
    all.extend(oidc.map(|one| (ObjectKind::OidcProvider, StoredObject::OidcProvider(one))));
    let saml = snapshot.saml_providers().map(|one| one.as_ref().clone());
    all.extend(saml.map(|one| (ObjectKind::SamlProvider, StoredObject::SamlProvider(one))));
    let keys = snapshot.access_keys().map(|one| one.as_ref().clone());
    all.extend(keys.map(|one| (ObjectKind::AccessKey, StoredObject::AccessKey(one))));
    let policies = snapshot.managed_policies().map(|one| one.as_ref().clone());
    all.extend(policies.map(|one| (ObjectKind::ManagedPolicy, StoredObject::ManagedPolicy(one))));
    let roles = snapshot.roles().map(|one| one.as_ref().clone());
    all.extend(roles.map(|one| (ObjectKind::Role, StoredObject::Role(one))));
    let pools = test_issuer::pools_without(&snapshot).into_iter();
    all.extend(pools.map(|one| (ObjectKind::Pool, StoredObject::Pool(Box::new(one)))));
    Ok(all)
}

/// The server with the records of `store`.
async fn staged(app: &App, store: &Arc<StagedStore>) -> Result<App, StoreError> {
    let catalog = Catalog::load(store.as_ref(), moment(app.ambient.as_ref())).await?;
    Ok(App {
        records: Arc::new(Records {
            uses: LastUses::default(),
            store: Arc::clone(store) as Arc<dyn Store>,
            catalog,
            keys: Arc::clone(&app.records.keys),
            is_staged: true,
            ambient: Arc::clone(&app.ambient),
            settings: ArcSwap::new(app.records.settings.load_full()),
            other_settings: AtomicU64::new(0),
        }),
        ..app.clone()
    })
}

impl Staging {
    /// What is staged now, to come back to.
    pub fn savepoint(&self) -> StagingSavepoint {
        StagingSavepoint(self.store.tables().clone())
    }

    /// Undoes what was staged after `savepoint`.
    pub async fn roll_back(&mut self, savepoint: StagingSavepoint) -> Result<(), StoreError> {
        *self.store.tables() = savepoint.0;
        self.app = staged(&self.real, &self.store).await?;
        Ok(())
    }

    /// The staged changes of objects, in the order of their kinds and keys.
    pub fn changes(&self) -> Result<Vec<StagedChange>, StoreError> {
        let tables = self.store.tables();
        let mut changes = Vec::new();
        for name in self.store.changed(&tables) {
            let Some(kind) = RecordKind::parse(&name.0).and_then(kind_of) else {
                continue;
            };
            let before = self.store.base.get(&name);
            let object = |record: Option<&Record>| match record {
                Some(record) => StoredObject::read(record),
                None => Ok(None),
            };
            changes.push(StagedChange {
                kind,
                version: live_version(before),
                before: object(before)?,
                after: object(tables.records.get(&name))?,
                key: name.1,
            });
        }
        changes.sort_by(|one, other| (one.kind, &one.key).cmp(&(other.kind, &other.key)));
        Ok(changes)
    }

    /// The objects that the seed with this name made and that are still there, in the order of their kinds.
    pub fn made_by(&self, seed: &str) -> Result<Vec<(ObjectKind, StoredObject)>, StoreError> {
        let snapshot = self.app.records.snapshot()?;
        let tables = self.store.tables();
        let mut found = Vec::new();
        for mark in snapshot.seed_marks().filter(|mark| mark.seed == seed) {
            let name = (mark.kind.clone(), mark.key.clone());
            let Some(record) = tables.records.get(&name) else {
                continue;
            };
            let kind = RecordKind::parse(&mark.kind).and_then(kind_of);
            if let (Some(kind), Some(object)) = (kind, StoredObject::read(record)?)
                && object.unique_id() == mark.object
            {
                found.push((kind, object));
            }
        }
        found.sort_by_key(|(kind, _)| *kind);
        Ok(found)
    }

    /// Writes everything that is staged in one transaction, with a mark for each object that the seed with this name
    /// makes. A conflict is an outcome.
    pub async fn commit(
        self,
        seed: Option<&str>,
        origin: Origin,
    ) -> Result<PutOutcome, StoreError> {
        // A mark that this version doesn't understand is not replaced.
        let snapshot = self.app.records.snapshot()?;
        snapshot.check_readable(RecordKind::SeedMark)?;
        let mut writes = self.store.writes();
        for change in self.changes()? {
            let kind = record_kind(change.kind).as_str();
            let mark = (
                RecordKind::SeedMark.as_str().to_owned(),
                format!("{kind}/{}", change.key),
            );
            let version = live_version(self.store.base.get(&mark));
            // The mark of a deleted object stays: it remembers the id of an access key, too.
            let seed = seed.filter(|_| change.makes());
            if let (Some(seed), Some(object)) = (seed, &change.after) {
                let mark = SeedMark {
                    kind: kind.to_owned(),
                    key: change.key,
                    seed: seed.to_owned(),
                    object: object.unique_id(),
                    version: 0,
                };
                writes.push(RecordWrite::replace(&mark, version));
            }
        }
        if writes.is_empty() {
            return Ok(PutOutcome::Stored(Vec::new()));
        }
        self.real.records.put(writes, origin).await
    }
}
