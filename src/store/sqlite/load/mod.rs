//! Rows become values. A row that can't be read is [`StoreError::Corrupt`], never a guess.

mod identities;
mod records;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use self::identities::owner;
pub(super) use self::identities::{LIVE, MERGED, identities, identity};
use self::records::pool_version;
pub(super) use self::records::{RevisionRow, before, began, changes, record, revision};
use super::tables::{CLAIM, EVENT, LEASE, RowValues, columns};
use crate::model::json;
use crate::store::StoreError;
use crate::store::event::{Event, EventPage};
use crate::store::identities::{Loaded, Need};
use crate::store::lease::Lease;
use crate::store::once::{Claim, Claimed};

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as Sql;
        let corrupt = match &error {
            Sql::FromSqlConversionFailure(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::InvalidColumnType(..) => true,
            // Plans leave no conflict to a constraint: a constraint that fails has met rows that contradict each other.
            other => matches!(
                other.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseCorrupt
                        | ErrorCode::NotADatabase
                        | ErrorCode::ConstraintViolation
                )
            ),
        };
        if corrupt {
            Self::Corrupt(Box::new(error))
        } else {
            Self::Unavailable(Box::new(error))
        }
    }
}

/// `StoreError::Corrupt` with a reason that names no record: it goes to the log.
pub(super) fn corrupt(reason: &'static str) -> StoreError {
    StoreError::Corrupt(reason.into())
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    json::read_own(text.as_bytes()).map_err(|error| StoreError::Corrupt(Box::new(error)))
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    row.get(column).map(Uuid::from_bytes)
}

fn uuid_of(row: &RowValues<'_>, column: usize) -> Result<Uuid, StoreError> {
    row.get(column).map(Uuid::from_bytes)
}

fn moment(row: &RowValues<'_>, column: usize) -> Result<Timestamp, StoreError> {
    at_millisecond(row.get(column)?)
}

/// The time this many milliseconds after 1970 began.
pub(super) fn at_millisecond(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| StoreError::Corrupt(Box::new(error)))
}

/// Loads a row that a plan needs.
pub(super) fn need(db: &Connection, need: Need, loaded: &mut Loaded) -> Result<(), StoreError> {
    match need {
        Need::Pool(id) => loaded.add_pool(id, pool_version(db, uuid_text(id).as_ref())?),
        Need::Identity(id) | Need::NewIdentity(id) => loaded.add_identity(id, identity(db, id)?),
        Need::Login(pool, key) => loaded.add_login(pool, key, owner(db, pool, &key)?),
    }
    Ok(())
}

fn uuid_text(id: Uuid) -> impl AsRef<str> {
    struct Text([u8; 36]);
    impl AsRef<str> for Text {
        fn as_ref(&self) -> &str {
            std::str::from_utf8(&self.0).expect("a UUID is written in ASCII")
        }
    }
    let mut text = Text([0; 36]);
    id.as_hyphenated().encode_lower(&mut text.0);
    text
}

/// The statement that selects a row of a table by its key.
macro_rules! by_key {
    ($table:ident, $key:literal) => {
        concat!(
            "SELECT ",
            columns!($table),
            " FROM ",
            stringify!($table),
            " WHERE ",
            $key
        )
    };
}
use by_key;

/// The statements that select the first row of a table from a key on, and the last row in front of it.
macro_rules! around_key {
    ($table:ident, $key:literal, $marks:literal, $descending:literal) => {
        [
            concat!(
                "SELECT ",
                columns!($table),
                " FROM ",
                stringify!($table),
                " WHERE (",
                $key,
                ") >= (",
                $marks,
                ") ORDER BY ",
                $key,
                " LIMIT 1"
            ),
            concat!(
                "SELECT ",
                columns!($table),
                " FROM ",
                stringify!($table),
                " WHERE (",
                $key,
                ") < (",
                $marks,
                ") ORDER BY ",
                $descending,
                " LIMIT 1"
            ),
        ]
    };
}
use around_key;

/// Up to `limit` transactions' events behind `after`.
pub(super) fn events(db: &Connection, after: u64, limit: usize) -> Result<EventPage, StoreError> {
    // AUTOINCREMENT never gives a position twice, so a gap at the start is a deletion.
    let oldest: Option<u64> = db
        .prepare_cached("SELECT min(position) FROM event")?
        .query_row([], |row| row.get(0))?;
    let newest: Option<u64> = db
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'event'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let first_kept = oldest.unwrap_or(newest.unwrap_or(0) + 1);
    let mut statement = db.prepare_cached(concat!(
        "SELECT ",
        columns!(event),
        " FROM event WHERE position > ?1 ORDER BY position LIMIT ?2"
    ))?;
    let mut rows = statement.query((after, limit))?;
    let mut transactions = Vec::new();
    while let Some(row) = rows.next()? {
        let row = EVENT.verified(row)?;
        transactions.push((row.get(0)?, from_json::<Vec<Event>>(row.text(2)?)?));
    }
    Ok(EventPage {
        transactions,
        lost: after + 1 < first_kept,
    })
}

/// The claim on the same proof, if there is one.
pub(super) fn claimed(db: &Connection, claim: &Claim) -> Result<Option<Claimed>, StoreError> {
    let statements = around_key!(claim, "purpose, key", "?1, ?2", "purpose DESC, key DESC");
    let read = |row: &RowValues<'_>| {
        Ok(Claimed {
            holder: row.get(2)?,
            until: moment(row, 3)?,
        })
    };
    CLAIM.find(db, statements, &[&claim.purpose, &claim.key], read)
}

/// The lease with this name, if there is one.
pub(super) fn lease(db: &Connection, name: &str) -> Result<Option<Lease>, StoreError> {
    let read = |row: &RowValues<'_>| {
        Ok(Lease {
            owner: uuid_of(row, 1)?,
            until: moment(row, 2)?,
            fence: row.get(3)?,
        })
    };
    LEASE.find_only(db, by_key!(lease, "name = ?1"), [name], read)
}

/// Whether the tables can be read.
pub(super) fn check(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached("SELECT revision FROM revision")?
        .query_row([], |_| Ok(()))?;
    Ok(())
}
