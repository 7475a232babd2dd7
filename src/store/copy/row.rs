//! The tables that are copied, and their rows in the form that both stores share.

use aws_lc_rs::digest::{self, SHA256};
use uuid::Uuid;

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A column of whole numbers.
    Integer,
    /// A column of truth values.
    Boolean,
    /// A column of text.
    Text,
    /// A column of bytes.
    Bytes,
    /// A column of UUIDs.
    Uuid,
}

/// A table that is copied.
#[derive(Debug)]
pub struct CopiedTable {
    /// Its name in both stores.
    pub name: &'static str,
    /// How many of its first columns are its primary key, the order in which rows are copied.
    pub key: usize,
    /// Its columns with their types.
    pub columns: &'static [(&'static str, ColumnType)],
}

use ColumnType::{Boolean, Bytes, Integer, Text};

/// The tables, in the order in which they are copied. Leases and heartbeats belong to servers and are not copied.
pub const TABLES: [CopiedTable; 5] = [
    CopiedTable {
        name: "record",
        key: 2,
        columns: &[
            ("kind", Text),
            ("key", Text),
            ("scope", Text),
            ("version", Integer),
            ("revision", Integer),
            ("json", Text),
            ("written_ms", Integer),
            ("request_id", ColumnType::Uuid),
        ],
    },
    CopiedTable {
        name: "identity",
        key: 1,
        columns: &[
            ("id", ColumnType::Uuid),
            ("pool", ColumnType::Uuid),
            ("incarnation", Integer),
            ("state", Integer),
            ("authed", Boolean),
            ("epoch", Integer),
            ("version", Integer),
            ("merged_into", ColumnType::Uuid),
            ("logins", Text),
            ("created_ms", Integer),
            ("modified_ms", Integer),
            ("revoked", Boolean),
            ("only_this_pool", Boolean),
        ],
    },
    CopiedTable {
        name: "login",
        key: 2,
        columns: &[
            ("pool", ColumnType::Uuid),
            ("login_key", Bytes),
            ("identity", ColumnType::Uuid),
            ("incarnation", Integer),
        ],
    },
    CopiedTable {
        name: "event",
        key: 1,
        columns: &[("position", Integer), ("at_ms", Integer), ("events", Text)],
    },
    CopiedTable {
        name: "claim",
        key: 2,
        columns: &[
            ("purpose", Text),
            ("key", Bytes),
            ("holder", Text),
            ("until_ms", Integer),
        ],
    },
];

impl CopiedTable {
    /// The names of the columns, for a statement.
    pub fn column_names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The columns of the primary key.
    pub fn key_columns(&self) -> &'static [(&'static str, ColumnType)] {
        &self.columns[..self.key]
    }
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// The column has no value in this row.
    Null,
    /// The value is a whole number.
    Integer(i64),
    /// The value is true or false.
    Boolean(bool),
    /// The value is text.
    Text(String),
    /// The value is a string of bytes.
    Bytes(Vec<u8>),
    /// The value is a UUID.
    Uuid(Uuid),
}

/// A row: a cell for each column of its table.
pub type Cells = Vec<Cell>;

/// The number of rows of a table, and the SHA-256 of them in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSum {
    /// How many rows there are.
    pub rows: u64,
    /// The SHA-256 of the cells, each with its type and length.
    pub sha256: [u8; 32],
}

/// Computes a [`TableSum`].
pub(super) struct RowHasher {
    rows: u64,
    context: digest::Context,
}

impl RowHasher {
    pub(super) fn new() -> Self {
        let context = digest::Context::new(&SHA256);
        Self { rows: 0, context }
    }

    pub(super) fn add(&mut self, row: &[Cell]) {
        self.rows += 1;
        for cell in row {
            match cell {
                Cell::Null => self.field(0, &[]),
                Cell::Integer(number) => self.field(1, &number.to_be_bytes()),
                Cell::Boolean(value) => self.field(2, &[u8::from(*value)]),
                Cell::Text(text) => self.field(3, text.as_bytes()),
                Cell::Bytes(bytes) => self.field(4, bytes),
                Cell::Uuid(uuid) => self.field(5, uuid.as_bytes()),
            }
        }
    }

    fn field(&mut self, tag: u8, bytes: &[u8]) {
        self.context.update(&[tag]);
        self.context.update(&(bytes.len() as u64).to_be_bytes());
        self.context.update(bytes);
    }

    pub(super) fn finish(self) -> TableSum {
        let digest = self.context.finish();
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest.as_ref());
        let rows = self.rows;
        TableSum { rows, sha256 }
    }
}
