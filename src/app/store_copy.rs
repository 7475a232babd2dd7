//! Moving everything that is stored to another store.

use std::path::PathBuf;
use std::sync::Arc;

use super::open::{StartError, make_data_directory, postgres_settings};
use crate::ambient::Ambient;
use crate::config::DatabaseSettings;
use crate::sigv4::hex;
use crate::store::Store;
use crate::store::copy::{self, CopyError, CopyableStore};
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;

/// Where a store is.
#[derive(Debug)]
pub enum StoreLocation {
    /// An embedded store, in this directory.
    Directory(PathBuf),
    /// A PostgreSQL database.
    Database(Box<DatabaseSettings>),
}

/// Why a store was not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// One of the stores can't be opened.
    #[error(transparent)]
    Open(#[from] StartError),
    /// The directory of the source isn't there.
    #[error("there is no store in {0}")]
    NoSource(PathBuf),
    /// The stores can't be copied.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveProgress {
    /// The table.
    pub table: &'static str,
    /// Whether the rows are compared, instead of copied.
    pub compares: bool,
    /// How many rows are done.
    pub done: u64,
    /// How many rows there are.
    pub total: u64,
}

/// Copies everything from one store to another, which must be empty or an unfinished copy, compares both, and marks the
/// source as moved. Returns the name of each table with its number of rows and the SHA-256 of its rows in hexadecimal.
pub async fn move_store(
    from: &StoreLocation,
    to: &StoreLocation,
    ambient: Arc<dyn Ambient>,
    progress: &(dyn Fn(MoveProgress) + Send + Sync),
) -> Result<Vec<(&'static str, u64, String)>, MoveError> {
    if let StoreLocation::Directory(folder) = from
        && !folder.join("cognate.sqlite").exists()
    {
        return Err(MoveError::NoSource(folder.clone()));
    }
    if let StoreLocation::Directory(folder) = to {
        make_data_directory(folder)?;
    }
    let source = OpenStore::open(from, &ambient).await?;
    let target = match OpenStore::open(to, &ambient).await {
        Ok(target) => target,
        Err(error) => {
            source.close().await;
            return Err(error.into());
        }
    };
    let sums = copy::copy(
        source.copyable(),
        target.copyable(),
        ambient.as_ref(),
        &|at| {
            progress(MoveProgress {
                table: at.table,
                compares: at.compares,
                done: at.done,
                total: at.total,
            });
        },
    )
    .await;
    source.close().await;
    target.close().await;
    let sums = sums?.into_iter();
    let sums = sums.map(|(table, sum)| (table, sum.rows, hex(&sum.sha256)));
    Ok(sums.collect())
}

enum OpenStore {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl OpenStore {
    async fn open(
        location: &StoreLocation,
        ambient: &Arc<dyn Ambient>,
    ) -> Result<Self, StartError> {
        Ok(match location {
            StoreLocation::Directory(folder) => Self::Sqlite(SqliteStore::open_to_copy(folder)?),
            StoreLocation::Database(database) => {
                let settings = postgres_settings(database)?;
                let store = PostgresStore::open_to_copy(&settings, Arc::clone(ambient)).await?;
                Self::Postgres(store)
            }
        })
    }

    fn copyable(&self) -> &dyn CopyableStore {
        match self {
            Self::Sqlite(store) => store,
            Self::Postgres(store) => store,
        }
    }

    async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}
