//! Rows become values: many rows with one statement each. A row that can't be read is [`StoreError::Corrupt`].

use deadpool_postgres::Transaction;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::rows::{Needs, Rows, StoredLogin};
use super::transaction::{TransactionError, before_statement};
use crate::ambient::Ambient;
use crate::model::identity::{Identity, LoginKey, State};
use crate::model::json;
use crate::store::StoreError;
use crate::store::event::Event;
use crate::store::identities::PoolRef;
use crate::store::lease::Lease;
use crate::store::once::{Claim, Claimed};
use crate::store::record::{Before, Changes, Record, RecordKind, RecordWrite, View};

pub(super) const LIVE: i16 = 1;
pub(super) const MERGED: i16 = 2;

macro_rules! pools {
    ($lock:literal) => {
        concat!(
            "SELECT key, version FROM record WHERE kind = 'pool' AND key = ANY($1) \
             AND json IS NOT NULL ORDER BY key",
            $lock
        )
    };
}

const LOGINS: &str = "SELECT login.pool, login.login_key, login.identity, login.incarnation FROM login \
                      JOIN unnest($1::uuid[], $2::bytea[]) AS wanted (pool, login_key) \
                      ON login.pool = wanted.pool AND login.login_key = wanted.login_key";

/// The columns of an identity, in the order in which [`read_identity`] reads them.
macro_rules! select_identity {
    ($rest:literal) => {
        concat!(
            "SELECT id, pool, incarnation, state, authed, epoch, version, merged_into, logins, \
             created_ms, modified_ms, revoked, only_this_pool FROM identity ",
            $rest
        )
    };
}

/// Whether the rows that are loaded are locked until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// The rows are read from the snapshot.
    No,
    /// The record of a pool is held against changes (`FOR SHARE`), and identities against each other (`FOR UPDATE`). The
    /// owner of a login changes only under the lock of its identity, and a login without an owner is taken by a statement
    /// that fails where another transaction took it: neither needs a lock of its own.
    Yes,
}

impl Lock {
    /// Tests remove one kind of lock, to see that they notice.
    #[cfg_attr(not(test), expect(unused_variables, reason = "tests remove locks"))]
    fn unless_removed(self, kind: &str) -> Self {
        #[cfg(test)]
        if super::tests::gate::is_removed(kind) {
            return Self::No;
        }
        self
    }
}

pub(super) fn corrupt(reason: &'static str) -> StoreError {
    StoreError::Corrupt(reason.into())
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    json::read_own(text.as_bytes()).map_err(|error| StoreError::Corrupt(Box::new(error)))
}

pub(super) fn moment(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|error| StoreError::Corrupt(Box::new(error)))
}

/// Runs a statement that is prepared once for each connection.
pub(super) async fn query(
    tx: &Transaction<'_>,
    statement: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, TransactionError> {
    before_statement().await;
    let statement = tx.prepare_cached(statement).await?;
    Ok(tx.query(&statement, parameters).await?)
}

/// Loads rows that plans need: pools, identities, logins. Logins come last, so that their owners are read under the locks.
pub(super) async fn needs(
    tx: &Transaction<'_>,
    needs: &Needs,
    lock: Lock,
    rows: &mut Rows,
) -> Result<(), TransactionError> {
    if !needs.pools.is_empty() {
        let keys: Vec<String> = needs.pools.iter().map(Uuid::to_string).collect();
        let statement = match lock.unless_removed("pool") {
            Lock::No => pools!(""),
            Lock::Yes => pools!(" FOR SHARE"),
        };
        rows.pools.extend(needs.pools.iter().map(|id| (*id, None)));
        for row in query(tx, statement, &[&keys]).await? {
            let key: &str = row.try_get(0)?;
            let id = Uuid::parse_str(key).map_err(|_| corrupt("the key of a pool isn't a UUID"))?;
            let version: i64 = row.try_get(1)?;
            rows.pools.insert(id, Some(version.cast_unsigned()));
        }
    }
    if !needs.identities.is_empty() {
        let ids: Vec<Uuid> = needs.identities.iter().copied().collect();
        let statement = match lock.unless_removed("identity") {
            Lock::No => select_identity!("WHERE id = ANY($1)"),
            Lock::Yes => select_identity!("WHERE id = ANY($1) ORDER BY id FOR UPDATE"),
        };
        rows.identities.extend(ids.iter().map(|id| (*id, None)));
        for row in query(tx, statement, &[&ids]).await? {
            let identity = read_identity(&row)?;
            rows.identities.insert(identity.id, Some(identity));
        }
    }
    if !needs.logins.is_empty() {
        let pools: Vec<Uuid> = needs.logins.iter().map(|(pool, _)| *pool).collect();
        let keys: Vec<&[u8]> = needs.logins.iter().map(|(_, key)| key.as_slice()).collect();
        rows.logins
            .extend(needs.logins.iter().map(|row| (*row, None)));
        for row in query(tx, LOGINS, &[&pools, &keys]).await? {
            let key: &[u8] = row.try_get(1)?;
            let key = LoginKey::try_from(key).map_err(|_| corrupt("the key of a login"))?;
            let incarnation: i64 = row.try_get(3)?;
            let login = StoredLogin {
                incarnation: incarnation.cast_unsigned(),
                owner: row.try_get(2)?,
            };
            rows.logins.insert((row.try_get(0)?, key), Some(login));
        }
    }
    Ok(())
}

fn read_identity(row: &Row) -> Result<Identity, TransactionError> {
    let state = match (row.try_get(3)?, row.try_get(7)?) {
        (LIVE, None) => State::Live,
        (MERGED, Some(survivor)) => State::MergedInto(survivor),
        _ => return Err(corrupt("an identity in an unknown state").into()),
    };
    let unsigned = |column| row.try_get(column).map(i64::cast_unsigned);
    Ok(Identity {
        id: row.try_get(0)?,
        pool: row.try_get(1)?,
        incarnation: unsigned(2)?,
        state,
        authenticated: row.try_get(4)?,
        epoch: unsigned(5)?,
        version: unsigned(6)?,
        logins: from_json(row.try_get(8)?)?,
        created: moment(row.try_get(9)?)?,
        modified: moment(row.try_get(10)?)?,
        revoked: row.try_get(11)?,
        only_this_pool: row.try_get(12)?,
    })
}

/// Up to `limit` identities of a pool with ids above `after`, in ascending order of their ids.
pub(super) async fn identities(
    tx: &Transaction<'_>,
    pool: PoolRef,
    after: Option<Uuid>,
    limit: usize,
    disabled: bool,
) -> Result<Vec<Identity>, TransactionError> {
    // Every id is above the nil id, which no identity has.
    let after = after.unwrap_or(Uuid::nil());
    let statement = select_identity!(
        "WHERE pool = $1 AND id > $2 AND ($3 OR state = 1) AND incarnation = $4 ORDER BY id LIMIT $5"
    );
    let incarnation = pool.incarnation.cast_signed();
    let limit = count(limit);
    let parameters: [&(dyn ToSql + Sync); 5] = [&pool.id, &after, &disabled, &incarnation, &limit];
    let rows = query(tx, statement, &parameters).await?;
    rows.iter().map(read_identity).collect()
}

pub(super) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

macro_rules! select_record {
    ($rest:literal) => {
        concat!(
            "SELECT kind, key, scope, version, revision, json, written_ms, request_id FROM record ",
            $rest
        )
    };
}

fn read_record(row: &Row) -> Result<Record, TransactionError> {
    let unsigned = |column| row.try_get(column).map(i64::cast_unsigned);
    Ok(Record {
        kind: row.try_get(0)?,
        key: row.try_get(1)?,
        scope: row.try_get(2)?,
        version: unsigned(3)?,
        revision: unsigned(4)?,
        json: row.try_get(5)?,
        written: moment(row.try_get(6)?)?,
        request_id: row.try_get(7)?,
    })
}

/// The record under `key`, deleted or not.
pub(super) async fn record(
    tx: &Transaction<'_>,
    kind: RecordKind,
    key: &str,
) -> Result<Option<Record>, TransactionError> {
    let statement = select_record!("WHERE kind = $1 AND key = $2");
    let rows = query(tx, statement, &[&kind.as_str(), &key]).await?;
    rows.first().map(read_record).transpose()
}

/// What the plan of record writes needs. The row of the revision is locked, so no other transaction changes a record.
pub(super) async fn before(
    tx: &Transaction<'_>,
    writes: &[RecordWrite],
) -> Result<Vec<Before>, TransactionError> {
    let mut before = Vec::with_capacity(writes.len());
    for write in writes {
        let count = if write.limit.is_some() {
            let statement =
                "SELECT count(*) FROM record WHERE kind = $1 AND scope = $2 AND json IS NOT NULL";
            let rows = query(tx, statement, &[&write.kind.as_str(), &write.scope]).await?;
            let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
            usize::try_from(count).unwrap_or(usize::MAX)
        } else {
            0
        };
        let record = record(tx, write.kind, &write.key).await?;
        before.push(Before { record, count });
    }
    Ok(before)
}

/// The records that changed after `since`.
pub(super) async fn changes(
    tx: &Transaction<'_>,
    since: View,
) -> Result<Changes, TransactionError> {
    let statement = "SELECT generation, revision, swept, (SELECT count(*) FROM record), \
                     (SELECT coalesce(sum(revision), 0)::text FROM record) FROM revision";
    let rows = query(tx, statement, &[]).await?;
    let row = rows
        .first()
        .ok_or_else(|| corrupt("the row of the revision isn't there"))?;
    let unsigned = |column| row.try_get(column).map(i64::cast_unsigned);
    let sum: &str = row.try_get(4)?;
    let sum: u128 = sum.parse().map_err(|_| corrupt("the sum of revisions"))?;
    let mut changes = Changes {
        view: View {
            generation: row.try_get(0)?,
            revision: unsigned(1)?,
        },
        swept: unsigned(2)?,
        // The sum wraps, as in every store.
        checksum: (
            unsigned(3)?,
            u64::try_from(sum & u128::from(u64::MAX)).unwrap_or(0),
        ),
        records: Vec::new(),
    };
    if changes.view != since {
        let statement = select_record!("WHERE revision > $1 ORDER BY revision, kind, key");
        let rows = query(tx, statement, &[&since.revision.cast_signed()]).await?;
        changes.records = rows.iter().map(read_record).collect::<Result<_, _>>()?;
    }
    Ok(changes)
}

/// The events of a row of the outbox.
pub(super) fn events(row: &Row) -> Result<(u64, Vec<Event>), TransactionError> {
    let position: i64 = row.try_get(0)?;
    Ok((position.cast_unsigned(), from_json(row.try_get(1)?)?))
}

/// When the generation of the store began; `None` in the first one.
pub(super) async fn began(tx: &Transaction<'_>) -> Result<Option<Timestamp>, TransactionError> {
    let rows = query(tx, "SELECT began_ms FROM revision", &[]).await?;
    let began: Option<i64> = rows.first().map_or(Ok(None), |row| row.try_get(0))?;
    Ok(began.map(moment).transpose()?)
}

/// The claim on the same proof, if there is one.
pub(super) async fn claimed(
    tx: &Transaction<'_>,
    claim: &Claim,
) -> Result<Option<Claimed>, TransactionError> {
    let statement = "SELECT holder, until_ms FROM claim WHERE purpose = $1 AND key = $2 FOR UPDATE";
    let rows = query(tx, statement, &[&claim.purpose, &claim.key.as_slice()]).await?;
    let claimed = rows.first().map(|row| {
        Ok(Claimed {
            holder: row.try_get(0)?,
            until: moment(row.try_get(1)?)?,
        })
    });
    claimed.transpose()
}

/// How many servers that committed within the last minute have other settings.
pub(super) async fn servers_with_other_settings(
    tx: &Transaction<'_>,
    digest: &str,
) -> Result<u64, TransactionError> {
    let statement = "SELECT count(*) FROM heartbeat \
                     WHERE settings <> $1 AND at > clock_timestamp() - interval '1 minute'";
    let rows = query(tx, statement, &[&digest]).await?;
    let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
    Ok(count.cast_unsigned())
}

/// How far the database's clock is ahead of this server's.
pub(super) async fn clock_offset(
    tx: &Transaction<'_>,
    ambient: &dyn Ambient,
) -> Result<SignedDuration, TransactionError> {
    let statement = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let rows = query(tx, statement, &[]).await?;
    let row = rows
        .first()
        .ok_or_else(|| corrupt("the clock has no time"))?;
    Ok(moment(row.try_get(0)?)?.duration_since(ambient.now_in_milliseconds()))
}

/// The lease with this name, if there is one.
pub(super) async fn lease(
    tx: &Transaction<'_>,
    name: &str,
) -> Result<Option<Lease>, TransactionError> {
    let statement = "SELECT owner, until_ms, fence FROM lease WHERE name = $1 FOR UPDATE";
    let rows = query(tx, statement, &[&name]).await?;
    let lease = rows.first().map(|row| {
        Ok(Lease {
            owner: row.try_get(0)?,
            until: moment(row.try_get(1)?)?,
            fence: row.try_get(2).map(i64::cast_unsigned)?,
        })
    });
    lease.transpose()
}
