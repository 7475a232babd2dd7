//! Pools: finding, listing and changing their records. A change never overwrites another change that it did not see
//! (compare-and-swap on the version).

use std::sync::Arc;

use uuid::Uuid;

use super::access::authorise::{self, FurtherPermission};
use super::access::resource::Resource;
use super::{App, Call, rates, records, refusals};
use crate::error::{Code, Error};
use crate::model::ids::PoolId;
use crate::model::pool::{DeletedPool, Pool};
use crate::store::StoreError;
use crate::store::identities::{PoolRef, PoolVersion};
use crate::store::record::{PutOutcome, RecordKind, RecordWrite};

/// The record of the pool with this id, if there is one.
pub fn record(app: &App, id: &PoolId) -> Result<Option<Arc<Pool>>, StoreError> {
    let found = by_uuid(app, id.uuid)?;
    Ok(found.filter(|pool| pool.id == *id))
}

/// The record of the pool with this UUID, if there is one.
pub fn by_uuid(app: &App, uuid: Uuid) -> Result<Option<Arc<Pool>>, StoreError> {
    let snapshot = app.records.snapshot()?;
    let found = snapshot.pool(uuid);
    Ok(found?.cloned())
}

/// The pool as a question about its identities names it.
pub(super) fn version(pool: &Pool) -> PoolVersion {
    PoolVersion {
        pool: reference(pool),
        version: pool.version,
    }
}

/// The incarnation of a pool.
pub(super) fn reference(pool: &Pool) -> PoolRef {
    PoolRef {
        id: pool.id.uuid,
        incarnation: pool.incarnation,
    }
}

/// A number that distinguishes a new pool from earlier pools with its id. Their identities may still be there.
fn new_incarnation(app: &App) -> u64 {
    let mut bytes = [0; 8];
    app.ambient.fill(&mut bytes);
    // JSON keeps 53 bits exactly.
    u64::from_be_bytes(bytes) >> 11
}

/// The pool with this id.
pub fn find(call: &Call<'_>, id: &str) -> Result<Arc<Pool>, Error> {
    let parsed = PoolId::parse(id).filter(|id| call.app.serves(&id.region));
    let found = match &parsed {
        Some(id) => record(call.app, id)?,
        None => None,
    };
    let pool = found.ok_or_else(|| not_found(id))?;
    rates::enter_pool(call, &pool.id)?;
    Ok(pool)
}

/// The pool with this id, for an administrator: it must be in the region that the request was signed for.
pub fn find_for_admin(call: &Call<'_>, id: &str) -> Result<Arc<Pool>, Error> {
    let pool = find(call, id)?;
    if call.region.as_ref() == Some(&pool.id.region) {
        Ok(pool)
    } else {
        Err(not_found(id))
    }
}

/// Up to `limit` pools with ids after `after`, ordered by id, in the region that the request was signed for.
pub fn list(call: &Call<'_>, after: Option<Uuid>, limit: usize) -> Result<Vec<Arc<Pool>>, Error> {
    let region = call.signed_region();
    Ok(call
        .app
        .records
        .snapshot()?
        .list_pools(region, after, limit))
}

/// All pools, ordered by id.
pub fn all(app: &App) -> Result<Vec<Arc<Pool>>, StoreError> {
    Ok(app.records.snapshot()?.pools().cloned().collect())
}

/// Adds a pool, unless its region has as many pools as the configuration allows.
pub async fn add(call: &Call<'_>, mut pool: Pool) -> Result<(), Error> {
    pool.incarnation = new_incarnation(call.app);
    let limit = call.app.config.limits.pools_per_region;
    match records::put(call, RecordWrite::add(&pool, limit)).await? {
        PutOutcome::Stored(_) => Ok(()),
        PutOutcome::LimitReached(_) => {
            Err(Code::LimitExceeded
                .because("The maximum number of identity pools has been reached."))
        }
        PutOutcome::Conflict(_) | PutOutcome::Absent(_) => Err(refusals::changed_meanwhile()),
    }
}

/// Adds a pool that the server itself needs, unless it exists. No limit applies.
pub async fn add_if_absent(app: &App, mut pool: Pool) -> Result<(), StoreError> {
    pool.incarnation = new_incarnation(app);
    if record(app, &pool.id)?.is_none() {
        let write = RecordWrite::replace(&pool, 0);
        app.records
            .put(vec![write], app.own_origin("Start"))
            .await?;
    }
    Ok(())
}

/// Replaces the previous version of a pool: `pool.version` is one higher than the version that was read.
pub async fn replace(call: &Call<'_>, pool: Pool) -> Result<(), Error> {
    let id = pool.id.to_string();
    match records::put(call, RecordWrite::replace(&pool, pool.version - 1)).await? {
        PutOutcome::Stored(_) => Ok(()),
        PutOutcome::Absent(_) => Err(not_found(&id)),
        PutOutcome::Conflict(_) | PutOutcome::LimitReached(_) => Err(refusals::changed_meanwhile()),
    }
}

/// Changes the pool with this id, for an administrator, and returns the new version. `change` runs again whenever
/// another request changes the pool at the same time.
pub async fn change(
    call: &Call<'_>,
    id: &str,
    change: impl Fn(&mut Pool) -> Result<(), Error>,
) -> Result<Pool, Error> {
    loop {
        let mut pool = find_for_admin(call, id)?.as_ref().clone();
        change(&mut pool)?;
        match records::put(call, RecordWrite::replace(&pool, pool.version)).await? {
            PutOutcome::Stored(_) => {
                pool.version += 1;
                return Ok(pool);
            }
            PutOutcome::Conflict(_) | PutOutcome::LimitReached(_) => {}
            PutOutcome::Absent(_) => return Err(not_found(id)),
        }
    }
}

/// Checks that the signer may pass the pool's roles, if a change lets other users have them.
pub fn authorise_providers(call: &Call<'_>, before: &Pool, after: &Pool) -> Result<(), Error> {
    if before.accepts_the_same_as(after) {
        return Ok(());
    }
    let (roles, by_token) = before.roles.named();
    let mut resources: Vec<Resource> = roles.into_iter().map(Resource::role).collect();
    if by_token {
        resources.push(Resource::any());
    }
    for role in resources {
        let permission = FurtherPermission::pass_role(role);
        let purpose = "a change of the providers of a pool with roles";
        authorise::check_further(call, purpose, permission)?;
    }
    Ok(())
}

/// Removes the pool with this id, for an administrator, with its roles and identities.
pub async fn remove(call: &Call<'_>, id: &str) -> Result<(), Error> {
    loop {
        let pool = find_for_admin(call, id)?;
        let deleted = DeletedPool {
            id: pool.id.uuid,
            incarnation: pool.incarnation,
            version: 0,
        };
        let writes = vec![
            RecordWrite::delete(RecordKind::Pool, pool.id.uuid.to_string(), pool.version),
            RecordWrite::replace(&deleted, 0),
        ];
        match call.app.records.put(writes, call.origin()).await? {
            PutOutcome::Stored(_) => return Ok(()),
            PutOutcome::Absent(0) => return Err(not_found(id)),
            _ => {}
        }
    }
}

/// The refusal of an id that no pool has, with the id as the client wrote it.
pub fn not_found(id: &str) -> Error {
    Code::ResourceNotFound.because(format!("IdentityPool '{id}' not found."))
}
