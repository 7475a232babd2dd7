//! The rows of records, and the row of the store as a whole, which has their revision.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::{around_key, at_millisecond, by_key, corrupt, moment, uuid_of};
use crate::store::StoreError;
use crate::store::record::{Before, Changes, Record, RecordKind, RecordWrite, View};
use crate::store::sqlite::tables::{RECORD, REVISION, RowValues, columns};

/// The record under `key`, deleted or not.
pub(in crate::store::sqlite) fn record(
    db: &Connection,
    kind: RecordKind,
    key: &str,
) -> Result<Option<Record>, StoreError> {
    let statements = around_key!(record, "kind, key", "?1, ?2", "kind DESC, key DESC");
    RECORD.find(db, statements, &[&kind.as_str(), &key], read_record)
}

/// The version of a pool. It isn't verified where the pool is there: the plan compares it with that of the verified record
/// in the catalog, and the record is long.
pub(super) fn pool_version(db: &Connection, key: &str) -> Result<Option<u64>, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT version FROM record WHERE kind = 'pool' AND key = ?1 AND json IS NOT NULL",
        )?
        .query_row([key], |row| row.get(0))
        .optional()?;
    if found.is_none() {
        record(db, RecordKind::Pool, key)?;
    }
    Ok(found)
}

/// What the plan of record writes needs.
pub(in crate::store::sqlite) fn before(
    db: &Connection,
    writes: &[RecordWrite],
) -> Result<Vec<Before>, StoreError> {
    let before = writes.iter().map(|write| {
        let count = match write.limit {
            None => 0,
            Some(_) => db
                .prepare_cached(
                    "SELECT count(*) FROM record WHERE kind = ?1 AND scope = ?2 AND json IS NOT NULL",
                )?
                .query_row((write.kind.as_str(), &write.scope), |row| row.get(0))?,
        };
        let record = record(db, write.kind, &write.key)?;
        Ok(Before { record, count })
    });
    before.collect()
}

/// The one row of the store as a whole.
pub(in crate::store::sqlite) struct RevisionRow {
    pub(in crate::store::sqlite) generation: Uuid,
    pub(in crate::store::sqlite) revision: u64,
    pub(in crate::store::sqlite) swept: u64,
    /// When the generation began, in milliseconds since 1970; `None` in the first one.
    pub(in crate::store::sqlite) began_ms: Option<i64>,
}

/// The row of the store as a whole.
pub(in crate::store::sqlite) fn revision(db: &Connection) -> Result<RevisionRow, StoreError> {
    let read = |row: &RowValues<'_>| {
        Ok(RevisionRow {
            generation: uuid_of(row, 1)?,
            revision: row.get(2)?,
            swept: row.get(3)?,
            began_ms: row.get(4)?,
        })
    };
    let found = REVISION.find_only(db, by_key!(revision, "one = 1"), [], read)?;
    found.ok_or_else(|| corrupt("the row of the revision isn't there"))
}

/// When the generation of the store began; `None` in the first one.
pub(in crate::store::sqlite) fn began(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    revision(db)?.began_ms.map(at_millisecond).transpose()
}

/// The records that changed after `since`.
pub(in crate::store::sqlite) fn changes(
    db: &Connection,
    since: View,
) -> Result<Changes, StoreError> {
    let row = revision(db)?;
    let mut changes = Changes {
        view: View {
            generation: row.generation,
            revision: row.revision,
        },
        swept: row.swept,
        checksum: sum_of_revisions(db, "SELECT revision FROM record")?,
        records: Vec::new(),
    };
    if changes.view != since {
        let mut statement = db.prepare_cached(concat!(
            "SELECT ",
            columns!(record),
            " FROM record WHERE revision > ?1 ORDER BY revision, kind, key"
        ))?;
        let mut rows = statement.query([since.revision])?;
        while let Some(row) = rows.next()? {
            changes.records.push(read_record(&RECORD.verified(row)?)?);
        }
    }
    if since == View::default() {
        // The index leads to all records, or a part of either is lost.
        let all = sum_of_revisions(db, "SELECT revision FROM record NOT INDEXED")?;
        let loaded = changes.records.iter().map(|record| record.revision);
        let loaded = loaded.fold((0, 0), add_revision);
        if all != changes.checksum || all != loaded {
            return Err(corrupt("the records and their index differ"));
        }
    }
    Ok(changes)
}

fn read_record(row: &RowValues<'_>) -> Result<Record, StoreError> {
    Ok(Record {
        kind: row.get(0)?,
        key: row.get(1)?,
        scope: row.get(2)?,
        version: row.get(3)?,
        revision: row.get(4)?,
        json: row.get(5)?,
        written: moment(row, 6)?,
        request_id: uuid_of(row, 7)?,
    })
}

/// The number of the revisions that `statement` selects, and their sum.
fn sum_of_revisions(db: &Connection, statement: &str) -> Result<(u64, u64), StoreError> {
    let mut revisions = db.prepare_cached(statement)?;
    let mut rows = revisions.query([])?;
    let mut sum = (0, 0);
    while let Some(row) = rows.next()? {
        sum = add_revision(sum, row.get(0)?);
    }
    Ok(sum)
}

fn add_revision((count, sum): (u64, u64), revision: u64) -> (u64, u64) {
    (count + 1, sum.wrapping_add(revision))
}
