//! All pools and all registered providers, in memory, so that the reads that every call makes touch no SQL. A copy
//! of what is committed: the writer changes it after each COMMIT and before it answers, nobody else does.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, RwLock};

use rusqlite::Connection;
use uuid::Uuid;

use super::rows;
use crate::model::iam_role::Role;
use crate::model::ids::Region;
use crate::model::pool::Pool;
use crate::model::provider::{OidcProvider, SamlProvider};
use crate::store::StoreError;

const UNBROKEN: &str = "nothing panics under this lock";

/// The pools by id, the providers of each kind by name.
#[derive(Debug)]
pub(super) struct Memory {
    pools: RwLock<BTreeMap<Uuid, Arc<Pool>>>,
    providers: RwLock<BTreeMap<String, Arc<OidcProvider>>>,
    saml_providers: RwLock<BTreeMap<String, Arc<SamlProvider>>>,
    roles: RwLock<BTreeMap<String, Arc<Role>>>,
}

/// What an intention that was kept changes here.
#[derive(Debug)]
pub(super) enum Change {
    /// This pool is there now, or has changed.
    Pool(Arc<Pool>),
    /// The pool with this id is gone.
    NoPool(Uuid),
    /// This provider is there now, or has changed.
    Provider(Arc<OidcProvider>),
    /// The provider with this name is gone.
    NoProvider(String),
    /// This SAML provider is there now, or has changed.
    SamlProvider(Arc<SamlProvider>),
    /// The SAML provider with this name is gone.
    NoSamlProvider(String),
    /// This role is there now, or has changed.
    Role(Arc<Role>),
    /// The role with this key is gone.
    NoRole(String),
}

impl Memory {
    /// Reads everything that `db` has.
    pub(super) fn load(db: &Connection) -> Result<Self, StoreError> {
        let pools = records::<Pool>(db, "SELECT record FROM identity_pool")?;
        let providers = records::<OidcProvider>(db, "SELECT record FROM oidc_provider")?;
        let pools = pools.into_iter().map(|pool| (pool.id.uuid, Arc::new(pool)));
        let providers = providers
            .into_iter()
            .map(|provider| (provider.arn.name().to_owned(), Arc::new(provider)));
        let saml_providers = records::<SamlProvider>(db, "SELECT record FROM saml_provider")?;
        let saml_providers = saml_providers
            .into_iter()
            .map(|provider| (provider.arn.name().to_owned(), Arc::new(provider)));
        let roles = records::<Role>(db, "SELECT record FROM iam_role")?;
        let roles = roles.into_iter().map(|role| (role.key(), Arc::new(role)));
        Ok(Self {
            pools: RwLock::new(pools.collect()),
            providers: RwLock::new(providers.collect()),
            saml_providers: RwLock::new(saml_providers.collect()),
            roles: RwLock::new(roles.collect()),
        })
    }

    /// Takes over what was committed.
    pub(super) fn apply(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut pools = self.pools.write().expect(UNBROKEN);
        let mut providers = self.providers.write().expect(UNBROKEN);
        let mut saml_providers = self.saml_providers.write().expect(UNBROKEN);
        let mut roles = self.roles.write().expect(UNBROKEN);
        for change in changes {
            match change {
                Change::Pool(pool) => {
                    pools.insert(pool.id.uuid, pool);
                }
                Change::NoPool(id) => {
                    pools.remove(&id);
                }
                Change::Provider(provider) => {
                    providers.insert(provider.arn.name().to_owned(), provider);
                }
                Change::NoProvider(name) => {
                    providers.remove(&name);
                }
                Change::SamlProvider(provider) => {
                    saml_providers.insert(provider.arn.name().to_owned(), provider);
                }
                Change::NoSamlProvider(name) => {
                    saml_providers.remove(&name);
                }
                Change::Role(role) => {
                    roles.insert(role.key(), role);
                }
                Change::NoRole(key) => {
                    roles.remove(&key);
                }
            }
        }
    }

    pub(super) fn pool(&self, id: Uuid) -> Option<Arc<Pool>> {
        self.pools.read().expect(UNBROKEN).get(&id).cloned()
    }

    pub(super) fn list_pools(
        &self,
        region: &Region,
        after: Option<Uuid>,
        limit: usize,
    ) -> Vec<Arc<Pool>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let pools = self.pools.read().expect(UNBROKEN);
        pools
            .range((from, Bound::Unbounded))
            .map(|(_, pool)| pool)
            .filter(|pool| pool.id.region == *region)
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn provider(&self, name: &str) -> Option<Arc<OidcProvider>> {
        self.providers.read().expect(UNBROKEN).get(name).cloned()
    }

    pub(super) fn list_providers(&self) -> Vec<Arc<OidcProvider>> {
        let providers = self.providers.read().expect(UNBROKEN);
        providers.values().cloned().collect()
    }

    pub(super) fn saml_provider(&self, name: &str) -> Option<Arc<SamlProvider>> {
        let providers = self.saml_providers.read().expect(UNBROKEN);
        providers.get(name).cloned()
    }

    pub(super) fn list_saml_providers(&self) -> Vec<Arc<SamlProvider>> {
        let providers = self.saml_providers.read().expect(UNBROKEN);
        providers.values().cloned().collect()
    }

    pub(super) fn role(&self, key: &str) -> Option<Arc<Role>> {
        self.roles.read().expect(UNBROKEN).get(key).cloned()
    }

    pub(super) fn list_roles(&self) -> Vec<Arc<Role>> {
        self.roles
            .read()
            .expect(UNBROKEN)
            .values()
            .cloned()
            .collect()
    }
}

fn records<T: serde::de::DeserializeOwned>(
    db: &Connection,
    query: &str,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare(query)?;
    let mut rows = statement.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let record = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        records.push(rows::from_json(record)?);
    }
    Ok(records)
}
