//! From logins to an identity: whose proofs they are, and what they may have. Which provider a key means is
//! [`logins`]'s.

pub mod explain;
pub mod logins;

use self::logins::{Proof, ProofError};
use super::Call;
use super::find::FindError;
use crate::model::identity::{Identity, Login, State};
use crate::model::ids::IdentityId;
use crate::model::pool::Pool;
use crate::model::principal_tags::{NoTag, Tags};
use crate::model::sign_in::{Asker, Refusal};
use crate::store::{GuestAdded, SignIn, SignedIn, StoreError};

/// An identity that may have a token or credentials now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its id.
    pub id: IdentityId,
    /// The epoch that it is in.
    pub epoch: u64,
    /// How it was authenticated now: `unauthenticated`, or `authenticated` and what each login adds.
    pub amr: Vec<String>,
    /// The tags of its sessions.
    pub tags: Tags,
}

impl Known {
    /// Whether it is signed in, and not a guest.
    pub fn is_authenticated(&self) -> bool {
        self.amr
            .first()
            .is_some_and(|method| method == "authenticated")
    }
}

/// Why somebody isn't signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The pool has no guests.
    #[error("the pool has no guests")]
    NoGuests,
    /// A login is no good.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A claim can be no tag.
    #[error(transparent)]
    Tag(#[from] NoTag),
    /// The logins belong to other identities.
    #[error("a login belongs to another identity")]
    Conflict,
    /// The developer's user belongs to another identity.
    #[error("the developer's user belongs to another identity")]
    DeveloperUserRegistered,
    /// No login is one of the identity that was named.
    #[error("no login is one of this identity")]
    LoginsDontMatch,
    /// The identity that was named can't be used with what was presented; its id.
    #[error("the identity is not a guest's")]
    Forbidden(IdentityId),
    /// What was named isn't there.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Call<'_> {
    /// Makes a guest in a pool that has guests.
    pub async fn new_guest(&self, pool: &Pool) -> Result<IdentityId, SignInError> {
        if !pool.settings.allow_unauthenticated {
            return Err(SignInError::NoGuests);
        }
        let uuid = self.app.ambient.uuid();
        let guest = Identity::new(uuid, pool.id.uuid, Vec::new(), self.now);
        match self.app.store.add_guest(guest).await? {
            GuestAdded::Added => Ok(id_in(pool, uuid)),
            GuestAdded::NoPool => Err(FindError::NoPool(pool.id.to_string()).into()),
        }
    }

    /// The identity of logins that were vouched for, and the epoch that it is in. `presented` is the identity that the
    /// caller named.
    pub async fn sign_in(
        &self,
        asker: Asker,
        pool: &Pool,
        presented: Option<&Identity>,
        logins: Vec<Login>,
    ) -> Result<(IdentityId, u64), SignInError> {
        let ask = SignIn {
            asker,
            pool: pool.id.uuid,
            presented: presented.map(|identity| identity.id),
            logins,
            new_id: self.app.ambient.uuid(),
            now: self.now,
        };
        let named = presented.map(|identity| id_in(pool, identity.id));
        match (self.app.store.sign_in(ask).await?, named) {
            (SignedIn::Identity(identity), _) => Ok((id_in(pool, identity.id), identity.epoch)),
            (SignedIn::Refused(Refusal::Conflict), _) => Err(SignInError::Conflict),
            (SignedIn::Refused(Refusal::DeveloperUserRegistered), _) => {
                Err(SignInError::DeveloperUserRegistered)
            }
            (SignedIn::Refused(Refusal::LoginsDontMatch), _) => Err(SignInError::LoginsDontMatch),
            (SignedIn::Refused(Refusal::Forbidden), Some(id)) => Err(SignInError::Forbidden(id)),
            (SignedIn::Refused(Refusal::Revoked(id)), _) => {
                Err(SignInError::Forbidden(id_in(pool, id)))
            }
            (SignedIn::NoIdentity, Some(id)) => Err(FindError::NoIdentity(id.reveal()).into()),
            _ => Err(FindError::NoPool(pool.id.to_string()).into()),
        }
    }

    /// The identity that may have a token or credentials for what was presented: a guest for nothing at all.
    pub async fn known(
        &self,
        pool: &Pool,
        identity: &Identity,
        proofs: &[Proof],
    ) -> Result<Known, SignInError> {
        if proofs.is_empty() {
            return guest(pool, identity);
        }
        // Before anything is linked, so that a refusal changes nothing.
        let tags = tags(pool, proofs)?;
        let logins = proofs.iter().map(|proof| proof.login.clone()).collect();
        let (id, epoch) = self
            .sign_in(Asker::User, pool, Some(identity), logins)
            .await?;
        let mut amr = vec!["authenticated".to_owned()];
        amr.extend(proofs.iter().flat_map(|proof| proof.amr.clone()));
        Ok(Known {
            id,
            epoch,
            amr,
            tags,
        })
    }
}

fn guest(pool: &Pool, identity: &Identity) -> Result<Known, SignInError> {
    let id = id_in(pool, identity.id);
    if identity.authenticated || identity.revoked || identity.state != State::Live {
        return Err(SignInError::Forbidden(id));
    }
    if !pool.settings.allow_unauthenticated {
        return Err(SignInError::NoGuests);
    }
    Ok(Known {
        id,
        epoch: identity.epoch,
        amr: vec!["unauthenticated".to_owned()],
        tags: Tags::new(),
    })
}

/// The tags of a session of these logins: of two that say the same tag, the first in the request's order.
pub(super) fn tags(pool: &Pool, proofs: &[Proof]) -> Result<Tags, NoTag> {
    let mut tags = Tags::new();
    for proof in proofs {
        for (tag, value) in proof.tags(pool)? {
            tags.entry(tag).or_insert(value);
        }
    }
    Ok(tags)
}

/// The id of an identity of a pool.
pub fn id_in(pool: &Pool, uuid: uuid::Uuid) -> IdentityId {
    IdentityId {
        region: pool.id.region.clone(),
        uuid,
    }
}
