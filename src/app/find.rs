//! Finding what a request names.

use std::sync::Arc;

use super::Call;
use crate::model::identity::{Identity, State};
use crate::model::ids::{IdentityId, PoolId};
use crate::model::pool::Pool;
use crate::store::StoreError;

/// Why what a request names can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// No pool has this id; the id as it was given.
    #[error("no such pool")]
    NoPool(String),
    /// No identity has this id; the id as it was given.
    #[error("no such identity")]
    NoIdentity(String),
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Call<'_> {
    /// The pool with this id.
    pub async fn pool(&self, id: &str) -> Result<Arc<Pool>, FindError> {
        let no_pool = || FindError::NoPool(id.to_owned());
        let wanted = PoolId::parse(id)
            .filter(|id| self.app.serves(&id.region))
            .ok_or_else(no_pool)?;
        let found = self.app.store.pool(wanted.uuid).await?;
        found.filter(|pool| pool.id == wanted).ok_or_else(no_pool)
    }

    /// The pool with this id, for its administrator: in the region that the request was signed for.
    pub async fn own_pool(&self, id: &str) -> Result<Arc<Pool>, FindError> {
        let pool = self.pool(id).await?;
        if self.region.as_ref() == Some(&pool.id.region) {
            Ok(pool)
        } else {
            Err(FindError::NoPool(id.to_owned()))
        }
    }

    /// The identity with this id, for its administrator: in the region that the request was signed for.
    pub async fn own_identity(&self, id: &str) -> Result<(Identity, Arc<Pool>), FindError> {
        let found = self.identity(id).await?;
        if self.region.as_ref() == Some(&found.1.id.region) {
            Ok(found)
        } else {
            Err(FindError::NoIdentity(id.to_owned()))
        }
    }

    /// The identity with this id in `pool`.
    pub async fn identity_of(&self, pool: &Pool, id: &str) -> Result<Identity, FindError> {
        let (identity, its_pool) = self.identity(id).await?;
        if its_pool.id == pool.id {
            Ok(identity)
        } else {
            Err(FindError::NoIdentity(id.to_owned()))
        }
    }

    /// The identity with this id, and its pool. One that was merged away is found as long as the identity that it was
    /// merged into is there.
    pub async fn identity(&self, id: &str) -> Result<(Identity, Arc<Pool>), FindError> {
        let no_identity = || FindError::NoIdentity(id.to_owned());
        let wanted = IdentityId::parse(id)
            .filter(|id| self.app.serves(&id.region))
            .ok_or_else(no_identity)?;
        let found = self
            .app
            .store
            .identity(wanted.uuid)
            .await?
            .ok_or_else(no_identity)?;
        if found.1.id.region != wanted.region {
            return Err(no_identity());
        }
        let mut state = found.0.state;
        while let State::MergedInto(survivor) = state {
            let next = self.app.store.identity(survivor).await?;
            state = next.ok_or_else(no_identity)?.0.state;
        }
        Ok(found)
    }
}
