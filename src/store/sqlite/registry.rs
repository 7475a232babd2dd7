//! Records that are kept whole under a key of theirs: what their tables have in common.

use rusqlite::Connection;
use serde::Serialize;

use super::rows;
use crate::store::{Added, StoreError};

/// A table of records with their versions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registry {
    /// Its name.
    pub(super) table: &'static str,
    /// The column of the key.
    pub(super) key: &'static str,
}

impl Registry {
    /// Adds a record under `key` within the limit, unless there is one.
    pub(super) fn add(
        self,
        db: &Connection,
        key: &str,
        version: u64,
        record: &impl Serialize,
        limit: usize,
    ) -> Result<Added, StoreError> {
        let Self { table, key: column } = self;
        if self.has(db, key)? {
            return Ok(Added::Exists);
        }
        let all: usize = db
            .prepare_cached(&format!("SELECT count(*) FROM {table}"))?
            .query_row([], |row| row.get(0))?;
        if all >= limit {
            return Ok(Added::LimitReached);
        }
        db.prepare_cached(&format!(
            "INSERT INTO {table} ({column}, version, record) VALUES (?1, ?2, ?3)"
        ))?
        .execute((key, version, rows::to_json(record)))?;
        Ok(Added::Added)
    }

    /// Whether there is a record under `key`.
    pub(super) fn has(self, db: &Connection, key: &str) -> Result<bool, StoreError> {
        let Self { table, key: column } = self;
        let query = format!("SELECT 1 FROM {table} WHERE {column} = ?1");
        Ok(db.prepare_cached(&query)?.exists([key])?)
    }
}
