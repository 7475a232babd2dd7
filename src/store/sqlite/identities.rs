//! What is meant with identities that are there, said in SQL: finding one by a login, removing, merging, unlinking. The
//! rules are [`crate::model::merge`]'s. What changes something runs in a savepoint of the writer.

use rusqlite::Connection;
use uuid::Uuid;

use super::{pools, rows, sign_in};
use crate::model::identity::{Identity, Login, State};
use crate::model::merge;
use crate::store::{Merge, Merged, Revoke, StoreError, Unlink, Unlinked};

/// The identity that has `login`.
pub(super) fn owner(
    db: &Connection,
    pool: Uuid,
    login: &Login,
) -> Result<Option<Identity>, StoreError> {
    let owners = sign_in::owners(db, pool, std::slice::from_ref(login), None)?;
    Ok(owners.into_iter().next())
}

/// Removes identities and their logins, but for those that are revoked.
pub(super) fn remove(db: &Connection, ids: &[Uuid]) -> Result<(), StoreError> {
    for id in ids {
        let Some(identity) = rows::identity(db, *id)? else {
            continue;
        };
        if identity.revoked {
            continue;
        }
        // What a removed pool left is being purged, logins first.
        if pools::is_there(db, identity.pool)? {
            for login in &identity.logins {
                rows::remove_login(db, identity.pool, login, identity.id)?;
            }
            rows::remove_identity(db, identity.id)?;
        }
    }
    Ok(())
}

/// Revokes an identity, or restores it; of one that was merged away, its survivor. `None` where it isn't there.
pub(super) fn revoke(db: &Connection, ask: &Revoke) -> Result<Option<Identity>, StoreError> {
    let found = rows::identity(db, ask.identity)?.filter(|identity| identity.pool == ask.pool);
    let live = match found {
        Some(Identity {
            state: State::MergedInto(next),
            ..
        }) => sign_in::survivor(db, next)?,
        found => found,
    };
    let Some(mut identity) = live else {
        return Ok(None);
    };
    if !pools::is_there(db, ask.pool)? {
        return Ok(None);
    }
    if identity.revoke(ask.revoked, rows::whole_milliseconds(ask.now)) {
        rows::update_identity(db, &identity)?;
    }
    Ok(Some(identity))
}

/// Merges the owner of one login into the owner of another.
pub(super) fn merge(db: &Connection, ask: &Merge) -> Result<Merged, StoreError> {
    if !pools::is_there(db, ask.pool)? {
        return Ok(Merged::NoSource);
    }
    let Some(source) = owner(db, ask.pool, &ask.source)? else {
        return Ok(Merged::NoSource);
    };
    let Some(destination) = owner(db, ask.pool, &ask.destination)? else {
        return Ok(Merged::NoDestination);
    };
    let now = rows::whole_milliseconds(ask.now);
    match merge::decide(&source, &destination) {
        merge::Merge::Same => Ok(Merged::Identity(destination)),
        merge::Merge::Conflict => Ok(Merged::Conflict),
        merge::Merge::Join => {
            let from = vec![source];
            let merged = sign_in::join(db, ask.pool, now, destination, from, Vec::new())?;
            Ok(Merged::Identity(merged))
        }
    }
}

/// Takes logins from an identity.
pub(super) fn unlink(db: &Connection, ask: &Unlink) -> Result<Unlinked, StoreError> {
    let found = rows::identity(db, ask.identity)?.filter(|identity| identity.pool == ask.pool);
    let Some(mut identity) = found else {
        return Ok(Unlinked::NoIdentity);
    };
    if !pools::is_there(db, ask.pool)? {
        return Ok(Unlinked::NoIdentity);
    }
    let now = rows::whole_milliseconds(ask.now);
    if !merge::may_unlink(&identity, &ask.logins) {
        return Ok(Unlinked::NotLinked);
    }
    let taken = merge::unlink(&mut identity, &ask.logins, now);
    for login in &taken {
        rows::remove_login(db, ask.pool, login, identity.id)?;
    }
    rows::update_identity(db, &identity)?;
    Ok(Unlinked::Unlinked)
}
