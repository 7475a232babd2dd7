//! How records become rows and rows records: the only place that knows the columns of an identity. A row that can't be
//! read is [`StoreError::Corrupt`], never a guess.

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::model::identity::{Identity, Login, State};
use crate::model::json;
use crate::store::{Replaced, StoreError};

const LIVE: i64 = 1;
const MERGED: i64 = 2;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as Sql;
        let corrupt = match &error {
            Sql::FromSqlConversionFailure(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::InvalidColumnType(..) => true,
            // The intentions leave no conflict to a constraint: one that speaks up has met rows that disagree.
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

/// An id that the caller has just made is somebody's already. Another id may do.
pub(super) fn taken() -> StoreError {
    StoreError::Unavailable("the id of a new identity is taken".into())
}

/// Why a record was not replaced by `wanted`: it isn't there, or it is another version; or it was, when this is asked
/// for the second time.
pub(super) fn not_replaced<T: PartialEq>(found: Option<&T>, wanted: &T) -> Replaced {
    match found {
        None => Replaced::Absent,
        Some(found) if found == wanted => Replaced::Replaced,
        Some(_) => Replaced::Changed,
    }
}

/// A record as JSON text.
pub(super) fn to_json(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("a record of the model can be written as JSON")
}

/// A record from the JSON text that [`to_json`] wrote.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    json::read_as(text.as_bytes()).map_err(|error| StoreError::Corrupt(Box::new(error)))
}

/// A UUID from its column.
pub(super) fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    row.get(column).map(Uuid::from_bytes)
}

/// The moment without what a millisecond can't hold.
pub(super) fn whole_milliseconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(moment.as_millisecond())
        .expect("what a timestamp gives, a timestamp takes")
}

/// The columns of an identity, in the order in which [`read_identity`] reads them.
macro_rules! select_identity {
    ($behind:literal) => {
        concat!(
            "SELECT id, pool, state, authed, epoch, version, merged_into, logins, created_ms, \
             modified_ms, revoked FROM identity ",
            $behind
        )
    };
}

/// The identity with this id, in whatever pool.
pub(super) fn identity(db: &Connection, id: Uuid) -> Result<Option<Identity>, StoreError> {
    let found = db
        .prepare_cached(select_identity!("WHERE id = ?1"))?
        .query_row([id.as_bytes()], |row| Ok(read_identity(row)))
        .optional()?;
    found.transpose()
}

/// Up to `limit` identities of a pool behind `after`, in the order of their ids.
pub(super) fn identities(
    db: &Connection,
    pool: Uuid,
    after: Option<Uuid>,
    limit: usize,
    disabled: bool,
) -> Result<Vec<Identity>, StoreError> {
    // Every id is behind the nil id, which is nobody's.
    let after = after.unwrap_or(Uuid::nil());
    let mut statement = db.prepare_cached(select_identity!(
        "WHERE pool = ?1 AND id > ?2 AND (?3 OR state = 1) ORDER BY id LIMIT ?4"
    ))?;
    let parameters = (pool.as_bytes(), after.as_bytes(), disabled, limit);
    let rows = statement.query_map(parameters, |row| Ok(read_identity(row)))?;
    rows.map(|row| row?).collect()
}

/// Reads the columns of [`select_identity`].
fn read_identity(row: &Row<'_>) -> Result<Identity, StoreError> {
    let moment = |column| {
        Timestamp::from_millisecond(row.get(column)?)
            .map_err(|error| StoreError::Corrupt(Box::new(error)))
    };
    let state = match (row.get(2)?, row.get(6)?) {
        (LIVE, None) => State::Live,
        (MERGED, Some(survivor)) => State::MergedInto(Uuid::from_bytes(survivor)),
        _ => return Err(corrupt("an identity in a state that is none")),
    };
    let logins = row.get_ref(7)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(Identity {
        id: uuid(row, 0)?,
        pool: uuid(row, 1)?,
        incarnation: 0,
        state,
        authenticated: row.get(3)?,
        logins: from_json(logins)?,
        epoch: row.get(4)?,
        version: row.get(5)?,
        created: moment(8)?,
        modified: moment(9)?,
        revoked: row.get(10)?,
    })
}

fn state_columns(state: State) -> (i64, Option<[u8; 16]>) {
    match state {
        State::Live => (LIVE, None),
        State::MergedInto(survivor) => (MERGED, Some(survivor.into_bytes())),
    }
}

/// Adds an identity's row; `false` where its id is taken. Its logins' rows are for the caller to add.
pub(super) fn add_identity(db: &Connection, new: &Identity) -> Result<bool, StoreError> {
    let (state, merged_into) = state_columns(new.state);
    let added = db
        .prepare_cached(
            "INSERT INTO identity (id, pool, state, authed, epoch, version, merged_into, logins, \
             created_ms, modified_ms, revoked) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute((
            new.id.as_bytes(),
            new.pool.as_bytes(),
            state,
            new.authenticated,
            new.epoch,
            new.version,
            merged_into,
            to_json(&new.logins),
            new.created.as_millisecond(),
            new.modified.as_millisecond(),
            new.revoked,
        ))?;
    Ok(added == 1)
}

/// Writes what changed about an identity whose row is there.
pub(super) fn update_identity(db: &Connection, changed: &Identity) -> Result<(), StoreError> {
    let (state, merged_into) = state_columns(changed.state);
    let updated = db
        .prepare_cached(
            "UPDATE identity SET state = ?2, authed = ?3, epoch = ?4, version = ?5, \
             merged_into = ?6, logins = ?7, modified_ms = ?8, revoked = ?9 WHERE id = ?1",
        )?
        .execute((
            changed.id.as_bytes(),
            state,
            changed.authenticated,
            changed.epoch,
            changed.version,
            merged_into,
            to_json(&changed.logins),
            changed.modified.as_millisecond(),
            changed.revoked,
        ))?;
    if updated == 1 {
        Ok(())
    } else {
        Err(corrupt("an identity is gone from its row"))
    }
}

/// The id of the identity that has `login`, by the login's key.
pub(super) fn owner(
    db: &Connection,
    pool: Uuid,
    login: &Login,
) -> Result<Option<Uuid>, StoreError> {
    let owner = db
        .prepare_cached("SELECT identity FROM login WHERE pool = ?1 AND login_key = ?2")?
        .query_row((pool.as_bytes(), login.key()), |row| uuid(row, 0))
        .optional()?;
    Ok(owner)
}

/// Gives `login`, which nobody has, to the identity `owner`.
pub(super) fn add_login(
    db: &Connection,
    pool: Uuid,
    login: &Login,
    owner: Uuid,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO login (pool, login_key, identity) VALUES (?1, ?2, ?3)")?
        .execute((pool.as_bytes(), login.key(), owner.as_bytes()))?;
    Ok(())
}

/// Takes `login` from the identity `owner`; then nobody has it.
pub(super) fn remove_login(
    db: &Connection,
    pool: Uuid,
    login: &Login,
    owner: Uuid,
) -> Result<(), StoreError> {
    let removed = db
        .prepare_cached("DELETE FROM login WHERE pool = ?1 AND login_key = ?2 AND identity = ?3")?
        .execute((pool.as_bytes(), login.key(), owner.as_bytes()))?;
    if removed == 1 {
        Ok(())
    } else {
        Err(corrupt(
            "an identity has a login that the index doesn't give it",
        ))
    }
}

/// Removes an identity's row. Its logins' rows are for the caller to remove.
pub(super) fn remove_identity(db: &Connection, id: Uuid) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM identity WHERE id = ?1")?
        .execute([id.as_bytes()])?;
    Ok(())
}

/// Takes `login` from the identity `from` and gives it to the identity `into`.
pub(super) fn move_login(
    db: &Connection,
    pool: Uuid,
    login: &Login,
    from: Uuid,
    into: Uuid,
) -> Result<(), StoreError> {
    let moved = db
        .prepare_cached(
            "UPDATE login SET identity = ?4 WHERE pool = ?1 AND login_key = ?2 AND identity = ?3",
        )?
        .execute((
            pool.as_bytes(),
            login.key(),
            from.as_bytes(),
            into.as_bytes(),
        ))?;
    if moved == 1 {
        Ok(())
    } else {
        Err(corrupt(
            "an identity has a login that the index doesn't give it",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_to_the_millisecond() {
        let moment: Timestamp = "2024-05-06T07:08:09.123456789Z".parse().unwrap();
        let whole: Timestamp = "2024-05-06T07:08:09.123Z".parse().unwrap();
        assert_eq!(whole_milliseconds(moment), whole);
    }
}
