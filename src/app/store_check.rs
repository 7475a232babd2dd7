//! The check of a whole embedded store. It changes nothing, and a server may have the store open.

use super::offline_store::StoreLocation;
use crate::store::sqlite::{self, OpenError, StoreReport};

/// Why a store isn't checked.
#[derive(Debug, thiserror::Error)]
pub enum StoreCheckError {
    /// The store can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store is in PostgreSQL.
    #[error(
        "the store is in PostgreSQL, which has its own checksums and checks: `initdb --data-checksums` and `pg_amcheck`"
    )]
    Postgres,
}

/// Checks the store at `location`.
pub fn check(location: &StoreLocation) -> Result<StoreReport, StoreCheckError> {
    match location {
        StoreLocation::Directory(folder) => Ok(sqlite::inspect(folder)?),
        StoreLocation::Database(_) => Err(StoreCheckError::Postgres),
    }
}
