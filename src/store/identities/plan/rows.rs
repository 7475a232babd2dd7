//! What plans read from the loaded rows, and the rows and events that they make.

use jiff::Timestamp;
use uuid::Uuid;

use super::Write;
use crate::model::identity::{Identity, Login, LoginKey, State};
use crate::model::sign_in::Presented;
use crate::store::StoreError;
use crate::store::event::{Origin, Subject};
use crate::store::identities::loaded::{Halt, Loaded, corrupt};
use crate::store::identities::question::{Answer, IdentityEpoch, Missing, PoolRef, PoolVersion};

/// How often an identity may have been merged onwards. Far more than the accounts of any user; a longer chain is a loop.
const MERGES: usize = 1000;

/// Allows writes where the pool is what the call saw.
pub(super) fn writable<'o>(
    pool: PoolVersion,
    origin: Option<&'o Origin>,
    loaded: &Loaded,
) -> Result<&'o Origin, Halt> {
    let origin = origin.ok_or(Halt::NeedsChange)?;
    same_version(pool, loaded)?;
    Ok(origin)
}

/// Ends the plan where the pool isn't what the call saw.
pub(super) fn same_version(pool: PoolVersion, loaded: &Loaded) -> Result<(), Halt> {
    if loaded.pool(pool.pool.id)? == Some(pool.version) {
        Ok(())
    } else {
        Err(Halt::answer(Answer::PoolChanged))
    }
}

pub(super) fn is_of(identity: &Identity, pool: PoolRef) -> bool {
    identity.pool == pool.id && identity.incarnation == pool.incarnation
}

/// The identity `id` of `pool`.
pub(super) fn in_pool(pool: PoolRef, id: Uuid, loaded: &Loaded) -> Result<&Identity, Halt> {
    let found = loaded.identity(id)?;
    let found = found.filter(|identity| is_of(identity, pool));
    found.ok_or_else(|| Halt::answer(Answer::Missing(Missing::Identity)))
}

/// The identity `seen` of `pool`, in the epoch in which the call saw it.
pub(super) fn as_seen(
    pool: PoolRef,
    seen: IdentityEpoch,
    loaded: &Loaded,
) -> Result<&Identity, Halt> {
    let identity = in_pool(pool, seen.id, loaded)?;
    if identity.epoch == seen.epoch {
        Ok(identity)
    } else {
        Err(Halt::answer(Answer::IdentityChanged))
    }
}

/// The identity `seen` of `pool`, and where it was merged away the live end of its chain.
pub(super) fn presented(
    pool: PoolRef,
    seen: IdentityEpoch,
    loaded: &Loaded,
) -> Result<Presented<'_>, Halt> {
    let identity = as_seen(pool, seen, loaded)?;
    let survivor = match identity.state {
        State::Live => None,
        State::MergedInto(next) => survivor(next, loaded)?,
    };
    Ok(Presented { identity, survivor })
}

/// The live end of a chain of merges that leads to `next`; `None` where it was deleted.
pub(super) fn survivor(mut next: Uuid, loaded: &Loaded) -> Result<Option<&Identity>, Halt> {
    for _ in 0..MERGES {
        let Some(identity) = loaded.identity(next)? else {
            return Ok(None);
        };
        match identity.state {
            State::Live => return Ok(Some(identity)),
            State::MergedInto(further) => next = further,
        }
    }
    Err(corrupt("a chain of merges without an end"))
}

/// The identity that has `login`: the key leads to it, the full text decides.
pub(super) fn owner_of<'l>(
    pool: PoolRef,
    key: &LoginKey,
    login: &Login,
    loaded: &'l Loaded,
) -> Result<Option<&'l Identity>, Halt> {
    let Some(id) = loaded.owner(pool, *key)? else {
        return Ok(None);
    };
    let Some(owner) = loaded.identity(id)? else {
        return Err(corrupt("a login of an identity that isn't there"));
    };
    if owner.state != State::Live || !is_of(owner, pool) || !owner.has(login) {
        return Err(corrupt("a login that its identity doesn't have"));
    }
    Ok(Some(owner))
}

pub(super) fn new_identity(
    pool: PoolVersion,
    id: Uuid,
    logins: Vec<Login>,
    at: Timestamp,
) -> Identity {
    let new = Identity::new(id, pool.pool.id, logins, at);
    Identity {
        incarnation: pool.pool.incarnation,
        ..new
    }
}

/// The identity that an earlier run of the same transaction made of `guest`, as it now is.
pub(super) fn made_before(guest: &Identity, loaded: &Loaded) -> Result<Option<Identity>, Halt> {
    match loaded.new_identity(guest.id)? {
        None => Ok(None),
        Some(before) if (before.pool, before.incarnation) == (guest.pool, guest.incarnation) => {
            Ok(Some(before.clone()))
        }
        Some(_) => Err(Halt::Error(id_taken())),
    }
}

/// A new id belongs to another identity already. Another id may do.
pub(super) fn id_taken() -> StoreError {
    StoreError::Unavailable("the id of a new identity is taken".into())
}

pub(super) fn without_owner(pool: PoolRef, identity: Uuid, logins: &[Login]) -> Vec<Write> {
    let writes = logins.iter().map(|login| Write::SetOwner {
        pool,
        key: login.key(),
        before: Some(identity),
        owner: None,
    });
    writes.collect()
}

pub(super) fn providers(logins: &[Login]) -> Vec<String> {
    logins.iter().map(|login| login.provider.clone()).collect()
}

/// The identity as an event names it: a guest by its keyed hash.
pub(super) fn subject(identity: &Identity, origin: &Origin) -> Subject {
    let pool = identity.pool;
    if identity.authenticated {
        let id = identity.id;
        Subject::Identity { pool, id }
    } else {
        let hash = origin.guests.of(identity.id);
        Subject::Guest { pool, hash }
    }
}
