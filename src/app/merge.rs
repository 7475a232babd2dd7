//! Merging, unlinking and removing, as administrators and users ask for it.

use super::Call;
use super::find::FindError;
use super::sign_in::id_in;
use crate::model::identity::{Identity, Login};
use crate::model::ids::IdentityId;
use crate::model::pool::Pool;
use crate::store::{Merge, Merged, Revoke, StoreError, Unlink, Unlinked};

/// Why two identities weren't merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Nobody is one of the users.
    #[error("no identity has the developer's user")]
    NoUser,
    /// They can't become one.
    #[error("the identities can't become one")]
    Conflict,
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an identity wasn't revoked or restored.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// It isn't there.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why logins weren't taken from an identity.
#[derive(Debug, thiserror::Error)]
pub enum UnlinkError {
    /// It doesn't have them.
    #[error("the identity doesn't have the login")]
    NotLinked,
    /// It is revoked; its id.
    #[error("the identity is revoked")]
    Revoked(IdentityId),
    /// It isn't there.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Call<'_> {
    /// Merges the identity of the developer's user `source` into that of `destination`, and gives its id.
    pub async fn merge(
        &self,
        pool: &Pool,
        provider: &str,
        source: &str,
        destination: &str,
    ) -> Result<IdentityId, MergeError> {
        let ask = Merge {
            pool: pool.id.uuid,
            source: Login::developer(provider, source),
            destination: Login::developer(provider, destination),
            now: self.now,
        };
        match self.app.store.merge(ask).await? {
            Merged::Identity(identity) => Ok(id_in(pool, identity.id)),
            Merged::NoSource | Merged::NoDestination => Err(MergeError::NoUser),
            Merged::Conflict => Err(MergeError::Conflict),
        }
    }

    /// Revokes an identity, for its administrator, or restores it; gives the id of the one that it is now, where it was
    /// merged away.
    pub async fn revoke(&self, id: &str, revoked: bool) -> Result<IdentityId, RevokeError> {
        let (identity, pool) = self.own_identity(id).await?;
        let ask = Revoke {
            pool: pool.id.uuid,
            identity: identity.id,
            revoked,
            now: self.now,
        };
        match self.app.store.revoke(ask).await? {
            Some(identity) => Ok(id_in(&pool, identity.id)),
            None => Err(FindError::NoIdentity(id.to_owned()).into()),
        }
    }

    /// Removes identities, for their administrator, and gives those that are revoked, which stay: those in the region that the request was signed for. A UUID alone
    /// says nothing of the region, so an id that names another than its identity's removes nothing.
    pub async fn remove_identities(
        &self,
        ids: Vec<IdentityId>,
    ) -> Result<Vec<IdentityId>, StoreError> {
        let (mut here, mut kept) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            let found = self.app.store.identity(id.uuid).await?;
            let found = found.filter(|(_, pool)| pool.id.region == id.region);
            match found.filter(|_| id.region == *self.signed_region()) {
                Some((identity, _)) if identity.revoked => kept.push(id),
                Some(_) => here.push(id.uuid),
                None => {}
            }
        }
        self.app.store.remove_identities(here).await?;
        Ok(kept)
    }

    /// Takes logins from an identity, all or none.
    pub async fn unlink(
        &self,
        pool: &Pool,
        identity: &Identity,
        logins: Vec<Login>,
    ) -> Result<(), UnlinkError> {
        if identity.revoked {
            return Err(UnlinkError::Revoked(id_in(pool, identity.id)));
        }
        let ask = Unlink {
            pool: pool.id.uuid,
            identity: identity.id,
            logins,
            now: self.now,
        };
        match self.app.store.unlink(ask).await? {
            Unlinked::Unlinked => Ok(()),
            Unlinked::NotLinked => Err(UnlinkError::NotLinked),
            Unlinked::NoIdentity => {
                Err(FindError::NoIdentity(id_in(pool, identity.id).reveal()).into())
            }
        }
    }
}
