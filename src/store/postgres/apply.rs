//! Values become rows: what the plans of a batch changed, with one statement for each kind of change. A statement that
//! meets another row than was loaded makes the transaction start over.

use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::load::{LIVE, MERGED, count};
use super::rows::{LoginRow, Rows, StoredLogin};
use super::transaction::{TransactionError, before_statement};
use crate::model::identity::{Identity, State};
use crate::store::event::Event;
use crate::store::identities::PoolRef;
use crate::store::lease::{Lease, LeaseRequest};
use crate::store::once::{Claim, Claimed};
use crate::store::record::{Record, RecordKind, to_json};
use crate::store::sweep::Sweep;

/// Runs a statement that must write `expected` rows.
pub(super) async fn write(
    tx: &Transaction<'_>,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
    expected: usize,
) -> Result<(), TransactionError> {
    before_statement().await;
    let statement = tx.prepare_cached(statement).await?;
    let written = tx.execute(&statement, parameters).await?;
    if written == expected as u64 {
        Ok(())
    } else {
        Err(TransactionError::Conflict(
            "a row is not as it was loaded".into(),
        ))
    }
}

/// Stores what distinguishes `after` from `before`: the rows as they were loaded and as the plans leave them.
pub(super) async fn difference(
    tx: &Transaction<'_>,
    before: &Rows,
    after: &Rows,
) -> Result<(), TransactionError> {
    let (mut inserted, mut updated, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    for (id, row) in &after.identities {
        match (before.identities.get(id).and_then(Option::as_ref), row) {
            (None, Some(new)) => inserted.push(new),
            (Some(old), Some(new)) if old != new => updated.push(new),
            (Some(_), None) => deleted.push(*id),
            _ => {}
        }
    }
    insert(tx, &inserted).await?;
    update(tx, &updated).await?;
    if !deleted.is_empty() {
        let statement = "DELETE FROM identity WHERE id = ANY($1)";
        write(tx, statement, &[&deleted], deleted.len()).await?;
    }
    logins(tx, before, after).await
}

/// The columns of identities, a vector for each.
#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    pools: Vec<Uuid>,
    incarnations: Vec<i64>,
    states: Vec<i16>,
    authenticated: Vec<bool>,
    epochs: Vec<i64>,
    versions: Vec<i64>,
    merged_into: Vec<Option<Uuid>>,
    logins: Vec<String>,
    created: Vec<i64>,
    modified: Vec<i64>,
    revoked: Vec<bool>,
    only_this_pool: Vec<bool>,
}

impl Columns {
    fn of(identities: &[&Identity]) -> Self {
        let mut columns = Self::default();
        for one in identities {
            let (state, merged_into) = match one.state {
                State::Live => (LIVE, None),
                State::MergedInto(survivor) => (MERGED, Some(survivor)),
            };
            columns.ids.push(one.id);
            columns.pools.push(one.pool);
            columns.incarnations.push(one.incarnation.cast_signed());
            columns.states.push(state);
            columns.authenticated.push(one.authenticated);
            columns.epochs.push(one.epoch.cast_signed());
            columns.versions.push(one.version.cast_signed());
            columns.merged_into.push(merged_into);
            columns.logins.push(to_json(&one.logins));
            columns.created.push(one.created.as_millisecond());
            columns.modified.push(one.modified.as_millisecond());
            columns.revoked.push(one.revoked);
            columns.only_this_pool.push(one.only_this_pool);
        }
        columns
    }
}

async fn insert(tx: &Transaction<'_>, new: &[&Identity]) -> Result<(), TransactionError> {
    if new.is_empty() {
        return Ok(());
    }
    let statement = "INSERT INTO identity (id, pool, incarnation, state, authed, epoch, version, \
                     merged_into, logins, created_ms, modified_ms, revoked, only_this_pool) \
                     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::smallint[], \
                     $5::boolean[], $6::bigint[], $7::bigint[], $8::uuid[], $9::text[], \
                     $10::bigint[], $11::bigint[], $12::boolean[], $13::boolean[]) ON CONFLICT (id) DO NOTHING";
    let of = Columns::of(new);
    let parameters: [&(dyn ToSql + Sync); 13] = [
        &of.ids,
        &of.pools,
        &of.incarnations,
        &of.states,
        &of.authenticated,
        &of.epochs,
        &of.versions,
        &of.merged_into,
        &of.logins,
        &of.created,
        &of.modified,
        &of.revoked,
        &of.only_this_pool,
    ];
    write(tx, statement, &parameters, new.len()).await
}

async fn update(tx: &Transaction<'_>, changed: &[&Identity]) -> Result<(), TransactionError> {
    if changed.is_empty() {
        return Ok(());
    }
    let statement = "UPDATE identity SET state = new.state, authed = new.authed, epoch = new.epoch, \
                     version = new.version, merged_into = new.merged_into, logins = new.logins, \
                     modified_ms = new.modified_ms, revoked = new.revoked, \
                     only_this_pool = new.only_this_pool \
                     FROM unnest($1::uuid[], $2::smallint[], $3::boolean[], $4::bigint[], \
                     $5::bigint[], $6::uuid[], $7::text[], $8::bigint[], $9::boolean[], $10::boolean[]) \
                     AS new (id, state, authed, epoch, version, merged_into, logins, modified_ms, revoked, only_this_pool) \
                     WHERE identity.id = new.id";
    let of = Columns::of(changed);
    let parameters: [&(dyn ToSql + Sync); 10] = [
        &of.ids,
        &of.states,
        &of.authenticated,
        &of.epochs,
        &of.versions,
        &of.merged_into,
        &of.logins,
        &of.modified,
        &of.revoked,
        &of.only_this_pool,
    ];
    write(tx, statement, &parameters, changed.len()).await
}

/// Stores the owners that changed: of logins that had one, and of logins without one in this incarnation of their pool.
async fn logins(tx: &Transaction<'_>, before: &Rows, after: &Rows) -> Result<(), TransactionError> {
    let (mut moved, mut taken): (Vec<Change<'_>>, Vec<Change<'_>>) = (Vec::new(), Vec::new());
    for (row, new) in &after.logins {
        let Some(new) = new else { continue };
        let old = before.logins.get(row).copied().flatten();
        if old.as_ref() == Some(new) {
            continue;
        }
        match old {
            Some(StoredLogin {
                owner: Some(owner),
                incarnation,
            }) if incarnation == new.incarnation => moved.push((row, Some(owner), new)),
            _ if new.owner.is_some() => taken.push((row, None, new)),
            // The row never had an owner in this incarnation.
            _ => {}
        }
    }
    let columns = |changes: &[Change<'_>]| {
        let pools: Vec<Uuid> = changes.iter().map(|((pool, _), ..)| *pool).collect();
        let keys = changes.iter().map(|((_, key), ..)| key.to_vec());
        let before: Vec<Option<Uuid>> = changes.iter().map(|(_, before, _)| *before).collect();
        let owners: Vec<Option<Uuid>> = changes.iter().map(|(.., new)| new.owner).collect();
        let incarnations = changes
            .iter()
            .map(|(.., new)| new.incarnation.cast_signed());
        let (keys, incarnations): (Vec<Vec<u8>>, Vec<i64>) =
            (keys.collect(), incarnations.collect());
        (pools, keys, before, owners, incarnations)
    };
    if !moved.is_empty() {
        let (pools, keys, before, owners, incarnations) = columns(&moved);
        let statement = "UPDATE login SET identity = new.owner FROM unnest($1::uuid[], $2::bytea[], \
                         $3::uuid[], $4::uuid[], $5::bigint[]) AS new (pool, login_key, before, owner, \
                         incarnation) WHERE login.pool = new.pool AND login.login_key = new.login_key \
                         AND login.identity = new.before AND login.incarnation = new.incarnation";
        let parameters: [&(dyn ToSql + Sync); 5] = [&pools, &keys, &before, &owners, &incarnations];
        write(tx, statement, &parameters, moved.len()).await?;
    }
    if !taken.is_empty() {
        let (pools, keys, _, owners, incarnations) = columns(&taken);
        let statement = "INSERT INTO login (pool, login_key, identity, incarnation) \
                         SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::bigint[]) \
                         ON CONFLICT (pool, login_key) DO UPDATE SET identity = excluded.identity, \
                         incarnation = excluded.incarnation WHERE login.identity IS NULL \
                         OR login.incarnation <> excluded.incarnation";
        let parameters: [&(dyn ToSql + Sync); 4] = [&pools, &keys, &owners, &incarnations];
        write(tx, statement, &parameters, taken.len()).await?;
    }
    Ok(())
}

/// A login's row, its owner that was loaded, and its new value.
type Change<'r> = (&'r LoginRow, Option<Uuid>, &'r StoredLogin);

/// Raises the one revision and returns it.
pub(super) async fn raise_revision(tx: &Transaction<'_>) -> Result<u64, TransactionError> {
    let statement = "UPDATE revision SET revision = revision + 1 RETURNING revision";
    let statement = tx.prepare_cached(statement).await?;
    let revision: i64 = tx.query_one(&statement, &[]).await?.try_get(0)?;
    Ok(revision.cast_unsigned())
}

/// Stores a record.
pub(super) async fn record(tx: &Transaction<'_>, record: &Record) -> Result<(), TransactionError> {
    let statement = "INSERT INTO record (kind, key, scope, version, revision, json, written_ms, request_id) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (kind, key) DO UPDATE SET \
                     scope = excluded.scope, version = excluded.version, revision = excluded.revision, \
                     json = excluded.json, written_ms = excluded.written_ms, \
                     request_id = excluded.request_id";
    let (version, revision) = (record.version.cast_signed(), record.revision.cast_signed());
    let written = record.written.as_millisecond();
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &record.kind,
        &record.key,
        &record.scope,
        &version,
        &revision,
        &record.json,
        &written,
        &record.request_id,
    ];
    write(tx, statement, &parameters, 1).await
}

/// Stores the events of a transaction as one row.
pub(super) async fn events(tx: &Transaction<'_>, events: &[Event]) -> Result<(), TransactionError> {
    let Some(last) = events.last() else {
        return Ok(());
    };
    let statement = "INSERT INTO event (id, written, at_ms, events) \
                     VALUES (gen_random_uuid(), clock_timestamp(), $1, $2)";
    let at = last.at.as_millisecond();
    write(tx, statement, &[&at, &to_json(&events)], 1).await
}

/// Stores a claim.
pub(super) async fn claim(
    tx: &Transaction<'_>,
    claim: &Claim,
    held: &Claimed,
    is_new: bool,
) -> Result<(), TransactionError> {
    // A new row that another transaction added meanwhile is not overwritten: its holder is read again.
    let statement = if is_new {
        "INSERT INTO claim (purpose, key, holder, until_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (purpose, key) DO NOTHING"
    } else {
        "UPDATE claim SET holder = $3, until_ms = $4 WHERE purpose = $1 AND key = $2"
    };
    let until = held.until.as_millisecond();
    let parameters: [&(dyn ToSql + Sync); 4] =
        [&claim.purpose, &claim.key.as_slice(), &held.holder, &until];
    write(tx, statement, &parameters, 1).await
}

/// Stores a lease.
pub(super) async fn lease(
    tx: &Transaction<'_>,
    request: &LeaseRequest,
    lease: &Lease,
    is_new: bool,
) -> Result<(), TransactionError> {
    let statement = if is_new {
        "INSERT INTO lease (name, owner, until_ms, fence) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO NOTHING"
    } else {
        "UPDATE lease SET owner = $2, until_ms = $3, fence = $4 WHERE name = $1"
    };
    let (until, fence) = (lease.until.as_millisecond(), lease.fence.cast_signed());
    let parameters: [&(dyn ToSql + Sync); 4] = [&request.name, &lease.owner, &until, &fence];
    write(tx, statement, &parameters, 1).await
}

/// Deletes up to `limit` rows.
pub(super) async fn sweep(
    tx: &Transaction<'_>,
    sweep: &Sweep,
    limit: usize,
) -> Result<usize, TransactionError> {
    let most = count(limit);
    match sweep {
        Sweep::Identities(pool) => sweep_identities(tx, *pool, limit).await,
        Sweep::Claims(before) => {
            let statement = "DELETE FROM claim WHERE (purpose, key) IN \
                             (SELECT purpose, key FROM claim WHERE until_ms < $1 LIMIT $2)";
            delete(tx, statement, &[&before.as_millisecond(), &most]).await
        }
        Sweep::Events(before) => {
            let statement = "DELETE FROM event WHERE at_ms < $1 AND position IN \
                             (SELECT position FROM event WHERE position IS NOT NULL \
                             ORDER BY position LIMIT $2)";
            delete(tx, statement, &[&before.as_millisecond(), &most]).await
        }
        Sweep::Deletions(before) => {
            let which = format!(
                "json IS NULL AND written_ms < $1 AND kind NOT IN ({})",
                RecordKind::remembered_in_sql()
            );
            let statement = format!(
                "UPDATE revision SET swept = greatest(swept, coalesce((SELECT max(revision) \
                 FROM record WHERE {which}), 0))"
            );
            delete(tx, &statement, &[&before.as_millisecond()]).await?;
            let statement = format!(
                "DELETE FROM record WHERE (kind, key) IN \
                 (SELECT kind, key FROM record WHERE {which} LIMIT $2)"
            );
            delete(tx, &statement, &[&before.as_millisecond(), &most]).await
        }
    }
}

async fn sweep_identities(
    tx: &Transaction<'_>,
    pool: PoolRef,
    limit: usize,
) -> Result<usize, TransactionError> {
    let incarnation = pool.incarnation.cast_signed();
    let statement = "DELETE FROM login WHERE pool = $1 AND login_key IN \
                     (SELECT login_key FROM login WHERE pool = $1 AND incarnation = $2 LIMIT $3)";
    let logins = delete(tx, statement, &[&pool.id, &incarnation, &count(limit)]).await?;
    let statement = "DELETE FROM identity WHERE id IN \
                     (SELECT id FROM identity WHERE pool = $1 AND incarnation = $2 LIMIT $3)";
    let rest = count(limit.saturating_sub(logins));
    let identities = delete(tx, statement, &[&pool.id, &incarnation, &rest]).await?;
    Ok(logins + identities)
}

async fn delete(
    tx: &Transaction<'_>,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<usize, TransactionError> {
    before_statement().await;
    let statement = tx.prepare_cached(statement).await?;
    let deleted = tx.execute(&statement, parameters).await?;
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}

/// Lowers the revision that a transaction raised and did not use.
pub(super) async fn lower_revision(tx: &Transaction<'_>) -> Result<(), TransactionError> {
    let statement = "UPDATE revision SET revision = revision - 1";
    write(tx, statement, &[], 1).await
}

/// Records the digest of the settings of this server, which has a heartbeat.
pub(super) async fn settings(
    tx: &Transaction<'_>,
    server: Uuid,
    digest: &str,
) -> Result<(), TransactionError> {
    let statement = "UPDATE heartbeat SET settings = $2 WHERE server = $1";
    write(tx, statement, &[&server, &digest], 1).await
}

/// Gives the rows of the outbox that are committed a position, behind all earlier ones, and returns the last position.
pub(super) async fn number_events(tx: &Transaction<'_>) -> Result<u64, TransactionError> {
    // The row is locked first: the statement after it sees every row that had a position before.
    let statement = "SELECT last FROM event_position FOR UPDATE";
    let statement = tx.prepare_cached(statement).await?;
    let last: i64 = tx.query_one(&statement, &[]).await?.try_get(0)?;
    let statement = "UPDATE event SET position = numbered.position FROM (SELECT id, \
                     $1 + row_number() OVER (ORDER BY written, id) AS position FROM event \
                     WHERE position IS NULL) AS numbered WHERE event.id = numbered.id";
    let statement = tx.prepare_cached(statement).await?;
    let numbered = tx.execute(&statement, &[&last]).await?;
    if numbered == 0 {
        return Ok(last.cast_unsigned());
    }
    let last = last + i64::try_from(numbered).unwrap_or(0);
    let statement = "UPDATE event_position SET last = $1";
    write(tx, statement, &[&last], 1).await?;
    Ok(last.cast_unsigned())
}
