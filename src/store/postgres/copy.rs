//! The rows of the store in PostgreSQL, for a copy.

use std::pin::pin;

use async_trait::async_trait;
use bytes::BytesMut;
use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::batch::Mode;
use super::connections::{Connections, TimeBound, commit, within};
use super::load::{corrupt, query};
use super::transaction::{Runs, TransactionError};
use super::{PostgresStore, apply, load, run_once, transact};
use crate::store::StoreError;
use crate::store::copy::{
    Cell, Cells, ColumnType, CopiedTable, OfflineStore, StoreHeader, Transfer,
};
use crate::store::generation::{GenerationStart, NewGeneration};

impl ToSql for Cell {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) if *ty == Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
            Self::Integer(number) => number.to_sql(ty, out),
            Self::Boolean(value) => value.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
            Self::Uuid(uuid) => uuid.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [
            Type::INT2,
            Type::INT8,
            Type::BOOL,
            Type::TEXT,
            Type::BYTEA,
            Type::UUID,
        ]
        .contains(ty)
    }

    to_sql_checked!();
}

fn column_type((name, column): (&str, ColumnType)) -> Type {
    match column {
        ColumnType::Integer if name == "state" => Type::INT2,
        ColumnType::Integer => Type::INT8,
        ColumnType::Boolean => Type::BOOL,
        ColumnType::Text => Type::TEXT,
        ColumnType::Bytes => Type::BYTEA,
        ColumnType::Uuid => Type::UUID,
    }
}

/// Runs a transaction of a copy until it is committed. `$tx` is the transaction in `$work`.
macro_rules! copy_transaction {
    ($store:ident, $mode:expr, |$tx:ident| $work:expr) => {
        transact!($store.connections, TimeBound::Maintenance, $mode, |$tx| {
            $work
        })
    };
}

/// The mark of a store that is not served.
async fn transfer(tx: &Transaction<'_>) -> Result<Option<Transfer>, TransactionError> {
    let rows = query(tx, "SELECT state, generation FROM transfer", &[]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let known = Transfer::parse(row.try_get(0)?, row.try_get(1)?);
    Ok(Some(known.ok_or_else(|| corrupt("a mark is unknown"))?))
}

impl PostgresStore {
    /// The mark of a store that is not served.
    pub(super) async fn transfer(&self) -> Result<Option<Transfer>, StoreError> {
        copy_transaction!(self, Mode::Read, |tx| transfer(&tx))
    }
}

/// Refuses a store that may not be served.
pub(super) async fn check_served(tx: &Transaction<'_>) -> Result<(), TransactionError> {
    match transfer(tx).await? {
        None => Ok(()),
        Some(mark) => Err(StoreError::Unavailable(Box::new(mark.refusal())).into()),
    }
}

async fn set_transfer(tx: &Transaction<'_>, transfer: Transfer) -> Result<(), TransactionError> {
    let (state, generation) = transfer.state();
    let statement = "INSERT INTO transfer VALUES (1, $1, $2) ON CONFLICT (one) \
                     DO UPDATE SET state = excluded.state, generation = excluded.generation";
    apply::write(tx, statement, &[&state, &generation], 1).await
}

#[async_trait]
impl OfflineStore for PostgresStore {
    async fn header(&self) -> Result<StoreHeader, StoreError> {
        copy_transaction!(self, Mode::Change, |tx| header(&tx))
    }

    async fn count(&self, table: &'static CopiedTable) -> Result<u64, StoreError> {
        copy_transaction!(self, Mode::Read, |tx| count(&tx, table))
    }

    async fn page(
        &self,
        table: &'static CopiedTable,
        after: Option<Cells>,
        limit: usize,
    ) -> Result<Vec<Cells>, StoreError> {
        copy_transaction!(self, Mode::Read, |tx| page(
            &tx,
            table,
            after.as_deref(),
            limit,
            ""
        ))
    }

    async fn last(&self, table: &'static CopiedTable) -> Result<Option<Cells>, StoreError> {
        let rows = copy_transaction!(self, Mode::Read, |tx| page(&tx, table, None, 1, " DESC"));
        Ok(rows?.pop())
    }

    async fn add(&self, table: &'static CopiedTable, rows: Vec<Cells>) -> Result<(), StoreError> {
        copy_transaction!(self, Mode::Change, |tx| add(&tx, table, &rows))
    }

    async fn begin(&self, source: Uuid) -> Result<(), StoreError> {
        let mark = Transfer::Incomplete(source);
        copy_transaction!(self, Mode::Change, |tx| set_transfer(&tx, mark))
    }

    async fn finish(&self, source: &StoreHeader, new: &NewGeneration) -> Result<(), StoreError> {
        copy_transaction!(self, Mode::Change, |tx| finish(&tx, source, new.id))
    }

    async fn begin_generation(
        &self,
        new: &NewGeneration,
        last_beat: i64,
    ) -> Result<Option<GenerationStart>, StoreError> {
        copy_transaction!(self, Mode::Change, |tx| begin_generation(
            &tx, new.id, last_beat
        ))
    }

    async fn mark_moved(&self, to: Uuid, last_beat: i64) -> Result<bool, StoreError> {
        copy_transaction!(self, Mode::Change, |tx| mark_moved(&tx, to, last_beat))
    }
}

const LAST_BEAT: &str = "SELECT coalesce((extract(epoch FROM max(at)) * 1000000)::bigint, 0), \
     coalesce(max(at) > clock_timestamp() - interval '10 seconds', false) FROM heartbeat";

async fn header(tx: &Transaction<'_>) -> Result<StoreHeader, TransactionError> {
    let last_event = apply::number_events(tx).await?;
    let transfer = transfer(tx).await?;
    let beats = tx.query_one(LAST_BEAT, &[]).await?;
    let statement = "SELECT generation, revision, swept FROM revision";
    let row = tx.query_one(statement, &[]).await?;
    let number = |index| row.try_get::<_, i64>(index).map(i64::cast_unsigned);
    Ok(StoreHeader {
        generation: row.try_get(0)?,
        revision: number(1)?,
        swept: number(2)?,
        last_event,
        transfer,
        last_beat: beats.try_get(0)?,
        is_served: beats.try_get(1)?,
    })
}

async fn count(tx: &Transaction<'_>, table: &CopiedTable) -> Result<u64, TransactionError> {
    let statement = format!("SELECT count(*) FROM {}", table.name);
    let count: i64 = tx.query_one(&statement, &[]).await?.try_get(0)?;
    Ok(count.cast_unsigned())
}

async fn page(
    tx: &Transaction<'_>,
    table: &CopiedTable,
    after: Option<&[Cell]>,
    limit: usize,
    direction: &str,
) -> Result<Vec<Cells>, TransactionError> {
    // Text in the order of its bytes, as in the other store.
    let key = |suffix: &str| {
        let columns = table.key_columns().iter().map(|(name, column)| {
            let collation = if *column == ColumnType::Text {
                " COLLATE \"C\""
            } else {
                ""
            };
            format!("{name}{collation}{suffix}")
        });
        columns.collect::<Vec<_>>().join(", ")
    };
    let behind = match after {
        None => String::new(),
        Some(after) => {
            let marks: Vec<String> = (1..=after.len()).map(|n| format!("${n}")).collect();
            format!("WHERE ({}) > ({})", key(""), marks.join(", "))
        }
    };
    let (names, name) = (table.column_names(), table.name);
    let statement = format!(
        "SELECT {names} FROM {name} {behind} ORDER BY {} LIMIT {limit}",
        key(direction)
    );
    let parameters: Vec<&(dyn ToSql + Sync)> = after
        .unwrap_or_default()
        .iter()
        .map(|cell| cell as &(dyn ToSql + Sync))
        .collect();
    let rows = query(tx, &statement, &parameters).await?;
    rows.iter().map(|row| cells(table, row)).collect()
}

fn cells(table: &CopiedTable, row: &Row) -> Result<Cells, TransactionError> {
    let mut cells = Vec::with_capacity(table.columns.len());
    for (index, column) in table.columns.iter().enumerate() {
        let cell = match column {
            ("state", _) => {
                let state: Option<i16> = row.try_get(index)?;
                state.map(|state| Cell::Integer(state.into()))
            }
            (_, ColumnType::Integer) => row.try_get::<_, Option<i64>>(index)?.map(Cell::Integer),
            (_, ColumnType::Boolean) => row.try_get::<_, Option<bool>>(index)?.map(Cell::Boolean),
            (_, ColumnType::Text) => row.try_get::<_, Option<String>>(index)?.map(Cell::Text),
            (_, ColumnType::Bytes) => row.try_get::<_, Option<Vec<u8>>>(index)?.map(Cell::Bytes),
            (_, ColumnType::Uuid) => row.try_get::<_, Option<Uuid>>(index)?.map(Cell::Uuid),
        };
        cells.push(cell.unwrap_or(Cell::Null));
    }
    Ok(cells)
}

async fn add(
    tx: &Transaction<'_>,
    table: &CopiedTable,
    rows: &[Cells],
) -> Result<(), TransactionError> {
    if let Some(last) = rows.last() {
        let key = &last[..table.key];
        // A transaction that was committed without an answer runs again and finds its rows.
        let newest = page(tx, table, None, 1, " DESC").await?;
        if newest
            .first()
            .is_some_and(|newest| &newest[..table.key] == key)
        {
            return Ok(());
        }
    }
    let names = table.column_names();
    let statement = format!("COPY {} ({names}) FROM STDIN BINARY", table.name);
    let types: Vec<Type> = table.columns.iter().copied().map(column_type).collect();
    let writer = BinaryCopyInWriter::new(tx.copy_in(&statement).await?, &types);
    let mut writer = pin!(writer);
    for row in rows {
        writer.as_mut().write_raw(row).await?;
    }
    writer.finish().await?;
    Ok(())
}

async fn finish(
    tx: &Transaction<'_>,
    source: &StoreHeader,
    generation: Uuid,
) -> Result<(), TransactionError> {
    let number = u64::cast_signed;
    set_generation(tx, generation).await?;
    let statement = "UPDATE revision SET revision = $1, swept = $2";
    let (revision, swept) = (number(source.revision), number(source.swept));
    apply::write(tx, statement, &[&revision, &swept], 1).await?;
    let last = number(source.last_event);
    apply::write(tx, "UPDATE event_position SET last = $1", &[&last], 1).await?;
    tx.execute("DELETE FROM transfer", &[]).await?;
    Ok(())
}

/// The generation, on the clock that all servers of the store share. A transaction that runs again finds its own.
async fn set_generation(tx: &Transaction<'_>, generation: Uuid) -> Result<(), TransactionError> {
    let statement = "UPDATE revision SET generation = $1, \
                     began_ms = (extract(epoch FROM clock_timestamp()) * 1000)::bigint \
                     WHERE generation <> $1 OR began_ms IS NULL";
    tx.execute(statement, &[&generation]).await?;
    Ok(())
}

async fn begin_generation(
    tx: &Transaction<'_>,
    generation: Uuid,
    last_beat: i64,
) -> Result<Option<GenerationStart>, TransactionError> {
    if !lock_servers_out(tx, last_beat).await? {
        return Ok(None);
    }
    check_served(tx).await?;
    set_generation(tx, generation).await?;
    let began = load::began(tx).await?;
    let statement = "SELECT max(at) FROM (SELECT max(at_ms) AS at FROM event \
                     UNION ALL SELECT max(written_ms) FROM record UNION ALL \
                     SELECT floor(extract(epoch FROM max(at)) * 1000)::bigint FROM heartbeat) AS newest";
    let newest: Option<i64> = tx.query_one(statement, &[]).await?.try_get(0)?;
    Ok(Some(GenerationStart {
        began: began.ok_or_else(|| corrupt("the generation has no beginning"))?,
        newest: newest.map(load::moment).transpose()?,
    }))
}

/// Waits for transactions in progress and keeps new ones out; `false` where a server committed after `last_beat`. A server
/// begins no transaction ten seconds after its last commit.
async fn lock_servers_out(tx: &Transaction<'_>, last_beat: i64) -> Result<bool, TransactionError> {
    tx.batch_execute("LOCK TABLE heartbeat, record, identity, login IN EXCLUSIVE MODE")
        .await?;
    let beats: i64 = tx.query_one(LAST_BEAT, &[]).await?.try_get(0)?;
    Ok(beats == last_beat)
}

async fn mark_moved(
    tx: &Transaction<'_>,
    to: Uuid,
    last_beat: i64,
) -> Result<bool, TransactionError> {
    if !lock_servers_out(tx, last_beat).await? {
        return Ok(false);
    }
    set_transfer(tx, Transfer::Moved(to)).await?;
    Ok(true)
}
