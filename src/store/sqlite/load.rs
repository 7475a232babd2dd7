//! Rows become values. A row that can't be read is [`StoreError::Corrupt`], never a guess.

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::tables::{CLAIM, EVENT, IDENTITY, LEASE, LOGIN, RECORD, REVISION, RowValues, columns};
use crate::model::identity::{Identity, LoginKey, State};
use crate::model::json;
use crate::store::StoreError;
use crate::store::event::{Event, EventPage};
use crate::store::identities::{Loaded, Need, PoolRef};
use crate::store::lease::Lease;
use crate::store::once::{Claim, Claimed};
use crate::store::record::{Before, Changes, Record, RecordKind, RecordWrite, View};

pub(super) const LIVE: i64 = 1;
pub(super) const MERGED: i64 = 2;

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

/// The version of a pool. It isn't verified where the pool is there: the plan compares it with that of the verified record
/// in the catalog, and the record is long.
fn pool_version(db: &Connection, key: &str) -> Result<Option<u64>, StoreError> {
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

/// The identity with this id.
pub(super) fn identity(db: &Connection, id: Uuid) -> Result<Option<Identity>, StoreError> {
    let statements = around_key!(identity, "id", "?1", "id DESC");
    IDENTITY.find(db, statements, &[id.as_bytes()], read_identity)
}

/// Up to `limit` identities of a pool with ids above `after`, in ascending order of their ids.
pub(super) fn identities(
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
fn owner(db: &Connection, pool: PoolRef, key: &LoginKey) -> Result<Option<Uuid>, StoreError> {
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

/// The record under `key`, deleted or not.
pub(super) fn record(
    db: &Connection,
    kind: RecordKind,
    key: &str,
) -> Result<Option<Record>, StoreError> {
    let statements = around_key!(record, "kind, key", "?1, ?2", "kind DESC, key DESC");
    RECORD.find(db, statements, &[&kind.as_str(), &key], read_record)
}

/// What the plan of record writes needs.
pub(super) fn before(db: &Connection, writes: &[RecordWrite]) -> Result<Vec<Before>, StoreError> {
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
pub(super) struct RevisionRow {
    pub(super) generation: Uuid,
    pub(super) revision: u64,
    pub(super) swept: u64,
    /// When the generation began, in milliseconds since 1970; `None` in the first one.
    pub(super) began_ms: Option<i64>,
}

/// The row of the store as a whole.
pub(super) fn revision(db: &Connection) -> Result<RevisionRow, StoreError> {
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

/// The records that changed after `since`.
pub(super) fn changes(db: &Connection, since: View) -> Result<Changes, StoreError> {
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

/// When the generation of the store began; `None` in the first one.
pub(super) fn began(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    revision(db)?.began_ms.map(at_millisecond).transpose()
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
