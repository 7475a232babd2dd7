//! Copying a store that no server uses into an empty one, in either direction.
//!
//! Rows are copied in pages in the order of their primary keys, so that an interrupted copy goes on behind the last row
//! that the target has. At the end both stores are read again and compared. Then the source is marked as moved, which
//! no server serves, and the target begins a new generation.

mod row;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::row::{Cell, Cells, ColumnType, CopiedTable, TABLES, TableSum};

use self::row::RowHasher;
use super::StoreError;
use super::generation::{GenerationStart, NewGeneration};
use crate::ambient::Ambient;

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenPurpose {
    /// A server uses the store, which is made where there is none. An unfinished copy and a store that was moved are
    /// refused.
    Serve,
    /// The store is the target of a copy, and is made where there is none.
    CopyTo,
    /// A command without a server uses the store, which must be there.
    Existing,
    /// The store, which must be there, begins a new generation: changes that were answered may be missing.
    Recovered,
}

impl OpenPurpose {
    /// Whether the store must be there.
    pub(super) fn needs_store(self) -> bool {
        matches!(self, Self::Existing | Self::Recovered)
    }
}

/// How many rows are read and written at once.
const PAGE: usize = 2000;

/// A mark in a store that no server may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// The store is an unfinished copy of the store with this generation.
    Incomplete(Uuid),
    /// The store was moved to the store with this generation.
    Moved(Uuid),
}

impl Transfer {
    /// The state as it is stored.
    pub fn state(self) -> (&'static str, Uuid) {
        match self {
            Self::Incomplete(generation) => ("incomplete", generation),
            Self::Moved(generation) => ("moved", generation),
        }
    }

    /// The mark that is stored as `state`; `None` for an unknown state.
    pub fn parse(state: &str, generation: Uuid) -> Option<Self> {
        match state {
            "incomplete" => Some(Self::Incomplete(generation)),
            "moved" => Some(Self::Moved(generation)),
            _ => None,
        }
    }
}

/// Why a store that has a [`Transfer`] mark is not served.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// It is an unfinished copy.
    #[error("this store is an unfinished copy: run `cognate store copy` again to finish it")]
    Incomplete,
    /// It was moved.
    #[error(
        "this store was moved to another one by `cognate store copy`, and is not served again: use the copy"
    )]
    Moved,
}

impl Transfer {
    /// The refusal to serve a store with this mark.
    pub fn refusal(self) -> TransferError {
        match self {
            Self::Incomplete(_) => TransferError::Incomplete,
            Self::Moved(_) => TransferError::Moved,
        }
    }
}

/// What belongs to a store as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHeader {
    /// The generation of the store.
    pub generation: Uuid,
    /// Its newest revision of records.
    pub revision: u64,
    /// The newest revision of which deletions may be gone.
    pub swept: u64,
    /// The last position of the outbox.
    pub last_event: u64,
    /// The mark, if there is one.
    pub transfer: Option<Transfer>,
    /// The last commit of any server, in microseconds since 1970; 0 where the store's lock keeps servers out.
    pub last_beat: i64,
    /// Whether a server committed within the last ten seconds.
    pub is_served: bool,
}

/// A store that no server uses, with rows that can be copied.
#[async_trait]
pub trait OfflineStore: Send + Sync {
    /// What belongs to the store as a whole. All rows of the outbox have a position afterwards.
    async fn header(&self) -> Result<StoreHeader, StoreError>;

    /// How many rows a table has.
    async fn count(&self, table: &'static CopiedTable) -> Result<u64, StoreError>;

    /// Up to `limit` rows of a table behind the primary key `after`, in the order of their keys, by bytes.
    async fn page(
        &self,
        table: &'static CopiedTable,
        after: Option<Cells>,
        limit: usize,
    ) -> Result<Vec<Cells>, StoreError>;

    /// The last row of a table, in the order of primary keys.
    async fn last(&self, table: &'static CopiedTable) -> Result<Option<Cells>, StoreError>;

    /// Adds rows in one transaction.
    async fn add(&self, table: &'static CopiedTable, rows: Vec<Cells>) -> Result<(), StoreError>;

    /// Marks the store as an unfinished copy of the store with this generation.
    async fn begin(&self, source: Uuid) -> Result<(), StoreError>;

    /// Ends an unfinished copy: the header of the source with the new generation, and no mark.
    async fn finish(&self, source: &StoreHeader, new: &NewGeneration) -> Result<(), StoreError>;

    /// Begins a new generation; `None` where a server committed after `last_beat`. Doing so again with the same id changes
    /// nothing.
    async fn begin_generation(
        &self,
        new: &NewGeneration,
        last_beat: i64,
    ) -> Result<Option<GenerationStart>, StoreError>;

    /// Marks the store as moved to the store with this generation; `false` where a server committed after `last_beat`.
    async fn mark_moved(&self, to: Uuid, last_beat: i64) -> Result<bool, StoreError>;
}

/// Why a store isn't copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A server uses one of the stores.
    #[error("a server used the {0} within the last ten seconds: stop every server of it first")]
    Served(&'static str),
    /// The source was moved already.
    #[error("the source was moved already: its identities are in the store that it was copied to")]
    Moved,
    /// The source is an unfinished copy itself.
    #[error("the source is an unfinished copy of another store: finish that copy first")]
    Unfinished,
    /// The target has data.
    #[error("the target is not empty: copy into a new directory or an empty database")]
    NotEmpty,
    /// The target has an unfinished copy of another store.
    #[error(
        "the target holds an unfinished copy of another store: copy into a new directory or an empty database"
    )]
    OtherCopy,
    /// A table of the target differs from the source.
    #[error(
        "the table {table} has {source_rows} rows in the source and {target_rows} in the target, or rows that differ: the \
         source was changed after the copy began. The source is as it was. Empty the target, and copy again"
    )]
    Different {
        /// The table.
        table: &'static str,
        /// How many rows the source has.
        source_rows: u64,
        /// How many rows the target has.
        target_rows: u64,
    },
    /// A server began to use the source meanwhile.
    #[error(
        "a server used the source while it was copied: stop every server, empty the target, and copy again"
    )]
    Changed,
    /// A store failed. An interrupted copy can be continued.
    #[error("a store could not be read or written: the same command continues the copy")]
    Store(#[from] StoreError),
}

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// The table.
    pub table: &'static str,
    /// Whether the rows are compared, instead of copied.
    pub compares: bool,
    /// How many rows are done.
    pub done: u64,
    /// How many rows there are.
    pub total: u64,
}

/// Copies `source` to `target`, or continues an interrupted copy; returns the sum of each table. `progress` is called
/// after each page.
pub async fn copy(
    source: &dyn OfflineStore,
    target: &dyn OfflineStore,
    ambient: &dyn Ambient,
    progress: &(dyn Fn(CopyProgress) + Send + Sync),
) -> Result<Vec<(&'static str, TableSum)>, CopyError> {
    let header = source.header().await?;
    let existing = target.header().await?;
    let generation = prepare(&header, &existing, target, ambient).await?;
    for table in &TABLES {
        copy_table(source, target, table, progress).await?;
    }
    let mut sums = Vec::with_capacity(TABLES.len());
    for table in &TABLES {
        let copied = sum(target, table, progress).await?;
        let original = sum(source, table, progress).await?;
        if copied != original {
            return Err(CopyError::Different {
                table: table.name,
                source_rows: original.rows,
                target_rows: copied.rows,
            });
        }
        sums.push((table.name, copied));
    }
    // The source first: two stores must never be served with the same identities.
    if !source.mark_moved(generation, header.last_beat).await? {
        return Err(CopyError::Changed);
    }
    let new = NewGeneration::new(generation, ambient);
    target.finish(&header, &new).await?;
    Ok(sums)
}

/// Checks that the stores can be copied and marks the target; the generation of the copy.
async fn prepare(
    source: &StoreHeader,
    existing: &StoreHeader,
    target: &dyn OfflineStore,
    ambient: &dyn Ambient,
) -> Result<Uuid, CopyError> {
    for (header, name) in [(source, "source"), (existing, "target")] {
        if header.is_served {
            return Err(CopyError::Served(name));
        }
    }
    let generation = match source.transfer {
        None => ambient.uuid(),
        Some(Transfer::Incomplete(_)) => return Err(CopyError::Unfinished),
        // The last step of an interrupted copy is left.
        Some(Transfer::Moved(to)) if is_copy_of(existing, source) => to,
        Some(Transfer::Moved(_)) => return Err(CopyError::Moved),
    };
    match existing.transfer {
        Some(_) if is_copy_of(existing, source) => return Ok(generation),
        Some(_) => return Err(CopyError::OtherCopy),
        None => {}
    }
    for table in &TABLES {
        if target.last(table).await?.is_some() {
            return Err(CopyError::NotEmpty);
        }
    }
    target.begin(source.generation).await?;
    Ok(generation)
}

fn is_copy_of(existing: &StoreHeader, source: &StoreHeader) -> bool {
    existing.transfer == Some(Transfer::Incomplete(source.generation))
}

async fn copy_table(
    source: &dyn OfflineStore,
    target: &dyn OfflineStore,
    table: &'static CopiedTable,
    progress: &(dyn Fn(CopyProgress) + Send + Sync),
) -> Result<(), CopyError> {
    let total = source.count(table).await?;
    let mut done = target.count(table).await?;
    let mut after = target.last(table).await?.map(|row| key(table, &row));
    loop {
        let rows = source.page(table, after, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = Some(key(table, last));
        done += rows.len() as u64;
        target.add(table, rows).await?;
        progress(CopyProgress {
            table: table.name,
            compares: false,
            done,
            total,
        });
    }
}

async fn sum(
    store: &dyn OfflineStore,
    table: &'static CopiedTable,
    progress: &(dyn Fn(CopyProgress) + Send + Sync),
) -> Result<TableSum, StoreError> {
    let total = store.count(table).await?;
    let mut hasher = RowHasher::new();
    let mut after = None;
    let mut done = 0;
    loop {
        let rows = store.page(table, after, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(hasher.finish());
        };
        for row in &rows {
            hasher.add(row);
        }
        after = Some(key(table, last));
        done += rows.len() as u64;
        progress(CopyProgress {
            table: table.name,
            compares: true,
            done,
            total,
        });
    }
}

fn key(table: &CopiedTable, row: &[Cell]) -> Cells {
    row[..table.key].to_vec()
}
