//! Sign-in: the identity of verified logins, and what it needs for a token or credentials. The logins themselves are
//! verified in [`logins`].

pub mod bare_token;
pub mod explain;
pub mod logins;
pub mod origin;

use self::logins::{Proof, ProofError};
use super::identities::id_in;
use super::{Call, identities, pools, records};
use crate::model::identity::{Identity, Login, State};
use crate::model::ids::IdentityId;
use crate::model::origin::LoginOrigin;
use crate::model::pool::Pool;
use crate::model::sign_in::{Asker, Refusal};
use crate::model::tags::{TagError, Tags};
use crate::store::StoreError;
use crate::store::identities::{Answer, IdentityRefusal, Question, SignIn};

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
    /// The logins that it was verified by; empty for a guest.
    pub logins: Vec<LoginOrigin>,
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
    Tag(#[from] TagError),
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
    /// The pool or the presented identity changed meanwhile.
    #[error("the pool or the identity changed")]
    Outdated,
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a guest in a pool that allows guests.
pub async fn new_guest(call: &Call<'_>, pool: &Pool) -> Result<IdentityId, SignInError> {
    Ok(id_in(pool, add_guest(call, pool).await?.id))
}

/// Makes a guest that gets a token or credentials at once.
pub async fn sign_in_new_guest(
    call: &Call<'_>,
    pool: &Pool,
) -> Result<VerifiedIdentity, SignInError> {
    guest(pool, &add_guest(call, pool).await?)
}

async fn add_guest(call: &Call<'_>, pool: &Pool) -> Result<Identity, SignInError> {
    if !pool.settings.allow_unauthenticated {
        return Err(SignInError::NoGuests);
    }
    let uuid = call.app.ambient.uuid();
    let question = Question::AddGuest(pools::version(pool), uuid);
    match records::ask(call, &question).await? {
        Answer::Identity(identity) => {
            metrics::counter!("cognate_guests_total").increment(1);
            Ok(identity)
        }
        _ => Err(SignInError::Outdated),
    }
}

/// The identity of verified logins and its epoch: found, made, linked or merged. `presented` is the identity that the
/// caller named, as it was before the logins were verified; `user` is the developer's user, where the developer asks.
pub async fn resolve(
    call: &Call<'_>,
    pool: &Pool,
    presented: Option<&Identity>,
    user: Option<Login>,
    proofs: &[Proof],
) -> Result<(IdentityId, u64), SignInError> {
    let own = proofs.iter().filter(|proof| proof.is_own());
    let asker = match user {
        Some(_) => Asker::Developer,
        None => Asker::User,
    };
    let proved = proofs.iter().map(|proof| proof.login.clone());
    let logins = user.into_iter().chain(proved);
    let question = Question::SignIn(SignIn {
        asker,
        pool: pools::version(pool),
        presented: presented.map(identities::epoch),
        logins: logins.map(|login| (login.key(), login)).collect(),
        only_found: own.map(|proof| proof.login.key()).collect(),
        new_id: call.app.ambient.uuid(),
    });
    let named = presented.map(|identity| id_in(pool, identity.id));
    let refusal = match (records::ask(call, &question).await?, &named) {
        (Answer::Identity(identity), _) => {
            return Ok((id_in(pool, identity.id), identity.epoch));
        }
        (Answer::Refused(IdentityRefusal::SignIn(refusal)), _) => refusal,
        (Answer::Missing(_), Some(id)) => return Err(SignInError::NoIdentity(id.clone())),
        _ => return Err(SignInError::Outdated),
    };
    Err(match (refusal, named) {
        (Refusal::DeveloperUserRegistered, _) => SignInError::DeveloperUserRegistered,
        (Refusal::LoginsDontMatch, _) => SignInError::LoginsDontMatch,
        (Refusal::Revoked(id), _) => SignInError::Forbidden(id_in(pool, id)),
        (Refusal::Forbidden, Some(id)) => SignInError::Forbidden(id),
        (Refusal::Forbidden, None) | (Refusal::Conflict, _) => SignInError::Conflict,
    })
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
    sign_in(call, pool, Some(identity), proofs).await
}

/// The identity of these logins: found or made, and verified for a token or credentials at once. `presented` is as for
/// [`resolve`].
pub async fn sign_in(
    call: &Call<'_>,
    pool: &Pool,
    presented: Option<&Identity>,
    proofs: &[Proof],
) -> Result<VerifiedIdentity, SignInError> {
    // The tags come before the store, so that a refusal changes nothing.
    let tags = tags(pool, proofs)?;
    let (id, epoch) = resolve(call, pool, presented, None, proofs).await?;
    let mut amr = vec!["authenticated".to_owned()];
    amr.extend(proofs.iter().flat_map(|proof| proof.amr.clone()));
    let origins = proofs.iter().flat_map(|proof| proof.origins.clone());
    Ok(VerifiedIdentity {
        id,
        epoch,
        amr,
        tags,
        logins: origins.collect(),
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
        logins: Vec::new(),
    })
}

/// The tags of a session of these logins. If two logins set the same tag, the first in the request's order counts.
pub(super) fn tags(pool: &Pool, proofs: &[Proof]) -> Result<Tags, TagError> {
    let mut tags = Tags::new();
    for proof in proofs {
        for (tag, value) in &proof.tags(pool)? {
            if !tags.contains(tag) {
                tags.set(tag.to_owned(), value.to_owned());
            }
        }
    }
    tags.check_session()?;
    Ok(tags)
}
