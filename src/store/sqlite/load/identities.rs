//! The rows of identities, and those of their logins.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use uuid::Uuid;

use super::{around_key, corrupt, from_json, moment, uuid_of};
use crate::model::identity::{Identity, LoginKey, State};
use crate::store::StoreError;
use crate::store::identities::PoolRef;
use crate::store::sqlite::tables::{IDENTITY, LOGIN, RowValues, columns};

pub(in crate::store::sqlite) const LIVE: i64 = 1;
pub(in crate::store::sqlite) const MERGED: i64 = 2;

/// The identity with this id.
pub(in crate::store::sqlite) fn identity(
    db: &Connection,
    id: Uuid,
) -> Result<Option<Identity>, StoreError> {
    let statements = around_key!(identity, "id", "?1", "id DESC");
    IDENTITY.find(db, statements, &[id.as_bytes()], read_identity)
}

/// Up to `limit` identities of a pool with ids above `after`, in ascending order of their ids.
pub(in crate::store::sqlite) fn identities(
    db: &Connection,
    pool: PoolRef,
    after: Option<Uuid>,
    limit: usize,
    disabled: bool,
) -> Result<Vec<Identity>, StoreError> {
    // Every id is above the nil id, which no identity has.
    let after = after.unwrap_or(Uuid::nil());
    // From the index to the rows, where SQLite leaves out a row that isn't there.
    let mut statement = db.prepare_cached(concat!(
        "SELECT ",
        columns!(identity),
        " FROM (SELECT id AS listed FROM identity INDEXED BY identity_of_pool WHERE pool = ?1 AND id > ?2) \
         LEFT JOIN identity ON id = listed \
         WHERE id IS NULL OR (?3 OR state = 1) AND incarnation = ?5 ORDER BY listed LIMIT ?4"
    ))?;
    let (pool_id, incarnation) = (pool.id, pool.incarnation);
    let parameters = (
        pool_id.as_bytes(),
        after.as_bytes(),
        disabled,
        limit,
        incarnation,
    );
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get_ref(0)? == ValueRef::Null {
            return Err(corrupt("an identity in the index of its pool isn't there"));
        }
        let identity = read_identity(&IDENTITY.verified(row)?)?;
        if identity.pool != pool.id {
            return Err(corrupt("an identity is in the index of another pool"));
        }
        found.push(identity);
    }
    if found.len() < limit {
        let last = found.last().map_or(after, |identity| identity.id);
        verify_end(db, pool.id, last)?;
    }
    Ok(found)
}

/// Verifies that the entry of the index that ends the list of a pool, which has no identity after `last`, is as its identity
/// is. An entry of which the pool changed is still where it was.
fn verify_end(db: &Connection, pool: Uuid, last: Uuid) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT of, pool FROM (SELECT pool AS of, id AS listed FROM identity INDEXED BY identity_of_pool \
         WHERE (pool, id) > (?1, ?2)) LEFT JOIN identity ON id = listed ORDER BY of, listed",
    )?;
    let mut rows = statement.query((pool.as_bytes(), last.as_bytes()))?;
    while let Some(row) = rows.next()? {
        let (of, stored) = (row.get_ref(0)?, row.get_ref(1)?);
        if of != stored {
            return Err(corrupt("an identity isn't as the index of its pool has it"));
        }
        // Entries of other incarnations and states may come before.
        if of != ValueRef::Blob(pool.as_bytes()) {
            break;
        }
    }
    Ok(())
}

fn read_identity(row: &RowValues<'_>) -> Result<Identity, StoreError> {
    let state = match (row.get(3)?, row.get(7)?) {
        (LIVE, None) => State::Live,
        (MERGED, Some(survivor)) => State::MergedInto(Uuid::from_bytes(survivor)),
        _ => return Err(corrupt("an identity in an unknown state")),
    };
    Ok(Identity {
        id: uuid_of(row, 0)?,
        pool: uuid_of(row, 1)?,
        incarnation: row.get(2)?,
        state,
        authenticated: row.get(4)?,
        logins: from_json(row.text(8)?)?,
        epoch: row.get(5)?,
        version: row.get(6)?,
        created: moment(row, 9)?,
        modified: moment(row, 10)?,
        revoked: row.get(11)?,
        only_this_pool: row.get(12)?,
    })
}

/// The owner of a login; `None` for a login without one, and for a row of another incarnation.
pub(super) fn owner(
    db: &Connection,
    pool: PoolRef,
    key: &LoginKey,
) -> Result<Option<Uuid>, StoreError> {
    let statements = around_key!(
        login,
        "pool, login_key",
        "?1, ?2",
        "pool DESC, login_key DESC"
    );
    let read = |row: &RowValues<'_>| Ok((uuid_of(row, 2)?, row.get::<u64>(3)?));
    let found = LOGIN.find(db, statements, &[pool.id.as_bytes(), key], read)?;
    let owned = found.filter(|(owner, of)| *of == pool.incarnation && !owner.is_nil());
    Ok(owned.map(|(owner, _)| owner))
}
