//! The embedded store: one SQLite file in the data directory, for one process at a time. Not a cache and not for
//! several servers.
//!
//! Reads run inline on read-only connections, or touch memory only; every change goes to the one writing thread, which
//! commits all that wait together. Nobody else may write to the file while it is open here.

mod documents;
mod group;
mod identities;
mod memory;
mod migrate;
mod open;
mod pools;
mod providers;
mod purge;
mod readers;
mod registry;
mod roles;
mod rows;
mod saml_providers;
mod sign_in;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::open::OpenError;

use self::memory::Memory;
use self::readers::Readers;
use self::writer::Writer;
use super::{
    Added, Document, DocumentName, GuestAdded, Merge, Merged, PoolAdded, Replaced, Revoke, SignIn,
    SignedIn, Store, StoreError, Unlink, Unlinked,
};
use crate::model::iam_role::Role;
use crate::model::identity::{Identity, Login};
use crate::model::ids::Region;
use crate::model::pool::Pool;
use crate::model::provider::{OidcProvider, SamlProvider};

/// A store in a file, open.
#[derive(Debug)]
pub struct SqliteStore {
    memory: Arc<Memory>,
    readers: Arc<Readers>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the store in the directory `folder`, which is there: `cognate.sqlite`, made if it isn't there, and a file
    /// `lock` that keeps every other process out while this one has it open.
    ///
    /// [`Store::close`] gives the directory back; a store that is only dropped does so a little later, by itself.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        open::open(folder)
    }

    /// An error unless the writer lives: without it, what is read may be the state of another time.
    fn is_open(&self) -> Result<(), StoreError> {
        if self.writer.is_open() {
            Ok(())
        } else {
            Err(closed())
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

#[async_trait]
impl Store for SqliteStore {
    async fn add_pool(&self, pool: Pool, limit: usize) -> Result<PoolAdded, StoreError> {
        self.writer
            .ask(move |db, changes| pools::add(db, changes, pool, limit))
            .await
    }

    async fn pool(&self, id: Uuid) -> Result<Option<Arc<Pool>>, StoreError> {
        self.is_open()?;
        Ok(self.memory.pool(id))
    }

    async fn list_pools(
        &self,
        region: &Region,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Arc<Pool>>, StoreError> {
        self.is_open()?;
        Ok(self.memory.list_pools(region, after, limit))
    }

    async fn replace_pool(&self, pool: Pool) -> Result<Replaced, StoreError> {
        self.writer
            .ask(move |db, changes| pools::replace(db, changes, pool))
            .await
    }

    async fn remove_pool(&self, id: Uuid) -> Result<bool, StoreError> {
        self.writer
            .ask(move |db, changes| pools::remove(db, changes, id))
            .await
    }

    async fn add_guest(&self, guest: Identity) -> Result<GuestAdded, StoreError> {
        self.writer
            .ask(move |db, _| pools::add_guest(db, guest))
            .await
    }

    async fn identity(&self, id: Uuid) -> Result<Option<(Identity, Arc<Pool>)>, StoreError> {
        self.is_open()?;
        let found = self.readers.with(|db| rows::identity(db, id))?;
        Ok(found.and_then(|identity| {
            let pool = self.memory.pool(identity.pool)?;
            Some((identity, pool))
        }))
    }

    async fn sign_in(&self, ask: SignIn) -> Result<SignedIn, StoreError> {
        self.is_open()?;
        if self.memory.pool(ask.pool).is_none() {
            return Ok(SignedIn::NoPool);
        }
        // Nearly all sign-ins change nothing, and need not wait for the writer.
        if let Some(answer) = self.readers.with(|db| sign_in::look(db, &ask))? {
            return Ok(answer);
        }
        self.writer
            .ask(move |db, _| sign_in::perform(db, ask))
            .await
    }

    async fn owner(&self, pool: Uuid, login: &Login) -> Result<Option<Identity>, StoreError> {
        self.is_open()?;
        if self.memory.pool(pool).is_none() {
            return Ok(None);
        }
        self.readers.with(|db| identities::owner(db, pool, login))
    }

    async fn list_identities(
        &self,
        pool: Uuid,
        after: Option<Uuid>,
        limit: usize,
        disabled: bool,
    ) -> Result<Vec<Identity>, StoreError> {
        self.is_open()?;
        if self.memory.pool(pool).is_none() {
            return Ok(Vec::new());
        }
        self.readers
            .with(|db| rows::identities(db, pool, after, limit, disabled))
    }

    async fn remove_identities(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        self.writer
            .ask(move |db, _| identities::remove(db, &ids))
            .await
    }

    async fn merge(&self, ask: Merge) -> Result<Merged, StoreError> {
        self.writer
            .ask(move |db, _| identities::merge(db, &ask))
            .await
    }

    async fn unlink(&self, ask: Unlink) -> Result<Unlinked, StoreError> {
        self.writer
            .ask(move |db, _| identities::unlink(db, &ask))
            .await
    }

    async fn revoke(&self, ask: Revoke) -> Result<Option<Identity>, StoreError> {
        self.writer
            .ask(move |db, _| identities::revoke(db, &ask))
            .await
    }

    async fn add_oidc_provider(
        &self,
        provider: OidcProvider,
        limit: usize,
    ) -> Result<Added, StoreError> {
        self.writer
            .ask(move |db, changes| providers::add(db, changes, provider, limit))
            .await
    }

    async fn oidc_provider(&self, name: &str) -> Result<Option<Arc<OidcProvider>>, StoreError> {
        self.is_open()?;
        Ok(self.memory.provider(name))
    }

    async fn list_oidc_providers(&self) -> Result<Vec<Arc<OidcProvider>>, StoreError> {
        self.is_open()?;
        Ok(self.memory.list_providers())
    }

    async fn replace_oidc_provider(&self, provider: OidcProvider) -> Result<Replaced, StoreError> {
        self.writer
            .ask(move |db, changes| providers::replace(db, changes, provider))
            .await
    }

    async fn remove_oidc_provider(&self, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.writer
            .ask(move |db, changes| providers::remove(db, changes, name))
            .await
    }

    async fn add_saml_provider(
        &self,
        provider: SamlProvider,
        limit: usize,
    ) -> Result<Added, StoreError> {
        self.writer
            .ask(move |db, changes| saml_providers::add(db, changes, provider, limit))
            .await
    }

    async fn saml_provider(&self, name: &str) -> Result<Option<Arc<SamlProvider>>, StoreError> {
        self.is_open()?;
        Ok(self.memory.saml_provider(name))
    }

    async fn list_saml_providers(&self) -> Result<Vec<Arc<SamlProvider>>, StoreError> {
        self.is_open()?;
        Ok(self.memory.list_saml_providers())
    }

    async fn replace_saml_provider(&self, provider: SamlProvider) -> Result<Replaced, StoreError> {
        self.writer
            .ask(move |db, changes| saml_providers::replace(db, changes, provider))
            .await
    }

    async fn remove_saml_provider(&self, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.writer
            .ask(move |db, changes| saml_providers::remove(db, changes, name))
            .await
    }

    async fn add_role(&self, role: Role, limit: usize) -> Result<Added, StoreError> {
        self.writer
            .ask(move |db, changes| roles::add(db, changes, role, limit))
            .await
    }

    async fn role(&self, key: &str) -> Result<Option<Arc<Role>>, StoreError> {
        self.is_open()?;
        Ok(self.memory.role(key))
    }

    async fn list_roles(&self) -> Result<Vec<Arc<Role>>, StoreError> {
        self.is_open()?;
        Ok(self.memory.list_roles())
    }

    async fn replace_role(&self, role: Role) -> Result<Replaced, StoreError> {
        self.writer
            .ask(move |db, changes| roles::replace(db, changes, role))
            .await
    }

    async fn remove_role(&self, key: &str, version: u64) -> Result<Replaced, StoreError> {
        let key = key.to_owned();
        self.writer
            .ask(move |db, changes| roles::remove(db, changes, key, version))
            .await
    }

    async fn document(&self, name: DocumentName) -> Result<Option<Document>, StoreError> {
        self.is_open()?;
        self.readers.with(|db| documents::find(db, name))
    }

    async fn replace_document(
        &self,
        name: DocumentName,
        document: Document,
    ) -> Result<Replaced, StoreError> {
        self.writer
            .ask(move |db, _| documents::replace(db, name, &document))
            .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.is_open()?;
        self.readers.with(|db| {
            db.prepare_cached("SELECT count(*) FROM document")?
                .query_row([], |_| Ok(()))?;
            Ok(())
        })
    }

    async fn close(&self) {
        self.writer.close().await;
    }
}
