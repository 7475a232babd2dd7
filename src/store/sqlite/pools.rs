//! What is meant with pools, said in SQL. Each function runs in a savepoint of the writer.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::memory::Change;
use super::{purge, rows};
use crate::model::identity::Identity;
use crate::model::pool::Pool;
use crate::store::{GuestAdded, PoolAdded, Replaced, StoreError};

/// Adds a pool that isn't there, within its region's limit.
pub(super) fn add(
    db: &Connection,
    changes: &mut Vec<Change>,
    pool: Pool,
    limit: usize,
) -> Result<PoolAdded, StoreError> {
    if is_there(db, pool.id.uuid)? {
        return Ok(PoolAdded::Added);
    }
    let pools: usize = db
        .prepare_cached("SELECT count(*) FROM identity_pool WHERE region = ?1")?
        .query_row([pool.id.region.as_str()], |row| row.get(0))?;
    if pools >= limit {
        return Ok(PoolAdded::LimitReached);
    }
    // Were this the id of a removed pool, what is left of that one would come back to life.
    purge::at_once(db, pool.id.uuid)?;
    db.prepare_cached(
        "INSERT INTO identity_pool (id, region, version, record) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((
        pool.id.uuid.as_bytes(),
        pool.id.region.as_str(),
        pool.version,
        rows::to_json(&pool),
    ))?;
    changes.push(Change::Pool(Arc::new(pool)));
    Ok(PoolAdded::Added)
}

/// Whether a pool is there.
pub(super) fn is_there(db: &Connection, id: Uuid) -> Result<bool, StoreError> {
    let exists = db
        .prepare_cached("SELECT 1 FROM identity_pool WHERE id = ?1")?
        .exists([id.as_bytes()])?;
    Ok(exists)
}

/// Replaces a pool's record if it is the next version.
pub(super) fn replace(
    db: &Connection,
    changes: &mut Vec<Change>,
    pool: Pool,
) -> Result<Replaced, StoreError> {
    let record = rows::to_json(&pool);
    let id = pool.id.uuid;
    let replaced = db
        .prepare_cached(
            "UPDATE identity_pool SET version = ?2, record = ?3 WHERE id = ?1 AND version = ?2 - 1",
        )?
        .execute((id.as_bytes(), pool.version, &record))?;
    if replaced == 1 {
        changes.push(Change::Pool(Arc::new(pool)));
        return Ok(Replaced::Replaced);
    }
    let found: Option<String> = db
        .prepare_cached("SELECT record FROM identity_pool WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    Ok(rows::not_replaced(found.as_ref(), &record))
}

/// Removes a pool and notes that its identities are to be purged.
pub(super) fn remove(
    db: &Connection,
    changes: &mut Vec<Change>,
    id: Uuid,
) -> Result<bool, StoreError> {
    let removed = db
        .prepare_cached("DELETE FROM identity_pool WHERE id = ?1")?
        .execute([id.as_bytes()])?;
    if removed == 0 {
        return Ok(false);
    }
    db.prepare_cached("INSERT INTO removed_pool (id) VALUES (?1)")?
        .execute([id.as_bytes()])?;
    changes.push(Change::NoPool(id));
    Ok(true)
}

/// Adds a guest to its pool.
pub(super) fn add_guest(db: &Connection, mut guest: Identity) -> Result<GuestAdded, StoreError> {
    if !is_there(db, guest.pool)? {
        return Ok(GuestAdded::NoPool);
    }
    guest.created = rows::whole_milliseconds(guest.created);
    guest.modified = rows::whole_milliseconds(guest.modified);
    if rows::add_identity(db, &guest)? {
        return Ok(GuestAdded::Added);
    }
    match rows::identity(db, guest.id)? {
        Some(before) if before.pool == guest.pool => Ok(GuestAdded::Added),
        _ => Err(rows::taken()),
    }
}
