//! Values become rows: the writes of a plan, each to one row.

use rusqlite::Connection;
use uuid::Uuid;

use super::load::{LIVE, MERGED, corrupt};
use crate::model::identity::{Identity, State};
use crate::store::StoreError;
use crate::store::event::Event;
use crate::store::identities::{PoolRef, Write};
use crate::store::lease::{Lease, LeaseRequest};
use crate::store::once::{Claim, Claimed};
use crate::store::record::{Record, to_json};
use crate::store::sweep::Sweep;

/// Applies a write of a plan about identities.
pub(super) fn write(db: &Connection, write: &Write) -> Result<(), StoreError> {
    match write {
        Write::InsertIdentity(new) => insert_identity(db, new),
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
            let (id, incarnation) = (pool.id, pool.incarnation);
            let written = match before {
                Some(before) => db
                    .prepare_cached(
                        "UPDATE login SET identity = ?3 WHERE pool = ?1 AND login_key = ?2 \
                         AND identity = ?5 AND incarnation = ?4",
                    )?
                    .execute((
                        id.as_bytes(),
                        key,
                        owner.as_bytes(),
                        incarnation,
                        before.as_bytes(),
                    ))?,
                // The row is absent, has no owner, or is left over from an earlier incarnation of the pool.
                None => db
                    .prepare_cached(
                        "INSERT INTO login (pool, login_key, identity, incarnation) \
                         VALUES (?1, ?2, ?3, ?4) ON CONFLICT (pool, login_key) DO UPDATE \
                         SET identity = ?3, incarnation = ?4 \
                         WHERE identity = zeroblob(16) OR incarnation <> ?4",
                    )?
                    .execute((id.as_bytes(), key, owner.as_bytes(), incarnation))?,
            };
            one_row(written)
        }
    }
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

fn insert_identity(db: &Connection, new: &Identity) -> Result<(), StoreError> {
    let (state, merged_into) = state_columns(new.state);
    let inserted = db
        .prepare_cached(
            "INSERT INTO identity (id, pool, state, authed, epoch, version, merged_into, logins, \
             created_ms, modified_ms, revoked, incarnation, only_this_pool) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
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
            new.incarnation,
            new.only_this_pool,
        ))?;
    one_row(inserted)
}

fn update_identity(db: &Connection, changed: &Identity) -> Result<(), StoreError> {
    let (state, merged_into) = state_columns(changed.state);
    let updated = db
        .prepare_cached(
            "UPDATE identity SET state = ?2, authed = ?3, epoch = ?4, version = ?5, \
             merged_into = ?6, logins = ?7, modified_ms = ?8, revoked = ?9, only_this_pool = ?10 WHERE id = ?1",
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
            changed.only_this_pool,
        ))?;
    one_row(updated)
}

/// Raises the one revision and returns it.
pub(super) fn raise_revision(db: &Connection) -> Result<u64, StoreError> {
    let revision = db
        .prepare_cached("UPDATE revision SET revision = revision + 1 RETURNING revision")?
        .query_row([], |row| row.get(0))?;
    Ok(revision)
}

/// Stores a record.
pub(super) fn record(db: &Connection, record: &Record) -> Result<(), StoreError> {
    let written = db
        .prepare_cached(
            "INSERT INTO record (kind, key, scope, version, revision, json, written_ms, request_id) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (kind, key) DO UPDATE SET \
             scope = ?3, version = ?4, revision = ?5, json = ?6, written_ms = ?7, \
             request_id = ?8",
        )?
        .execute((
            &record.kind,
            &record.key,
            &record.scope,
            record.version,
            record.revision,
            &record.json,
            record.written.as_millisecond(),
            record.request_id.as_bytes(),
        ))?;
    one_row(written)
}

/// Stores the events of a transaction as one row.
pub(super) fn events(db: &Connection, events: &[Event]) -> rusqlite::Result<()> {
    let Some(last) = events.last() else {
        return Ok(());
    };
    db.prepare_cached("INSERT INTO event (at_ms, events) VALUES (?1, ?2)")?
        .execute((last.at.as_millisecond(), to_json(&events)))?;
    Ok(())
}

/// Stores a claim.
pub(super) fn claim(db: &Connection, claim: &Claim, held: &Claimed) -> Result<(), StoreError> {
    let written = db
        .prepare_cached(
            "INSERT INTO claim (purpose, key, holder, until_ms) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (purpose, key) DO UPDATE SET holder = ?3, until_ms = ?4",
        )?
        .execute((
            claim.purpose,
            claim.key,
            &held.holder,
            held.until.as_millisecond(),
        ))?;
    one_row(written)
}

/// Stores a lease.
pub(super) fn lease(
    db: &Connection,
    request: &LeaseRequest,
    lease: &Lease,
) -> Result<(), StoreError> {
    let written = db
        .prepare_cached(
            "INSERT INTO lease (name, owner, until_ms, fence) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (name) DO UPDATE SET owner = ?2, until_ms = ?3, fence = ?4",
        )?
        .execute((
            request.name,
            lease.owner.as_bytes(),
            lease.until.as_millisecond(),
            lease.fence,
        ))?;
    one_row(written)
}

/// Deletes up to `limit` rows.
pub(super) fn sweep(db: &Connection, sweep: &Sweep, limit: usize) -> Result<usize, StoreError> {
    match sweep {
        Sweep::Identities(pool) => sweep_identities(db, *pool, limit),
        Sweep::Claims(before) => Ok(db
            .prepare_cached(
                "DELETE FROM claim WHERE (purpose, key) IN \
                 (SELECT purpose, key FROM claim WHERE until_ms < ?1 LIMIT ?2)",
            )?
            .execute((before.as_millisecond(), limit))?),
        Sweep::Events(before) => Ok(db
            .prepare_cached(
                "DELETE FROM event WHERE at_ms < ?1 AND position IN \
                 (SELECT position FROM event ORDER BY position LIMIT ?2)",
            )?
            .execute((before.as_millisecond(), limit))?),
        Sweep::Deletions(before) => {
            db.prepare_cached(
                "UPDATE revision SET swept = max(swept, coalesce((SELECT max(revision) FROM record \
                 WHERE json IS NULL AND written_ms < ?1), 0))",
            )?
            .execute([before.as_millisecond()])?;
            Ok(db
                .prepare_cached(
                    "DELETE FROM record WHERE (kind, key) IN (SELECT kind, key FROM record \
                     WHERE json IS NULL AND written_ms < ?1 LIMIT ?2)",
                )?
                .execute((before.as_millisecond(), limit))?)
        }
    }
}

fn sweep_identities(db: &Connection, pool: PoolRef, limit: usize) -> Result<usize, StoreError> {
    let parameters = |limit| (pool.id.into_bytes(), pool.incarnation, limit);
    let logins = db
        .prepare_cached(
            "DELETE FROM login WHERE pool = ?1 AND login_key IN \
             (SELECT login_key FROM login WHERE pool = ?1 AND incarnation = ?2 LIMIT ?3)",
        )?
        .execute(parameters(limit))?;
    let identities = db
        .prepare_cached(
            "DELETE FROM identity WHERE id IN \
             (SELECT id FROM identity WHERE pool = ?1 AND incarnation = ?2 LIMIT ?3)",
        )?
        .execute(parameters(limit - logins))?;
    Ok(logins + identities)
}
