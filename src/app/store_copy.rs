//! Moving everything that is stored to another store.

use std::sync::Arc;

use super::offline_store::{OpenStore, StoreLocation};
use super::open::StartError;
use crate::ambient::Ambient;
use crate::sigv4::hex;
use crate::store::copy::{self, CopyError};

/// Why a store was not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// One of the stores can't be opened.
    #[error(transparent)]
    Open(#[from] StartError),
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
    let source = OpenStore::existing(from, &ambient).await?;
    let target = match OpenStore::target(to, &ambient).await {
        Ok(target) => target,
        Err(error) => {
            source.close().await;
            return Err(error.into());
        }
    };
    let sums = copy::copy(
        source.offline(),
        target.offline(),
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
