//! Identities: finding, listing, merging, unlinking, revoking and removing them. How logins become an identity is in
//! [`super::sign_in`].

use std::sync::Arc;

use uuid::Uuid;

use super::sign_in::SignInError;
use super::{Call, pools, rates, records, refusals};
use crate::error::{Code, Error};
use crate::model::identity::{Identity, Login, Revocation};
use crate::model::ids::IdentityId;
use crate::model::pool::Pool;
use crate::store::StoreError;
use crate::store::identities::{
    Answer, Delete, IdentityEpoch, Merge, PoolVersion, Question, Revoke, Unlink,
};

/// The record of the identity with this UUID and its pool, if there is one.
pub async fn record(
    call: &Call<'_>,
    uuid: Uuid,
) -> Result<Option<(Identity, Arc<Pool>)>, StoreError> {
    match records::ask(call, &Question::Find(uuid)).await? {
        Answer::Identity(identity) | Answer::Orphan(identity) => in_its_pool(call, identity),
        _ => Ok(None),
    }
}

/// The identity with its pool; nothing where the pool is deleted, or is a later pool with the same id.
fn in_its_pool(
    call: &Call<'_>,
    identity: Identity,
) -> Result<Option<(Identity, Arc<Pool>)>, StoreError> {
    let pool = pools::by_uuid(call.app, identity.pool)?;
    let pool = pool.filter(|pool| pool.incarnation == identity.incarnation);
    Ok(pool.map(|pool| (identity, pool)))
}

/// The identity with this id and its pool, if there is one. An identity that was merged away is found as long as its
/// survivor exists.
pub async fn lookup(
    call: &Call<'_>,
    id: &IdentityId,
) -> Result<Option<(Identity, Arc<Pool>)>, StoreError> {
    if !call.app.serves(&id.region) {
        return Ok(None);
    }
    let Answer::Identity(identity) = records::ask(call, &Question::Find(id.uuid)).await? else {
        return Ok(None);
    };
    let found = in_its_pool(call, identity)?;
    Ok(found.filter(|(_, pool)| pool.id.region == id.region))
}

/// The identity with this id and its pool, as [`lookup`] finds them.
pub async fn find(call: &Call<'_>, id: &str) -> Result<(Identity, Arc<Pool>), Error> {
    let found = match IdentityId::parse(id) {
        Some(parsed) => lookup(call, &parsed).await?,
        None => None,
    };
    let (identity, pool) = found.ok_or_else(|| not_found(id))?;
    rates::enter_pool(call, &pool.id)?;
    Ok((identity, pool))
}

/// The identity with this id, for an administrator: it must be in the region that the request was signed for.
pub async fn find_for_admin(call: &Call<'_>, id: &str) -> Result<(Identity, Arc<Pool>), Error> {
    let found = find(call, id).await?;
    if call.region.as_ref() == Some(&found.1.id.region) {
        Ok(found)
    } else {
        Err(not_found(id))
    }
}

/// The identity with this id in `pool`.
pub async fn find_in_pool(call: &Call<'_>, pool: &Pool, id: &str) -> Result<Identity, Error> {
    let (identity, its_pool) = find(call, id).await?;
    if its_pool.id == pool.id {
        Ok(identity)
    } else {
        Err(not_found(id))
    }
}

/// The identity that has a login.
pub async fn owner(
    call: &Call<'_>,
    pool: &Pool,
    login: &Login,
) -> Result<Option<Identity>, StoreError> {
    let question = Question::Owner(pools::reference(pool), login.clone());
    Ok(match records::ask(call, &question).await? {
        Answer::Identity(identity) => Some(identity),
        _ => None,
    })
}

/// Whether a login is revoked in any pool, so that it opens nothing at the STS either. A revocation with `OnlyThisPool`
/// doesn't count.
pub async fn is_revoked(call: &Call<'_>, login: &Login) -> Result<bool, StoreError> {
    let pools = call.app.records.snapshot()?.pool_refs();
    let question = Question::RevokedOwner(pools, login.clone());
    let answer = records::ask(call, &question).await?;
    Ok(matches!(answer, Answer::Identity(_)))
}

/// Up to `limit` identities of a pool with ids after `after`, ordered by id; with `disabled`, also those that were
/// merged away.
pub async fn list(
    call: &Call<'_>,
    pool: &Pool,
    after: Option<Uuid>,
    limit: usize,
    disabled: bool,
) -> Result<Vec<Identity>, Error> {
    let (store, pool) = (&call.app.records.store, pools::reference(pool));
    Ok(store.list_identities(pool, after, limit, disabled).await?)
}

/// Merges the identity of the developer's user `source` into that of `destination`, and returns the survivor's id.
pub async fn merge(
    call: &Call<'_>,
    pool: &Pool,
    provider: &str,
    source: &str,
    destination: &str,
) -> Result<IdentityId, Error> {
    let question = Merge {
        pool: pools::version(pool),
        source: Login::developer(provider, source),
        destination: Login::developer(provider, destination),
    };
    match records::ask(call, &Question::Merge(question)).await? {
        Answer::Identity(identity) => Ok(id_in(pool, identity.id)),
        Answer::PoolChanged | Answer::IdentityChanged => Err(refusals::outdated()),
        Answer::Refused(_) => Err(refusals::logins_conflict()),
        Answer::Missing(_) | Answer::Orphan(_) | Answer::Deleted { .. } => {
            Err(developer_user_not_found())
        }
    }
}

/// Revokes an identity, or restores it with `None`, for an administrator. If the identity was merged away, this applies to its
/// survivor; the id of the identity that changed is returned.
pub async fn revoke(
    call: &Call<'_>,
    id: &str,
    revocation: Option<Revocation>,
) -> Result<IdentityId, Error> {
    let (identity, pool) = find_for_admin(call, id).await?;
    let question = Revoke {
        pool: pools::version(&pool),
        identity: identity.id,
        revocation,
    };
    match records::ask(call, &Question::Revoke(question)).await? {
        Answer::Identity(identity) => Ok(id_in(&pool, identity.id)),
        Answer::PoolChanged => Err(refusals::outdated()),
        _ => Err(not_found(id)),
    }
}

/// Removes identities, for an administrator, and returns the ids of revoked identities, which stay. Only identities in
/// the region that the request was signed for are removed: a UUID alone doesn't name the region, so an id with another
/// region than its identity's removes nothing.
pub async fn remove(call: &Call<'_>, ids: Vec<IdentityId>) -> Result<Vec<IdentityId>, Error> {
    let mut removed = Vec::<(PoolVersion, Uuid)>::with_capacity(ids.len());
    for id in &ids {
        let found = record(call, id.uuid).await?;
        let found = found.filter(|(_, pool)| pool.id.region == id.region);
        if let Some((_, pool)) = found.filter(|_| id.region == *call.signed_region()) {
            removed.push((pools::version(&pool), id.uuid));
        }
    }
    let question = Question::Delete(Delete {
        identities: removed,
    });
    let is_here = |id: &&IdentityId| id.region == *call.signed_region();
    let ids: Vec<&IdentityId> = ids.iter().filter(is_here).collect();
    match records::ask(call, &question).await? {
        // Which of them are revoked is decided in the transaction that deletes the others.
        Answer::Deleted { kept } => {
            let named = |uuid| ids.iter().find(|id| id.uuid == uuid).copied().cloned();
            Ok(kept.into_iter().filter_map(named).collect())
        }
        _ => Err(refusals::outdated()),
    }
}

/// Removes logins from an identity, all or none.
pub async fn unlink(
    call: &Call<'_>,
    pool: &Pool,
    identity: &Identity,
    logins: Vec<Login>,
) -> Result<(), Error> {
    if identity.revoked {
        return Err(SignInError::Forbidden(id_in(pool, identity.id)).into());
    }
    let question = Unlink {
        pool: pools::version(pool),
        identity: epoch(identity),
        logins,
    };
    match records::ask(call, &Question::Unlink(question)).await? {
        Answer::Identity(_) => Ok(()),
        Answer::PoolChanged | Answer::IdentityChanged => Err(refusals::outdated()),
        Answer::Refused(_) => {
            Err(Code::ResourceConflict.because("The login is not linked to this identity."))
        }
        _ => Err(not_found(&id_in(pool, identity.id).reveal())),
    }
}

/// The identity as this call saw it.
pub(super) fn epoch(identity: &Identity) -> IdentityEpoch {
    IdentityEpoch {
        id: identity.id,
        epoch: identity.epoch,
    }
}

/// The id of an identity of a pool.
pub fn id_in(pool: &Pool, uuid: Uuid) -> IdentityId {
    IdentityId {
        region: pool.id.region.clone(),
        uuid,
    }
}

/// The refusal of an id that no identity has, with the id as the client wrote it.
pub fn not_found(id: &str) -> Error {
    Code::ResourceNotFound.because(format!("Identity '{id}' not found."))
}

/// The refusal of a developer's user that no identity has.
pub fn developer_user_not_found() -> Error {
    Code::ResourceNotFound.because("Developer user identifier not found.")
}
