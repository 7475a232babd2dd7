//! Deletes what removed pools leave behind, a page at a time, so that nobody waits long for the writer.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use uuid::Uuid;

use super::rows;

/// How many rows one transaction deletes at most.
const PAGE: usize = 500;

/// Deletes a page of what removed pools left. `false` when nothing is left.
pub(super) fn page(db: &mut Connection) -> rusqlite::Result<bool> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let pool = transaction
        .prepare_cached("SELECT id FROM removed_pool LIMIT 1")?
        .query_row([], |row| rows::uuid(row, 0))
        .optional()?;
    let Some(pool) = pool else {
        return Ok(false);
    };
    some(&transaction, pool, PAGE)?;
    transaction.commit()?;
    Ok(true)
}

/// Deletes all that the removed pool `pool` left, if it is one.
pub(super) fn at_once(db: &Connection, pool: Uuid) -> rusqlite::Result<()> {
    let removed = db
        .prepare_cached("SELECT 1 FROM removed_pool WHERE id = ?1")?
        .exists([pool.as_bytes()])?;
    if removed {
        some(db, pool, usize::MAX / 2)?;
    }
    Ok(())
}

/// Deletes up to `limit` rows of the logins and identities of `pool`, and the note of its removal when none is left.
fn some(db: &Connection, pool: Uuid, limit: usize) -> rusqlite::Result<()> {
    let logins = db
        .prepare_cached(
            "DELETE FROM login WHERE pool = ?1 AND login_key IN \
             (SELECT login_key FROM login WHERE pool = ?1 LIMIT ?2)",
        )?
        .execute((pool.as_bytes(), limit))?;
    let identities = db
        .prepare_cached(
            "DELETE FROM identity WHERE id IN (SELECT id FROM identity WHERE pool = ?1 LIMIT ?2)",
        )?
        .execute((pool.as_bytes(), limit - logins))?;
    if logins + identities < limit {
        db.prepare_cached("DELETE FROM removed_pool WHERE id = ?1")?
            .execute([pool.as_bytes()])?;
    }
    Ok(())
}
