//! The tables with checksums: their columns, and how their rows are read, verified, written and deleted.

use rusqlite::types::{FromSql, ToSql, Value, ValueRef};
use rusqlite::{Connection, Params, Row, params_from_iter};

use super::checksum::{DamagedRow, sum, sum_values, with_value};
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

/// The values of a row in the order of its table's columns, the checksum last. Each is read from SQLite once.
pub(super) struct RowValues<'r> {
    values: [ValueRef<'r>; LARGEST],
    /// How many there are.
    count: usize,
}

/// How many columns the largest table has, the checksum included.
const LARGEST: usize = 14;

impl<'r> RowValues<'r> {
    /// The values of a row with the columns of `table`, the checksum last. The row may be damaged.
    pub(super) fn of(table: &SummedTable, row: &'r Row<'_>) -> rusqlite::Result<Self> {
        let count = table.columns.len() + 1;
        let mut values = [ValueRef::Null; LARGEST];
        for (column, value) in values[..count].iter_mut().enumerate() {
            *value = row.get_ref(column)?;
        }
        Ok(Self { values, count })
    }

    /// The value of a column. An error for a value of another type.
    pub(super) fn get<T: FromSql>(&self, column: usize) -> Result<T, StoreError> {
        Ok(T::column_result(self.values[column]).map_err(rusqlite::Error::from)?)
    }

    /// The string of a column.
    pub(super) fn text(&self, column: usize) -> Result<&'r str, StoreError> {
        Ok(self.values[column]
            .as_str()
            .map_err(rusqlite::Error::from)?)
    }

    /// Whether the row has a checksum.
    pub(super) fn has_checksum(&self) -> bool {
        self.checksum() != ValueRef::Null
    }

    fn has_key(&self, key: &[&dyn ToSql]) -> rusqlite::Result<bool> {
        for (value, wanted) in self.values.iter().zip(key) {
            if !with_value(*wanted, |wanted| *value == wanted)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn key(&self, table: &SummedTable) -> rusqlite::Result<Vec<Value>> {
        let key = self.values[..table.key].iter();
        key.map(|value| Ok(Value::column_result(*value)?)).collect()
    }

    fn without_checksum(&self) -> &[ValueRef<'r>] {
        &self.values[..self.count - 1]
    }

    fn checksum(&self) -> ValueRef<'r> {
        self.values[self.count - 1]
    }
}

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

    /// The values of a row with the columns of this table, the checksum last. A row that isn't as it was written is an error.
    pub(super) fn verified<'r>(&self, row: &'r Row<'_>) -> Result<RowValues<'r>, StoreError> {
        let values = RowValues::of(self, row)?;
        match self.damage(&values) {
            None => Ok(values),
            Some(damaged) => Err(StoreError::Corrupt(Box::new(damaged))),
        }
    }

    /// The damage of a row of this table, if it has one. A row without a checksum can't be verified.
    pub(super) fn damage(&self, values: &RowValues<'_>) -> Option<DamagedRow> {
        let stored = match values.checksum() {
            ValueRef::Null => return None,
            ValueRef::Blob(stored) => stored,
            _ => &[],
        };
        if stored == sum(self.name, values.without_checksum()) {
            return None;
        }
        Some(DamagedRow::new(self.name, &values.values[..self.key]))
    }

    /// Finds the row of a key and verifies it. `at_or_after` selects the first row from `key` on, and `before` the last row in
    /// front of it. A damaged key is still where it was, so where the key isn't found, the two rows next to it are verified.
    pub(super) fn find<T>(
        &self,
        db: &Connection,
        [at_or_after, before]: [&str; 2],
        key: &[&dyn ToSql],
        read: impl FnOnce(&RowValues<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = db.prepare_cached(at_or_after)?;
        if let Some(row) = statement.query(key)?.next()? {
            let values = self.verified(row)?;
            if values.has_key(key)? {
                return read(&values).map(Some);
            }
        }
        let mut statement = db.prepare_cached(before)?;
        if let Some(row) = statement.query(key)?.next()? {
            self.verified(row)?;
        }
        Ok(None)
    }

    /// The row that `statement` selects by its key, verified. Rows next to it aren't looked at.
    pub(super) fn find_only<T>(
        &self,
        db: &Connection,
        statement: &str,
        key: impl Params,
        read: impl FnOnce(&RowValues<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = db.prepare_cached(statement)?;
        match statement.query(key)?.next()? {
            None => Ok(None),
            Some(row) => read(&self.verified(row)?).map(Some),
        }
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
            keys.push(self.verified(row)?.key(self)?);
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
            let values = RowValues::of(self, row)?;
            let mut written = values.key(self)?;
            written.push(Value::Blob(
                sum(self.name, values.without_checksum()).to_vec(),
            ));
            found.push(written);
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
}
