//! The checksum of a row, a CRC-32 of its table and all its values in its last column. It is verified when the row is read,
//! because SQLite has no checksums of pages and believes whatever the file says. It finds changed bits, and rows that were
//! exchanged; a row without one is of an earlier version, and gets it later.
//!
//! It doesn't find what makes rows unreachable in the tree of pages, except near the key that is looked for.

use std::fmt::{self, Write};

use aws_lc_rs::digest::{self, SHA256};
use crc32fast::Hasher;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

/// The checksum of a row of `table` with these values.
pub(super) fn sum(table: &str, values: &[ValueRef<'_>]) -> [u8; 4] {
    let mut fold = Fold::new(table);
    for value in values {
        fold.add(*value);
    }
    fold.finish()
}

/// The checksum of a row of `table` that is written with these values.
pub(super) fn sum_values(table: &str, values: &[&dyn ToSql]) -> rusqlite::Result<[u8; 4]> {
    let mut fold = Fold::new(table);
    for value in values {
        with_value(*value, |value| fold.add(value))?;
    }
    Ok(fold.finish())
}

/// Calls `use_it` with a value as SQLite gets it.
pub(super) fn with_value<T>(
    value: &dyn ToSql,
    use_it: impl FnOnce(ValueRef<'_>) -> T,
) -> rusqlite::Result<T> {
    match value.to_sql()? {
        ToSqlOutput::Borrowed(value) => Ok(use_it(value)),
        ToSqlOutput::Owned(value) => Ok(use_it(ValueRef::from(&value))),
        _ => unreachable!("no other kind of value is written"),
    }
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
    /// The row of `table` with the primary key `key`. The text has strings and numbers as they are, and hashes of bytes, because
    /// the id of a guest is a password.
    pub(super) fn new(table: &'static str, key: &[ValueRef<'_>]) -> Self {
        let mut text = String::new();
        for (at, value) in key.iter().enumerate() {
            if at > 0 {
                text.push(' ');
            }
            let written = match value {
                ValueRef::Null => write!(text, "NULL"),
                ValueRef::Integer(number) => write!(text, "{number}"),
                ValueRef::Real(number) => write!(text, "{number}"),
                ValueRef::Text(bytes) => write!(text, "{:.200?}", String::from_utf8_lossy(bytes)),
                ValueRef::Blob(bytes) => write!(text, "{}", KeyHash(bytes)),
            };
            written.expect("a string can be written");
        }
        Self { table, key: text }
    }

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
