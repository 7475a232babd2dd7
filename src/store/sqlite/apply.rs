//! Values become rows: the writes of a plan, each to one row.

use rusqlite::{Connection, ToSql};
use uuid::Uuid;

use super::load::{self, LIVE, MERGED, RevisionRow, corrupt};
use super::tables::{CLAIM, EVENT, IDENTITY, LEASE, LOGIN, RECORD, REVISION, columns};
use crate::model::identity::{Identity, State};
use crate::store::StoreError;
use crate::store::event::Event;
use crate::store::identities::Write;
use crate::store::lease::{Lease, LeaseRequest};
use crate::store::once::{Claim, Claimed};
use crate::store::record::{Record, RecordKind, to_json};
use crate::store::sweep::Sweep;

/// Applies the writes of a plan about identities; `false`, and nothing applied, where the id of its new identity is taken.
pub(super) fn writes(db: &Connection, writes: &[Write]) -> Result<bool, StoreError> {
    for (at, one) in writes.iter().enumerate() {
        if !write(db, one)? {
            // Writes before it would have to be undone.
            return match at {
                0 => Ok(false),
                _ => Err(corrupt("the id of a new identity is taken")),
            };
        }
    }
    Ok(true)
}

/// `false` where the id of a new identity is taken.
pub(super) fn write(db: &Connection, write: &Write) -> Result<bool, StoreError> {
    match write {
        Write::InsertIdentity(new) => return insert_identity(db, new),
        Write::UpdateIdentity(changed) => update_identity(db, changed),
        Write::DeleteIdentity(id) => one_row(
            db.prepare_cached("DELETE FROM identity WHERE id = ?1")?
                .execute([id.as_bytes()])?,
        ),
        Write::SetOwner {
            pool,
            key,
            before,
            owner,
        } => {
            let owner = owner.unwrap_or(Uuid::nil());
            let (pool, incarnation) = (pool.id.as_bytes(), pool.incarnation);
            let values: [&dyn ToSql; 4] = [pool, key, owner.as_bytes(), &incarnation];
            let written = match before {
                Some(before) => LOGIN.write(
                    db,
                    "UPDATE login SET identity = ?3, checksum = ?5 WHERE pool = ?1 AND login_key = ?2 \
                     AND identity = ?6 AND incarnation = ?4",
                    values,
                    &[before.as_bytes()],
                )?,
                // The row is absent, has no owner, or is left over from an earlier incarnation of the pool.
                None => LOGIN.write(
                    db,
                    "INSERT INTO login (pool, login_key, identity, incarnation, checksum) \
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (pool, login_key) DO UPDATE \
                     SET identity = ?3, incarnation = ?4, checksum = ?5 \
                     WHERE identity = zeroblob(16) OR incarnation <> ?4",
                    values,
                    &[],
                )?,
            };
            one_row(written)
        }
    }?;
    Ok(true)
}

fn one_row(rows: usize) -> Result<(), StoreError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(corrupt("a row is not as it was loaded"))
    }
}

fn state_columns(state: State) -> (i64, Option<[u8; 16]>) {
    match state {
        State::Live => (LIVE, None),
        State::MergedInto(survivor) => (MERGED, Some(survivor.into_bytes())),
    }
}

/// `false` where the id is taken.
fn insert_identity(db: &Connection, new: &Identity) -> Result<bool, StoreError> {
    let statement = concat!(
        "INSERT INTO identity (",
        columns!(identity),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (id) DO NOTHING"
    );
    Ok(write_identity(db, statement, new)? == 1)
}

fn update_identity(db: &Connection, changed: &Identity) -> Result<(), StoreError> {
    let statement = "UPDATE identity SET state = ?4, authed = ?5, epoch = ?6, version = ?7, merged_into = ?8, logins = ?9, \
                     modified_ms = ?11, revoked = ?12, only_this_pool = ?13, checksum = ?14 WHERE id = ?1";
    one_row(write_identity(db, statement, changed)?)
}

fn write_identity(
    db: &Connection,
    statement: &str,
    identity: &Identity,
) -> rusqlite::Result<usize> {
    let (state, merged_into) = state_columns(identity.state);
    let logins = to_json(&identity.logins);
    let (created, modified) = (
        identity.created.as_millisecond(),
        identity.modified.as_millisecond(),
    );
    let values: [&dyn ToSql; 13] = [
        identity.id.as_bytes(),
        identity.pool.as_bytes(),
        &identity.incarnation,
        &state,
        &identity.authenticated,
        &identity.epoch,
        &identity.version,
        &merged_into,
        &logins,
        &created,
        &modified,
        &identity.revoked,
        &identity.only_this_pool,
    ];
    IDENTITY.write(db, statement, values, &[])
}

/// Raises the one revision and returns it.
pub(super) fn raise_revision(db: &Connection) -> Result<u64, StoreError> {
    let mut row = load::revision(db)?;
    row.revision += 1;
    revision(db, &row)?;
    Ok(row.revision)
}

/// Stores the row of the store as a whole.
pub(super) fn revision(db: &Connection, row: &RevisionRow) -> Result<(), StoreError> {
    let written = REVISION.write(
        db,
        "UPDATE revision SET generation = ?2, revision = ?3, swept = ?4, began_ms = ?5, checksum = ?6 WHERE one = ?1",
        [&1, row.generation.as_bytes(), &row.revision, &row.swept, &row.began_ms],
        &[],
    )?;
    one_row(written)
}

/// Stores a record.
pub(super) fn record(db: &Connection, record: &Record) -> Result<(), StoreError> {
    let written = record.written.as_millisecond();
    let written = RECORD.write(
        db,
        concat!(
            "INSERT INTO record (",
            columns!(record),
            ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (kind, key) DO UPDATE SET \
             scope = ?3, version = ?4, revision = ?5, json = ?6, written_ms = ?7, request_id = ?8, checksum = ?9"
        ),
        [
            &record.kind,
            &record.key,
            &record.scope,
            &record.version,
            &record.revision,
            &record.json,
            &written,
            record.request_id.as_bytes(),
        ],
        &[],
    )?;
    one_row(written)
}

/// Stores the events of a transaction as one row.
pub(super) fn events(db: &Connection, events: &[Event]) -> rusqlite::Result<()> {
    let Some(last) = events.last() else {
        return Ok(());
    };
    // The position that AUTOINCREMENT would give: the checksum contains it.
    let position: i64 = db
        .prepare_cached(
            "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0), \
             coalesce((SELECT max(position) FROM event), 0)) + 1",
        )?
        .query_row([], |row| row.get(0))?;
    let (at, events) = (last.at.as_millisecond(), to_json(&events));
    EVENT.write(
        db,
        concat!(
            "INSERT INTO event (",
            columns!(event),
            ") VALUES (?1, ?2, ?3, ?4)"
        ),
        [&position, &at, &events],
        &[],
    )?;
    Ok(())
}

/// Stores a claim.
pub(super) fn claim(db: &Connection, claim: &Claim, held: &Claimed) -> Result<(), StoreError> {
    let until = held.until.as_millisecond();
    let written = CLAIM.write(
        db,
        concat!(
            "INSERT INTO claim (",
            columns!(claim),
            ") VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (purpose, key) DO UPDATE SET holder = ?3, until_ms = ?4, checksum = ?5"
        ),
        [&claim.purpose, &claim.key, &held.holder, &until],
        &[],
    )?;
    one_row(written)
}

/// Stores a lease.
pub(super) fn lease(
    db: &Connection,
    request: &LeaseRequest,
    lease: &Lease,
) -> Result<(), StoreError> {
    let until = lease.until.as_millisecond();
    let written = LEASE.write(
        db,
        concat!(
            "INSERT INTO lease (",
            columns!(lease),
            ") VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (name) DO UPDATE SET owner = ?2, until_ms = ?3, fence = ?4, checksum = ?5"
        ),
        [&request.name, lease.owner.as_bytes(), &until, &lease.fence],
        &[],
    )?;
    one_row(written)
}

/// Deletes up to `limit` rows, each of which is verified first: a row that changed may be one that is needed.
pub(super) fn sweep(db: &Connection, sweep: &Sweep, limit: usize) -> Result<usize, StoreError> {
    match sweep {
        Sweep::Identities(pool) => {
            let of = |limit| (pool.id.into_bytes(), pool.incarnation, limit);
            let which = "pool = ?1 AND incarnation = ?2 LIMIT ?3";
            let logins = LOGIN.delete(db, which, of(limit))?;
            Ok(logins + IDENTITY.delete(db, which, of(limit - logins))?)
        }
        Sweep::Claims(before) => {
            let before = before.as_millisecond();
            CLAIM.delete(db, "until_ms < ?1 LIMIT ?2", (before, limit))
        }
        Sweep::Events(before) => {
            let which = "at_ms < ?1 AND position IN (SELECT position FROM event ORDER BY position LIMIT ?2)";
            EVENT.delete(db, which, (before.as_millisecond(), limit))
        }
        Sweep::Deletions(before) => {
            let before = before.as_millisecond();
            let which = format!(
                "json IS NULL AND written_ms < ?1 AND kind NOT IN ({})",
                RecordKind::remembered_in_sql()
            );
            let newest: Option<u64> = db
                .prepare_cached(&format!("SELECT max(revision) FROM record WHERE {which}"))?
                .query_row([before], |row| row.get(0))?;
            let mut row = load::revision(db)?;
            if let Some(newest) = newest.filter(|newest| *newest > row.swept) {
                row.swept = newest;
                revision(db, &row)?;
            }
            RECORD.delete(db, &format!("{which} LIMIT ?2"), (before, limit))
        }
    }
}
