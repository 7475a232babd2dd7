//! The rows of the embedded store, for a copy.

use async_trait::async_trait;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use super::checksum;
use super::tables::SummedTable;
use super::{SqliteStore, apply, load};
use crate::store::StoreError;
use crate::store::copy::{
    Cell, Cells, ColumnType, CopiedTable, OfflineStore, StoreHeader, Transfer,
};
use crate::store::generation::{GenerationStart, NewGeneration};

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Boolean(value) => ValueRef::Integer(i64::from(*value)),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Uuid(uuid) => ValueRef::Blob(uuid.as_bytes()),
        }))
    }
}

/// The mark of a store that is not served.
pub(super) fn transfer(db: &Connection) -> rusqlite::Result<Option<Transfer>> {
    let found = db
        .prepare_cached("SELECT state, generation FROM transfer")?
        .query_row([], |row| {
            Ok((row.get::<_, String>(0)?, load::uuid(row, 1)?))
        })
        .optional()?;
    // The table accepts no other state.
    Ok(found.and_then(|(state, generation)| Transfer::parse(&state, generation)))
}

fn corrupt(reason: &'static str) -> StoreError {
    StoreError::Corrupt(reason.into())
}

fn set_transfer(db: &Connection, transfer: Transfer) -> Result<(), StoreError> {
    let (state, generation) = transfer.state();
    db.prepare_cached("INSERT OR REPLACE INTO transfer VALUES (1, ?1, ?2)")?
        .execute((state, generation.as_bytes()))?;
    Ok(())
}

fn set_generation(db: &Connection, new: &NewGeneration) -> Result<(), StoreError> {
    let mut row = load::revision(db)?;
    if row.generation == new.id && row.began_ms.is_some() {
        return Ok(());
    }
    row.generation = new.id;
    row.began_ms = Some(new.now.as_millisecond());
    apply::revision(db, &row)
}

#[async_trait]
impl OfflineStore for SqliteStore {
    async fn header(&self) -> Result<StoreHeader, StoreError> {
        self.with(|db| {
            let transfer = transfer(db)?;
            let last_event: Option<u64> = db
                .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'event'")?
                .query_row([], |row| row.get(0))
                .optional()?;
            let row = load::revision(db)?;
            Ok(StoreHeader {
                generation: row.generation,
                revision: row.revision,
                swept: row.swept,
                last_event: last_event.unwrap_or(0),
                transfer,
                last_beat: 0,
                is_served: false,
            })
        })
    }

    async fn count(&self, table: &'static CopiedTable) -> Result<u64, StoreError> {
        let statement = format!("SELECT count(*) FROM {}", table.name);
        self.with(|db| Ok(db.query_row(&statement, [], |row| row.get(0))?))
    }

    async fn page(
        &self,
        table: &'static CopiedTable,
        after: Option<Cells>,
        limit: usize,
    ) -> Result<Vec<Cells>, StoreError> {
        let key: Vec<&str> = table.key_columns().iter().map(|(name, _)| *name).collect();
        let key = key.join(", ");
        let behind = match &after {
            None => String::new(),
            Some(after) => {
                let marks: Vec<String> = (1..=after.len()).map(|n| format!("?{n}")).collect();
                format!("WHERE ({key}) > ({}) ", marks.join(", "))
            }
        };
        let (names, name) = (SummedTable::named(table.name).select(), table.name);
        let statement = format!("SELECT {names} FROM {name} {behind}ORDER BY {key} LIMIT {limit}");
        self.with(|db| {
            let mut statement = db.prepare_cached(&statement)?;
            let mut rows = statement.query(params_from_iter(after.unwrap_or_default()))?;
            let mut page = Vec::new();
            while let Some(row) = rows.next()? {
                page.push(cells(table, row)?);
            }
            Ok(page)
        })
    }

    async fn last(&self, table: &'static CopiedTable) -> Result<Option<Cells>, StoreError> {
        let key: Vec<String> = table
            .key_columns()
            .iter()
            .map(|(name, _)| format!("{name} DESC"))
            .collect();
        let names = SummedTable::named(table.name).select();
        let (name, key) = (table.name, key.join(", "));
        let statement = format!("SELECT {names} FROM {name} ORDER BY {key} LIMIT 1");
        self.with(|db| {
            let mut statement = db.prepare_cached(&statement)?;
            let mut rows = statement.query([])?;
            rows.next()?.map(|row| cells(table, row)).transpose()
        })
    }

    async fn add(
        &self,
        table: &'static CopiedTable,
        mut rows: Vec<Cells>,
    ) -> Result<(), StoreError> {
        if table.name == "login" {
            for row in rows.iter_mut().filter(|row| row[OWNER] == Cell::Null) {
                row[OWNER] = Cell::Uuid(Uuid::nil());
            }
        }
        let marks: Vec<String> = (1..=table.columns.len() + 1)
            .map(|n| format!("?{n}"))
            .collect();
        let names = SummedTable::named(table.name).select();
        let (name, marks) = (table.name, marks.join(", "));
        let statement = format!("INSERT INTO {name} ({names}) VALUES ({marks})");
        self.writer
            .change(move |db, _| {
                let mut statement = db.prepare_cached(&statement)?;
                for row in &rows {
                    let mut values: Vec<&dyn ToSql> = row.iter().map(|cell| cell as _).collect();
                    let sum = checksum::sum_values(name, &values)?;
                    values.push(&sum);
                    statement.execute(&*values)?;
                }
                Ok(())
            })
            .await
    }

    async fn begin(&self, source: Uuid) -> Result<(), StoreError> {
        let mark = Transfer::Incomplete(source);
        self.writer
            .change(move |db, _| set_transfer(db, mark))
            .await
    }

    async fn finish(&self, source: &StoreHeader, new: &NewGeneration) -> Result<(), StoreError> {
        let (source, new) = (source.clone(), *new);
        self.writer
            .change(move |db, _| {
                set_generation(db, &new)?;
                let mut row = load::revision(db)?;
                row.revision = source.revision;
                row.swept = source.swept;
                apply::revision(db, &row)?;
                db.execute("DELETE FROM sqlite_sequence WHERE name = 'event'", [])?;
                db.execute(
                    "INSERT INTO sqlite_sequence VALUES ('event', ?1)",
                    [source.last_event],
                )?;
                db.execute("DELETE FROM transfer", [])?;
                Ok(())
            })
            .await
    }

    async fn begin_generation(
        &self,
        new: &NewGeneration,
        _last_beat: i64,
    ) -> Result<Option<GenerationStart>, StoreError> {
        // The lock of the directory keeps every server out.
        let new = *new;
        self.writer
            .change(move |db, _| {
                set_generation(db, &new)?;
                let began = load::began(db)?;
                let statement = "SELECT max(at) FROM (SELECT max(at_ms) AS at FROM event \
                                 UNION ALL SELECT max(written_ms) FROM record)";
                let newest: Option<i64> = db.query_row(statement, [], |row| row.get(0))?;
                Ok(Some(GenerationStart {
                    began: began.ok_or_else(|| corrupt("the generation has no beginning"))?,
                    newest: newest.map(load::at_millisecond).transpose()?,
                }))
            })
            .await
    }

    async fn mark_moved(&self, to: Uuid, _last_beat: i64) -> Result<bool, StoreError> {
        // The lock of the directory keeps every server out.
        self.writer
            .change(move |db, _| set_transfer(db, Transfer::Moved(to)))
            .await?;
        Ok(true)
    }
}

/// The column of a login's owner, which is sixteen zero bytes here where there is none.
const OWNER: usize = 2;

fn cells(table: &CopiedTable, row: &Row<'_>) -> Result<Cells, StoreError> {
    SummedTable::named(table.name).verified(row)?;
    let mut cells = Vec::with_capacity(table.columns.len());
    for (index, (_, column)) in table.columns.iter().enumerate() {
        cells.push(match (row.get_ref(index)?, column) {
            (ValueRef::Null, _) => Cell::Null,
            (ValueRef::Integer(number), ColumnType::Integer) => Cell::Integer(number),
            (ValueRef::Integer(number), ColumnType::Boolean) => Cell::Boolean(number != 0),
            (ValueRef::Text(_), ColumnType::Text) => Cell::Text(row.get(index)?),
            (ValueRef::Blob(bytes), ColumnType::Bytes) => Cell::Bytes(bytes.to_vec()),
            (ValueRef::Blob(bytes), ColumnType::Uuid) => {
                let uuid = Uuid::from_slice(bytes).map_err(|_| corrupt("an id isn't a UUID"))?;
                let is_absent = (table.name, index) == ("login", OWNER) && uuid.is_nil();
                if is_absent {
                    Cell::Null
                } else {
                    Cell::Uuid(uuid)
                }
            }
            _ => return Err(corrupt("a column holds a value of another type")),
        });
    }
    Ok(cells)
}
