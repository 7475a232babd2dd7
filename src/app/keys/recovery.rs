//! A new root key for a store, where the old one was lost.

use std::path::PathBuf;
use std::sync::Arc;

use crate::ambient::Ambient;
use crate::app::offline_store::{OpenStore, StoreLocation};
use crate::app::open::{self, StartError};
use crate::app::records::moment;
use crate::config::{Config, RootKeySetting};
use crate::store::catalog::Catalog;
use crate::store::event::Origin;

use super::guest_key;
use super::root_key::{self, RootKeyError};

/// Why no root key is made.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The store or its master key can't be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The root key is not stored.
    #[error(
        "the root key comes from the environment or the configuration file: set another one there, and start the server again"
    )]
    Configured,
    /// The configuration disables the root key.
    #[error("the root key is disabled: set `enabled = true` in [root] first")]
    Disabled,
    /// The root key can't be replaced.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
}

/// Replaces the root key of the store of this configuration, which no server of an embedded store may use, and writes the new
/// one to `root-credentials` in the data directory. Needs the master key. Returns the id and the file.
pub async fn recover(
    config: &Config,
    ambient: Arc<dyn Ambient>,
) -> Result<(String, PathBuf), RecoverError> {
    match config.root {
        RootKeySetting::Generated => {}
        RootKeySetting::Configured(_) => return Err(RecoverError::Configured),
        RootKeySetting::Disabled => return Err(RecoverError::Disabled),
    }
    let master = open::existing_master_key(config)?;
    let location = StoreLocation::of_server(config);
    let opened = OpenStore::existing(&location, &ambient).await?;
    let replaced = async {
        let store = opened.store();
        let now = moment(ambient.as_ref());
        let catalog = Catalog::load(store, now).await.map_err(StartError::from)?;
        let stored = catalog.newest();
        open::check_keys(&stored, &master)?;
        let guests = guest_key::read(&stored, &master).map_err(StartError::from)?;
        let origin = Origin::of_server("RecoverRootKey", ambient.as_ref(), &guests);
        open::make_data_directory(&config.data_dir)?;
        let folder = &config.data_dir;
        let replaced =
            root_key::replace(store, &stored, &master, ambient.as_ref(), folder, &origin).await?;
        Ok(replaced)
    }
    .await;
    opened.close().await;
    replaced
}
