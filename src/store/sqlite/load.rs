//! Rows become values. A row that can't be read is [`StoreError::Corrupt`], never a guess.

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

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
    json::read_as(text.as_bytes()).map_err(|error| StoreError::Corrupt(Box::new(error)))
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    row.get(column).map(Uuid::from_bytes)
}

fn moment(row: &Row<'_>, column: usize) -> Result<Timestamp, StoreError> {
    at_millisecond(row.get(column)?)
}

/// The time this many milliseconds after 1970 began.
pub(super) fn at_millisecond(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| StoreError::Corrupt(Box::new(error)))
}

/// Loads a row that a plan needs.
pub(super) fn need(db: &Connection, need: Need, loaded: &mut Loaded) -> Result<(), StoreError> {
    match need {
        Need::Pool(id) => {
            let found = db
                .prepare_cached(
                    "SELECT version FROM record WHERE kind = 'pool' AND key = ?1 AND json IS NOT NULL",
                )?
                .query_row([uuid_text(id).as_ref()], |row| row.get(0))
                .optional()?;
            loaded.add_pool(id, found);
        }
        Need::Identity(id) => loaded.add_identity(id, identity(db, id)?),
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

/// The columns of an identity, in the order in which [`read_identity`] reads them.
macro_rules! select_identity {
    ($rest:literal) => {
        concat!(
            "SELECT id, pool, state, authed, epoch, version, merged_into, logins, created_ms, \
             modified_ms, revoked, incarnation, only_this_pool FROM identity ",
            $rest
        )
    };
}

pub(super) fn identity(db: &Connection, id: Uuid) -> Result<Option<Identity>, StoreError> {
    let found = db
        .prepare_cached(select_identity!("WHERE id = ?1"))?
        .query_row([id.as_bytes()], |row| Ok(read_identity(row)))
        .optional()?;
    found.transpose()
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
    let mut statement = db.prepare_cached(select_identity!(
        "WHERE pool = ?1 AND id > ?2 AND (?3 OR state = 1) AND incarnation = ?5 ORDER BY id LIMIT ?4"
    ))?;
    let pool_id = pool.id;
    let parameters = (
        pool_id.as_bytes(),
        after.as_bytes(),
        disabled,
        limit,
        pool.incarnation,
    );
    let rows = statement.query_map(parameters, |row| Ok(read_identity(row)))?;
    rows.map(|row| row?).collect()
}

fn read_identity(row: &Row<'_>) -> Result<Identity, StoreError> {
    let state = match (row.get(2)?, row.get(6)?) {
        (LIVE, None) => State::Live,
        (MERGED, Some(survivor)) => State::MergedInto(Uuid::from_bytes(survivor)),
        _ => return Err(corrupt("an identity in an unknown state")),
    };
    let logins = row.get_ref(7)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(Identity {
        id: uuid(row, 0)?,
        pool: uuid(row, 1)?,
        incarnation: row.get(11)?,
        state,
        authenticated: row.get(3)?,
        logins: from_json(logins)?,
        epoch: row.get(4)?,
        version: row.get(5)?,
        created: moment(row, 8)?,
        modified: moment(row, 9)?,
        revoked: row.get(10)?,
        only_this_pool: row.get(12)?,
    })
}

/// The owner of a login; `None` for a login without one, and for a row of another incarnation.
fn owner(db: &Connection, pool: PoolRef, key: &LoginKey) -> Result<Option<Uuid>, StoreError> {
    let owner = db
        .prepare_cached(
            "SELECT identity FROM login WHERE pool = ?1 AND login_key = ?2 AND incarnation = ?3",
        )?
        .query_row((pool.id.as_bytes(), key, pool.incarnation), |row| {
            uuid(row, 0)
        })
        .optional()?;
    Ok(owner.filter(|owner| !owner.is_nil()))
}

macro_rules! select_record {
    ($rest:literal) => {
        concat!(
            "SELECT kind, key, scope, version, revision, json, written_ms, request_id FROM record ",
            $rest
        )
    };
}

fn read_record(row: &Row<'_>) -> Result<Record, StoreError> {
    Ok(Record {
        kind: row.get(0)?,
        key: row.get(1)?,
        scope: row.get(2)?,
        version: row.get(3)?,
        revision: row.get(4)?,
        json: row.get(5)?,
        written: moment(row, 6)?,
        request_id: uuid(row, 7)?,
    })
}

/// The record under `key`, deleted or not.
pub(super) fn record(
    db: &Connection,
    kind: RecordKind,
    key: &str,
) -> Result<Option<Record>, StoreError> {
    let found = db
        .prepare_cached(select_record!("WHERE kind = ?1 AND key = ?2"))?
        .query_row((kind.as_str(), key), |row| Ok(read_record(row)))
        .optional()?;
    found.transpose()
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

/// The records that changed after `since`.
pub(super) fn changes(db: &Connection, since: View) -> Result<Changes, StoreError> {
    let mut changes = db
        .prepare_cached("SELECT generation, revision, swept FROM revision")?
        .query_row([], |row| {
            Ok(Changes {
                view: View {
                    generation: uuid(row, 0)?,
                    revision: row.get(1)?,
                },
                swept: row.get(2)?,
                checksum: (0, 0),
                records: Vec::new(),
            })
        })?;
    let mut revisions = db.prepare_cached("SELECT revision FROM record")?;
    let mut rows = revisions.query([])?;
    while let Some(row) = rows.next()? {
        let revision: u64 = row.get(0)?;
        changes.checksum.0 += 1;
        changes.checksum.1 = changes.checksum.1.wrapping_add(revision);
    }
    if changes.view != since {
        let mut statement = db.prepare_cached(select_record!(
            "WHERE revision > ?1 ORDER BY revision, kind, key"
        ))?;
        let rows = statement.query_map([since.revision], |row| Ok(read_record(row)))?;
        changes.records = rows.map(|row| row?).collect::<Result<_, StoreError>>()?;
    }
    Ok(changes)
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
    let mut statement = db.prepare_cached(
        "SELECT position, events FROM event WHERE position > ?1 ORDER BY position LIMIT ?2",
    )?;
    let rows = statement.query_map((after, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let transactions = rows.map(|row| {
        let (position, events): (u64, String) = row?;
        let events: Vec<Event> = from_json(&events)?;
        Ok((position, events))
    });
    Ok(EventPage {
        transactions: transactions.collect::<Result<_, StoreError>>()?,
        lost: after + 1 < first_kept,
    })
}

/// When the generation of the store began; `None` in the first one.
pub(super) fn began(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let began: Option<i64> = db
        .prepare_cached("SELECT began_ms FROM revision")?
        .query_row([], |row| row.get(0))?;
    began.map(at_millisecond).transpose()
}

/// The claim on the same proof, if there is one.
pub(super) fn claimed(db: &Connection, claim: &Claim) -> Result<Option<Claimed>, StoreError> {
    let found = db
        .prepare_cached("SELECT holder, until_ms FROM claim WHERE purpose = ?1 AND key = ?2")?
        .query_row((claim.purpose, claim.key), |row| {
            Ok((row.get(0)?, moment(row, 1)))
        })
        .optional()?;
    let Some((holder, until)) = found else {
        return Ok(None);
    };
    let until = until?;
    Ok(Some(Claimed { holder, until }))
}

/// The lease with this name, if there is one.
pub(super) fn lease(db: &Connection, name: &str) -> Result<Option<Lease>, StoreError> {
    let found = db
        .prepare_cached("SELECT owner, until_ms, fence FROM lease WHERE name = ?1")?
        .query_row([name], |row| {
            Ok((uuid(row, 0)?, moment(row, 1), row.get(2)?))
        })
        .optional()?;
    let Some((owner, until, fence)) = found else {
        return Ok(None);
    };
    let until = until?;
    Ok(Some(Lease {
        owner,
        until,
        fence,
    }))
}

/// Whether the tables can be read.
pub(super) fn check(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached("SELECT revision FROM revision")?
        .query_row([], |_| Ok(()))?;
    Ok(())
}
