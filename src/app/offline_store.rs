//! A store that is opened without a server, for an operator's command.

use std::path::PathBuf;
use std::sync::Arc;

use super::open::{StartError, make_data_directory, postgres_settings};
use crate::ambient::Ambient;
use crate::config::{Config, DatabaseSettings};
use crate::store::Store;
use crate::store::copy::{OfflineStore, OpenPurpose};
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

impl StoreLocation {
    /// The store of a server with this configuration.
    pub fn of_server(config: &Config) -> Self {
        match &config.database {
            None => Self::Directory(config.data_dir.clone()),
            Some(database) => Self::Database(Box::new(database.clone())),
        }
    }
}

/// A store that is open.
pub(super) enum OpenStore {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl OpenStore {
    /// Opens a store that is there.
    pub(super) async fn existing(
        location: &StoreLocation,
        ambient: &Arc<dyn Ambient>,
    ) -> Result<Self, StartError> {
        Self::open(location, OpenPurpose::Existing, ambient).await
    }

    /// Opens a store that is there and that was recovered to an earlier point in time.
    pub(super) async fn recovered(
        location: &StoreLocation,
        ambient: &Arc<dyn Ambient>,
    ) -> Result<Self, StartError> {
        Self::open(location, OpenPurpose::Recovered, ambient).await
    }

    /// Opens the target of a copy, which is made where it isn't there.
    pub(super) async fn target(
        location: &StoreLocation,
        ambient: &Arc<dyn Ambient>,
    ) -> Result<Self, StartError> {
        if let StoreLocation::Directory(folder) = location {
            make_data_directory(folder)?;
        }
        Self::open(location, OpenPurpose::CopyTo, ambient).await
    }

    async fn open(
        location: &StoreLocation,
        purpose: OpenPurpose,
        ambient: &Arc<dyn Ambient>,
    ) -> Result<Self, StartError> {
        Ok(match location {
            StoreLocation::Directory(folder) => {
                Self::Sqlite(SqliteStore::open_for(folder, purpose)?)
            }
            StoreLocation::Database(database) => {
                let settings = postgres_settings(database);
                let ambient = Arc::clone(ambient);
                Self::Postgres(PostgresStore::open_for(&settings, ambient, purpose).await?)
            }
        })
    }

    pub(super) fn store(&self) -> &dyn Store {
        match self {
            Self::Sqlite(store) => store,
            Self::Postgres(store) => store,
        }
    }

    pub(super) fn offline(&self) -> &dyn OfflineStore {
        match self {
            Self::Sqlite(store) => store,
            Self::Postgres(store) => store,
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}
