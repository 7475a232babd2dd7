//! Sign-in: the identity of verified logins, and what it needs for a token or credentials. The logins themselves are
//! verified in [`super::proofs`].

use super::Call;
use super::identities::id_in;
use super::proofs::{Proof, ProofError};
use crate::model::identity::{Identity, Login, State};
use crate::model::ids::{IdentityId, PoolId};
use crate::model::pool::Pool;
use crate::model::principal_tags::{NoTag, Tags};
use crate::model::sign_in::{Asker, Refusal};
use crate::store::{GuestAdded, SignIn, SignedIn, StoreError};

/// An identity that may get a token or credentials now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedIdentity {
    /// The id of the identity.
    pub id: IdentityId,
    /// The epoch of the identity.
    pub epoch: u64,
    /// The authentication methods: `unauthenticated`, or `authenticated` and the methods of each login.
    pub amr: Vec<String>,
    /// The tags of its sessions.
    pub tags: Tags,
}

impl VerifiedIdentity {
    /// Whether the identity is authenticated, and not a guest.
    pub fn is_authenticated(&self) -> bool {
        self.amr
            .first()
            .is_some_and(|method| method == "authenticated")
    }
}

/// Why a sign-in is refused.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The pool doesn't allow guests.
    #[error("the pool has no guests")]
    NoGuests,
    /// A login is refused.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A claim doesn't fit into a session tag.
    #[error(transparent)]
    Tag(#[from] NoTag),
    /// The logins belong to different identities.
    #[error("a login belongs to another identity")]
    Conflict,
    /// The developer's user belongs to another identity.
    #[error("the developer's user belongs to another identity")]
    DeveloperUserRegistered,
    /// The presented identity has none of the logins.
    #[error("no login is one of this identity")]
    LoginsDontMatch,
    /// The presented identity can't be used with these logins.
    #[error("the identity is not a guest's")]
    Forbidden(IdentityId),
    /// The presented identity was removed meanwhile.
    #[error("no such identity")]
    NoIdentity(IdentityId),
    /// The pool was removed meanwhile.
    #[error("no such pool")]
    NoPool(PoolId),
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a guest in a pool that allows guests.
pub async fn new_guest(call: &Call<'_>, pool: &Pool) -> Result<IdentityId, SignInError> {
    if !pool.settings.allow_unauthenticated {
        return Err(SignInError::NoGuests);
    }
    let uuid = call.app.ambient.uuid();
    let guest = Identity::new(uuid, pool.id.uuid, Vec::new(), call.now);
    match call.app.store.add_guest(guest).await? {
        GuestAdded::Added => Ok(id_in(pool, uuid)),
        GuestAdded::NoPool => Err(SignInError::NoPool(pool.id.clone())),
    }
}

/// The identity of verified logins and its epoch: found, made, linked or merged. `presented` is the identity that the
/// caller named.
pub async fn resolve(
    call: &Call<'_>,
    asker: Asker,
    pool: &Pool,
    presented: Option<&Identity>,
    logins: Vec<Login>,
) -> Result<(IdentityId, u64), SignInError> {
    let question = SignIn {
        asker,
        pool: pool.id.uuid,
        presented: presented.map(|identity| identity.id),
        logins,
        new_id: call.app.ambient.uuid(),
        now: call.now,
    };
    let named = presented.map(|identity| id_in(pool, identity.id));
    match (call.app.store.sign_in(question).await?, named) {
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
        (SignedIn::NoIdentity, Some(id)) => Err(SignInError::NoIdentity(id)),
        _ => Err(SignInError::NoPool(pool.id.clone())),
    }
}

/// The identity that may get a token or credentials for these logins; without logins, a guest.
pub async fn authenticate(
    call: &Call<'_>,
    pool: &Pool,
    identity: &Identity,
    proofs: &[Proof],
) -> Result<VerifiedIdentity, SignInError> {
    if proofs.is_empty() {
        return guest(pool, identity);
    }
    // The tags come before the store, so that a refusal changes nothing.
    let tags = tags(pool, proofs)?;
    let logins = proofs.iter().map(|proof| proof.login.clone()).collect();
    let (id, epoch) = resolve(call, Asker::User, pool, Some(identity), logins).await?;
    let mut amr = vec!["authenticated".to_owned()];
    amr.extend(proofs.iter().flat_map(|proof| proof.amr.clone()));
    Ok(VerifiedIdentity {
        id,
        epoch,
        amr,
        tags,
    })
}

fn guest(pool: &Pool, identity: &Identity) -> Result<VerifiedIdentity, SignInError> {
    let id = id_in(pool, identity.id);
    if identity.authenticated || identity.revoked || identity.state != State::Live {
        return Err(SignInError::Forbidden(id));
    }
    if !pool.settings.allow_unauthenticated {
        return Err(SignInError::NoGuests);
    }
    Ok(VerifiedIdentity {
        id,
        epoch: identity.epoch,
        amr: vec!["unauthenticated".to_owned()],
        tags: Tags::new(),
    })
}

/// The tags of a session of these logins. If two logins set the same tag, the first in the request's order counts.
pub(super) fn tags(pool: &Pool, proofs: &[Proof]) -> Result<Tags, NoTag> {
    let mut tags = Tags::new();
    for proof in proofs {
        for (tag, value) in proof.tags(pool)? {
            tags.entry(tag).or_insert(value);
        }
    }
    Ok(tags)
}
