//! What is meant with roles, said in SQL. Each function runs in a savepoint of the writer.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::memory::Change;
use super::registry::Registry;
use super::rows;
use crate::model::iam_role::Role;
use crate::store::{Added, Replaced, StoreError};

const REGISTRY: Registry = Registry {
    table: "iam_role",
    key: "name_key",
};

/// Adds a role within the limit, unless its name is there.
pub(super) fn add(
    db: &Connection,
    changes: &mut Vec<Change>,
    role: Role,
    limit: usize,
) -> Result<Added, StoreError> {
    let added = REGISTRY.add(db, &role.key(), role.version, &role, limit)?;
    if added == Added::Added {
        changes.push(Change::Role(Arc::new(role)));
    }
    Ok(added)
}

/// Replaces a role's record if it is the next version of the same role.
pub(super) fn replace(
    db: &Connection,
    changes: &mut Vec<Change>,
    role: Role,
) -> Result<Replaced, StoreError> {
    let record = rows::to_json(&role);
    let found: Option<String> = db
        .prepare_cached("SELECT record FROM iam_role WHERE name_key = ?1")?
        .query_row([role.key()], |row| row.get(0))
        .optional()?;
    let before = found.as_deref().map(rows::from_json::<Role>).transpose()?;
    // One that was made anew under the same name is another role.
    let before = before.filter(|before| before.id == role.id);
    if before.is_none_or(|before| before.version + 1 != role.version) {
        return Ok(rows::not_replaced(found.as_ref(), &record));
    }
    db.prepare_cached("UPDATE iam_role SET version = ?2, record = ?3 WHERE name_key = ?1")?
        .execute((role.key(), role.version, &record))?;
    changes.push(Change::Role(Arc::new(role)));
    Ok(Replaced::Replaced)
}

/// Removes the role of this name if it is the one with this version.
pub(super) fn remove(
    db: &Connection,
    changes: &mut Vec<Change>,
    key: String,
    version: u64,
) -> Result<Replaced, StoreError> {
    let removed = db
        .prepare_cached("DELETE FROM iam_role WHERE name_key = ?1 AND version = ?2")?
        .execute((&key, version))?;
    if removed == 1 {
        changes.push(Change::NoRole(key));
        return Ok(Replaced::Replaced);
    }
    Ok(if REGISTRY.has(db, &key)? {
        Replaced::Changed
    } else {
        Replaced::Absent
    })
}
