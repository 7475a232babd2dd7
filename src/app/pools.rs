//! Pools: finding, listing and changing their records. A change never overwrites another change that it did not see
//! (compare-and-swap on the version).

use std::sync::Arc;

use uuid::Uuid;

use super::{App, Call, refusals};
use crate::error::{Code, Error};
use crate::model::ids::PoolId;
use crate::model::pool::Pool;
use crate::store::{PoolAdded, Replaced, StoreError};

/// The record of the pool with this id, if there is one.
pub async fn record(app: &App, id: &PoolId) -> Result<Option<Arc<Pool>>, StoreError> {
    let found = app.store.pool(id.uuid).await?;
    Ok(found.filter(|pool| pool.id == *id))
}

/// The pool with this id.
pub async fn find(call: &Call<'_>, id: &str) -> Result<Arc<Pool>, Error> {
    let parsed = PoolId::parse(id).filter(|id| call.app.serves(&id.region));
    let found = match &parsed {
        Some(id) => record(call.app, id).await?,
        None => None,
    };
    found.ok_or_else(|| not_found(id))
}

/// The pool with this id, for an administrator: it must be in the region that the request was signed for.
pub async fn find_for_admin(call: &Call<'_>, id: &str) -> Result<Arc<Pool>, Error> {
    let pool = find(call, id).await?;
    if call.region.as_ref() == Some(&pool.id.region) {
        Ok(pool)
    } else {
        Err(not_found(id))
    }
}

/// Up to `limit` pools with ids after `after`, ordered by id, in the region that the request was signed for.
pub async fn list(
    call: &Call<'_>,
    after: Option<Uuid>,
    limit: usize,
) -> Result<Vec<Arc<Pool>>, Error> {
    let region = call.signed_region();
    Ok(call.app.store.list_pools(region, after, limit).await?)
}

/// Adds a pool, unless its region has as many pools as the configuration allows.
pub async fn add(call: &Call<'_>, pool: Pool) -> Result<(), Error> {
    let limit = call.app.config.limits.pools_per_region;
    match call.app.store.add_pool(pool, limit).await? {
        PoolAdded::Added => Ok(()),
        PoolAdded::LimitReached => {
            Err(Code::LimitExceeded
                .because("The maximum number of identity pools has been reached."))
        }
    }
}

/// Adds a pool that the server itself needs, unless it exists. No limit applies.
pub async fn add_if_absent(app: &App, pool: Pool) -> Result<(), StoreError> {
    if record(app, &pool.id).await?.is_none() {
        app.store.add_pool(pool, usize::MAX).await?;
    }
    Ok(())
}

/// Replaces the previous version of a pool: `pool.version` is one higher than the version that was read.
pub async fn replace(call: &Call<'_>, pool: Pool) -> Result<(), Error> {
    let id = pool.id.to_string();
    match call.app.store.replace_pool(pool).await? {
        Replaced::Replaced => Ok(()),
        Replaced::Changed => Err(refusals::changed_meanwhile()),
        Replaced::Absent => Err(not_found(&id)),
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
        let mut pool = find_for_admin(call, id).await?.as_ref().clone();
        change(&mut pool)?;
        pool.version += 1;
        match call.app.store.replace_pool(pool.clone()).await? {
            Replaced::Replaced => return Ok(pool),
            Replaced::Changed => {}
            Replaced::Absent => return Err(not_found(id)),
        }
    }
}

/// Removes the pool with this id, for an administrator, with its roles and identities.
pub async fn remove(call: &Call<'_>, id: &str) -> Result<(), Error> {
    let pool = find_for_admin(call, id).await?;
    if call.app.store.remove_pool(pool.id.uuid).await? {
        Ok(())
    } else {
        Err(not_found(id))
    }
}

/// The refusal of an id that no pool has, with the id as the client wrote it.
pub fn not_found(id: &str) -> Error {
    Code::ResourceNotFound.because(format!("IdentityPool '{id}' not found."))
}
