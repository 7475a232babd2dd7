//! The checksum of a row, a CRC-32 of its table and all its values in its last column. It is verified when the row is read,
//! because SQLite has no checksums of pages and believes whatever the file says. It finds changed bits, and rows that were
//! exchanged; a row without one is of an earlier version, and gets it later.
//!
//! It doesn't find what makes rows unreachable in the tree of pages, except near the key that is looked for.

use std::fmt::{self, Write};

use aws_lc_rs::digest::{self, SHA256};
use crc32fast::Hasher;
use rusqlite::types::{FromSql, ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, Params, Row, params_from_iter};

use super::load::corrupt;

use crate::store::StoreError;

/// A table with checksums.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SummedTable {
    /// Its name.
    pub(super) name: &'static str,
    /// Its columns in the order in which they are summed, the primary key first; the checksum, `checksum`, follows them.
    pub(super) columns: &'static [&'static str],
    /// How many columns the primary key has.
    pub(super) key: usize,
}

/// The columns of a table for a statement, the checksum last.
macro_rules! columns {
    (record) => {
        "kind, key, scope, version, revision, json, written_ms, request_id, checksum"
    };
    (identity) => {
        "id, pool, incarnation, state, authed, epoch, version, merged_into, logins, created_ms, modified_ms, revoked, \
         only_this_pool, checksum"
    };
    (login) => {
        "pool, login_key, identity, incarnation, checksum"
    };
    (event) => {
        "position, at_ms, events, checksum"
    };
    (claim) => {
        "purpose, key, holder, until_ms, checksum"
    };
    (lease) => {
        "name, owner, until_ms, fence, checksum"
    };
    (revision) => {
        "one, generation, revision, swept, began_ms, checksum"
    };
}
pub(super) use columns;

pub(super) static RECORD: SummedTable = SummedTable {
    name: "record",
    columns: &[
        "kind",
        "key",
        "scope",
        "version",
        "revision",
        "json",
        "written_ms",
        "request_id",
    ],
    key: 2,
};

pub(super) static IDENTITY: SummedTable = SummedTable {
    name: "identity",
    columns: &[
        "id",
        "pool",
        "incarnation",
        "state",
        "authed",
        "epoch",
        "version",
        "merged_into",
        "logins",
        "created_ms",
        "modified_ms",
        "revoked",
        "only_this_pool",
    ],
    key: 1,
};

pub(super) static LOGIN: SummedTable = SummedTable {
    name: "login",
    columns: &["pool", "login_key", "identity", "incarnation"],
    key: 2,
};

pub(super) static EVENT: SummedTable = SummedTable {
    name: "event",
    columns: &["position", "at_ms", "events"],
    key: 1,
};

pub(super) static CLAIM: SummedTable = SummedTable {
    name: "claim",
    columns: &["purpose", "key", "holder", "until_ms"],
    key: 2,
};

pub(super) static LEASE: SummedTable = SummedTable {
    name: "lease",
    columns: &["name", "owner", "until_ms", "fence"],
    key: 1,
};

pub(super) static REVISION: SummedTable = SummedTable {
    name: "revision",
    columns: &["one", "generation", "revision", "swept", "began_ms"],
    key: 1,
};

/// Every table with checksums.
pub(super) static TABLES: [&SummedTable; 7] = [
    &RECORD, &IDENTITY, &LOGIN, &EVENT, &CLAIM, &LEASE, &REVISION,
];

impl SummedTable {
    /// The table with this name, of those that are copied between stores.
    pub(super) fn named(name: &str) -> &'static Self {
        let found = TABLES.into_iter().find(|table| table.name == name);
        found.expect("every table that is copied has checksums")
    }

    /// The columns for a statement, the checksum last.
    pub(super) fn select(&self) -> String {
        format!("{}, checksum", self.columns.join(", "))
    }

    /// Verifies a row with the columns of this table, the checksum last.
    pub(super) fn verify(&self, row: &Row<'_>) -> Result<(), StoreError> {
        match self.damage(row)? {
            None => Ok(()),
            Some(damaged) => Err(StoreError::Corrupt(Box::new(damaged))),
        }
    }

    /// The damage of a row with the columns of this table, the checksum last, if it has one.
    pub(super) fn damage(&self, row: &Row<'_>) -> rusqlite::Result<Option<DamagedRow>> {
        let stored = match row.get_ref(self.columns.len())? {
            ValueRef::Null => return Ok(None),
            stored => <[u8; 4]>::column_result(stored).ok(),
        };
        if stored == Some(self.sum(row)?) {
            return Ok(None);
        }
        Ok(Some(DamagedRow {
            table: self.name,
            key: self.key_of(row)?,
        }))
    }

    /// Whether a row with the columns of this table has a checksum.
    pub(super) fn has_checksum(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        Ok(row.get_ref(self.columns.len())? != ValueRef::Null)
    }

    /// The checksum of a row with the columns of this table.
    pub(super) fn sum(&self, row: &Row<'_>) -> rusqlite::Result<[u8; 4]> {
        let mut fold = Fold::new(self.name);
        for column in 0..self.columns.len() {
            fold.add(row.get_ref(column)?);
        }
        Ok(fold.finish())
    }

    /// The primary key of a row for the log: text and numbers as they are, and hashes of bytes, because the id of a guest is
    /// a password.
    pub(super) fn key_of(&self, row: &Row<'_>) -> rusqlite::Result<String> {
        let mut key = String::new();
        for column in 0..self.key {
            if column > 0 {
                key.push(' ');
            }
            let written = match row.get_ref(column)? {
                ValueRef::Null => write!(key, "NULL"),
                ValueRef::Integer(number) => write!(key, "{number}"),
                ValueRef::Real(number) => write!(key, "{number}"),
                ValueRef::Text(text) => {
                    write!(key, "{:.200?}", String::from_utf8_lossy(text))
                }
                ValueRef::Blob(bytes) => write!(key, "{}", KeyHash(bytes)),
            };
            written.expect("a string can be written");
        }
        Ok(key)
    }

    /// Runs a statement that writes a row: `?1` and the following are the values of the columns, then comes the checksum,
    /// and then what is in `further`. Returns how many rows were written.
    pub(super) fn write<const N: usize>(
        &self,
        db: &Connection,
        statement: &str,
        values: [&dyn ToSql; N],
        further: &[&dyn ToSql],
    ) -> rusqlite::Result<usize> {
        debug_assert_eq!(N, self.columns.len(), "the values are those of the columns");
        let checksum = sum_values(self.name, &values)?;
        let mut statement = db.prepare_cached(statement)?;
        for (at, value) in values.iter().enumerate() {
            statement.raw_bind_parameter(at + 1, value)?;
        }
        statement.raw_bind_parameter(N + 1, checksum)?;
        for (at, value) in further.iter().enumerate() {
            statement.raw_bind_parameter(N + 2 + at, value)?;
        }
        statement.raw_execute()
    }

    /// Verifies the rows that `statement` selects with the columns of this table: those before and after a key that wasn't
    /// found. A row of which the key changed is still where its key was, so it is one of them.
    pub(super) fn verify_neighbours(
        &self,
        db: &Connection,
        statement: &str,
        key: impl Params,
    ) -> Result<(), StoreError> {
        let mut statement = db.prepare_cached(statement)?;
        let mut rows = statement.query(key)?;
        while let Some(row) = rows.next()? {
            self.verify(row)?;
        }
        Ok(())
    }

    /// Verifies and deletes the rows that fulfil `which`, and returns how many there were.
    pub(super) fn delete(
        &self,
        db: &Connection,
        which: &str,
        of: impl Params,
    ) -> Result<usize, StoreError> {
        let (columns, name) = (self.select(), self.name);
        let mut select =
            db.prepare_cached(&format!("SELECT {columns} FROM {name} WHERE {which}"))?;
        // Deleting ends the index that is read.
        let mut keys = Vec::new();
        let mut rows = select.query(of)?;
        while let Some(row) = rows.next()? {
            self.verify(row)?;
            keys.push(self.key_values(row)?);
        }
        let mut delete =
            db.prepare_cached(&format!("DELETE FROM {name} WHERE {}", self.by_key()))?;
        for key in &keys {
            if delete.execute(params_from_iter(key))? != 1 {
                return Err(corrupt("a row can't be found by its key"));
            }
        }
        Ok(keys.len())
    }

    fn by_key(&self) -> String {
        let key = self.columns[..self.key].join(", ");
        let marks: Vec<String> = (1..=self.key).map(|at| format!("?{at}")).collect();
        format!("({key}) = ({})", marks.join(", "))
    }

    fn key_values(&self, row: &Row<'_>) -> rusqlite::Result<Vec<Value>> {
        (0..self.key).map(|column| row.get(column)).collect()
    }

    /// Gives up to `limit` rows their checksums, and returns how many had none.
    pub(super) fn fill(&self, db: &Connection, limit: usize) -> rusqlite::Result<usize> {
        let (name, columns) = (self.name, self.select());
        let mut select = db.prepare_cached(&format!(
            "SELECT {columns} FROM {name} WHERE checksum IS NULL LIMIT {limit}"
        ))?;
        // The update ends the index that is read.
        let mut found = Vec::new();
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let mut values = self.key_values(row)?;
            values.push(Value::Blob(self.sum(row)?.to_vec()));
            found.push(values);
        }
        let (by_key, last) = (self.by_key(), self.key + 1);
        let mut update = db.prepare_cached(&format!(
            "UPDATE {name} SET checksum = ?{last} WHERE {by_key}"
        ))?;
        for values in &found {
            update.execute(params_from_iter(values))?;
        }
        Ok(found.len())
    }
}

/// Gives up to `limit` rows of earlier versions their checksums, and returns how many had none.
pub(super) fn fill(db: &Connection, limit: usize) -> Result<usize, StoreError> {
    // The rows of the other tables are written anew, or deleted, within days.
    for table in [&RECORD, &IDENTITY, &LOGIN] {
        let filled = table.fill(db, limit)?;
        if filled > 0 {
            return Ok(filled);
        }
    }
    Ok(0)
}

/// Reads the row that `statement` selects with the columns of `table`, and verifies it.
pub(super) fn query<T>(
    table: &SummedTable,
    db: &Connection,
    statement: &str,
    key: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let found = db
        .prepare_cached(statement)?
        .query_row(key, |row| Ok(table.verify(row).and_then(|()| read(row))))
        .optional()?;
    found.transpose()
}

/// The checksum of a row of `table` with these values.
pub(super) fn sum_values(table: &str, values: &[&dyn ToSql]) -> rusqlite::Result<[u8; 4]> {
    let mut fold = Fold::new(table);
    for value in values {
        match value.to_sql()? {
            ToSqlOutput::Borrowed(value) => fold.add(value),
            ToSqlOutput::Owned(value) => fold.add(ValueRef::from(&value)),
            _ => unreachable!("no other kind of value is written"),
        }
    }
    Ok(fold.finish())
}

/// A row that isn't as it was written.
#[derive(Debug, thiserror::Error)]
#[error(
    "the row {key} of the table {table} is damaged: stop the server, run `cognate check`, and restore a backup"
)]
pub(super) struct DamagedRow {
    table: &'static str,
    key: String,
}

impl DamagedRow {
    /// The damage as a line of a list.
    pub(super) fn fault(&self) -> String {
        let Self { table, key } = self;
        format!("the row {key} of the table {table} isn't as it was written")
    }
}

/// The first half of the SHA-256 of a key.
struct KeyHash<'a>(&'a [u8]);

impl fmt::Display for KeyHash<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = digest::digest(&SHA256, self.0);
        let mut half = hash.as_ref()[..8].iter();
        half.try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// Folds values into a checksum. Short values are gathered first, because a call of the hash costs more than they do.
struct Fold {
    hasher: Hasher,
    gathered: [u8; 256],
    length: usize,
}

impl Fold {
    fn new(table: &str) -> Self {
        let mut fold = Self {
            hasher: Hasher::new(),
            gathered: [0; 256],
            length: 0,
        };
        fold.push(table.as_bytes());
        fold
    }

    /// Adds a value, with its type and length, so that no other values give the same bytes.
    fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.push(&[0]),
            ValueRef::Integer(number) => self.number(1, number.to_le_bytes()),
            ValueRef::Real(number) => self.number(2, number.to_le_bytes()),
            ValueRef::Text(bytes) => self.bytes(3, bytes),
            ValueRef::Blob(bytes) => self.bytes(4, bytes),
        }
    }

    fn number(&mut self, tag: u8, number: [u8; 8]) {
        let mut bytes = [tag; 9];
        bytes[1..].copy_from_slice(&number);
        self.push(&bytes);
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.number(tag, (bytes.len() as u64).to_le_bytes());
        self.push(bytes);
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.length + bytes.len() > self.gathered.len() {
            self.hasher.update(&self.gathered[..self.length]);
            self.length = 0;
        }
        if bytes.len() > self.gathered.len() {
            self.hasher.update(bytes);
            return;
        }
        let end = self.length + bytes.len();
        self.gathered[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }

    fn finish(mut self) -> [u8; 4] {
        self.hasher.update(&self.gathered[..self.length]);
        self.hasher.finalize().to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::copy;

    #[test]
    fn the_columns_are_those_of_the_schema() {
        let lists = [
            columns!(record),
            columns!(identity),
            columns!(login),
            columns!(event),
            columns!(claim),
            columns!(lease),
            columns!(revision),
        ];
        let mut db = Connection::open_in_memory().unwrap();
        crate::store::sqlite::migrate::migrate(
            &mut db,
            0,
            crate::store::sqlite::migrate::MIGRATIONS,
        )
        .unwrap();
        for (table, list) in TABLES.into_iter().zip(lists) {
            assert_eq!(table.select(), list);
            let statement = format!("SELECT name FROM pragma_table_info('{}')", table.name);
            let mut statement = db.prepare(&statement).unwrap();
            let stored = statement
                .query_map([], |row| row.get::<_, String>(0))
                .unwrap();
            let mut stored: Vec<String> = stored.map(Result::unwrap).collect();
            let mut summed: Vec<&str> = list.split(", ").collect();
            stored.sort();
            summed.sort_unstable();
            assert_eq!(summed, stored, "every column of {} is summed", table.name);
        }
    }

    #[test]
    fn a_copy_has_the_columns_in_the_same_order() {
        for copied in &copy::TABLES {
            let names: Vec<&str> = copied.columns.iter().map(|(name, _)| *name).collect();
            let table = SummedTable::named(copied.name);
            assert_eq!((table.columns, table.key), (&names[..], copied.key));
        }
    }

    #[test]
    fn every_change_of_a_bit_changes_the_checksum() {
        let mut text = b"abcdefghijklmnopqrstuvwxyz".repeat(27);
        let sum = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            sum_values("a", &[&1, &text, &None::<i64>]).unwrap()
        };
        let original = sum(&text);
        for at in 0..text.len() {
            for bit in 0..7 {
                text[at] ^= 1 << bit;
                assert_ne!(sum(&text), original);
                text[at] ^= 1 << bit;
            }
        }
        assert_eq!(sum(&text), original);
    }

    #[test]
    fn values_that_are_divided_or_typed_in_another_way_have_another_checksum() {
        let sums = [
            sum_values("a", &[&"ab", &"c"]),
            sum_values("a", &[&"a", &"bc"]),
            sum_values("a", &[&b"ab".as_slice(), &"c"]),
            sum_values("a", &[&"abc"]),
            sum_values("a", &[&0, &None::<i64>]),
            sum_values("a", &[&None::<i64>, &0]),
            sum_values("b", &[&"ab", &"c"]),
        ];
        let mut sums = sums.map(Result::unwrap).to_vec();
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), 7);
    }
}
