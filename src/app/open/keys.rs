//! The keys of a start: the master key, and those that are sealed under it. A missing one is made.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::StartError;
use crate::ambient::Ambient;
use crate::app::keys::rings::{self, KeysError, Ring};
use crate::app::keys::root_key::{self, RootKey, RootKeyError};
use crate::app::keys::{access_keys, guest_key};
use crate::config::{AccessKeyPair, Config, RootKeySetting, Secret};
use crate::model::key_ring::KeyRing;
use crate::seal::master_key::{self, MasterKeyError};
use crate::seal::master_keys::MasterKeys;
use crate::store::Store;
use crate::store::catalog::Snapshot;
use crate::store::event::Origin;
use crate::store::record::RecordKind;

/// The parts that make keys.
type KeyParts<'a> = (&'a dyn Store, &'a MasterKeys, &'a dyn Ambient);

/// Checks that the stored keys open under this master key.
pub(in crate::app) fn check_keys(
    stored: &Snapshot,
    master_key: &MasterKeys,
) -> Result<(), StartError> {
    root_key::read(stored, master_key)?;
    if let Some(ring) = rings::read(Ring::Signing, stored)? {
        rings::signing_keys(&ring, master_key)?;
    }
    if let Some(ring) = rings::read(Ring::Sealing, stored)? {
        rings::sealing_keys(&ring, master_key)?;
    }
    access_keys::unseal(stored, master_key)?;
    guest_key::read(stored, master_key)?;
    Ok(())
}

pub(super) async fn key_rings(
    (store, master_key, ambient): KeyParts<'_>,
    origin: &Origin,
) -> Result<(KeyRing, KeyRing), KeysError> {
    let signing = rings::load_or_make(Ring::Signing, store, master_key, origin, ambient).await?;
    let sealing = rings::load_or_make(Ring::Sealing, store, master_key, origin, ambient).await?;
    Ok((signing, sealing))
}

/// The master key of a store that is there.
pub(in crate::app) fn existing_master_key(config: &Config) -> Result<MasterKeys, StartError> {
    match &config.master_key {
        Some(key) => Ok(parse_master_key(key)),
        None => Ok(master_key::read(&config.master_key_file)?),
    }
}

fn parse_master_key(key: &Secret) -> MasterKeys {
    master_key::parse(key.reveal()).expect("the configuration was checked")
}

/// The master key; a new one if there is none and nothing is sealed yet.
pub(super) fn master_key(
    config: &Config,
    stored: &Snapshot,
    ambient: &dyn Ambient,
) -> Result<(MasterKeys, Option<PathBuf>), StartError> {
    if let Some(key) = &config.master_key {
        return Ok((parse_master_key(key), None));
    }
    let path = &config.master_key_file;
    match master_key::read(path) {
        Ok(key) => Ok((key, None)),
        Err(MasterKeyError::Missing(path)) if config.database.is_some() => {
            Err(StartError::NoMasterKey(path))
        }
        Err(MasterKeyError::Missing(_)) if !holds_secrets(stored) => {
            Ok((master_key::make(path, ambient)?.into(), Some(path.clone())))
        }
        Err(other) => Err(other.into()),
    }
}

fn holds_secrets(stored: &Snapshot) -> bool {
    [
        RecordKind::KeyRing,
        RecordKind::RootKey,
        RecordKind::AccessKey,
    ]
    .into_iter()
    .any(|kind| stored.has_any(kind))
}

/// The root key of the configuration.
pub(in crate::app) fn configured_root_key(key: &AccessKeyPair) -> RootKey {
    RootKey {
        id: key.access_key_id.clone(),
        secret: Zeroizing::new(key.secret_access_key.reveal().to_owned()),
    }
}

/// The configured root key, if there is one. Where the stored one is used and none is stored, one is made, and the file
/// that it was written to is returned.
pub(super) async fn root_key(
    config: &Config,
    stored: &Snapshot,
    (store, master_key, ambient): KeyParts<'_>,
    origin: &Origin,
) -> Result<(Option<RootKey>, Option<PathBuf>), StartError> {
    match &config.root {
        RootKeySetting::Disabled => Ok((None, None)),
        RootKeySetting::Configured(key) => Ok((Some(configured_root_key(key)), None)),
        RootKeySetting::Generated => {
            let folder = &config.data_dir;
            if let Some(key) = root_key::read(stored, master_key)? {
                root_key::finish(folder, &key)?;
                return Ok((None, None));
            }
            let file = folder.join(root_key::FILE);
            if file.exists() {
                return Err(StartError::OtherRootKey { file });
            }
            let made = root_key::replace(store, stored, master_key, ambient, folder, origin).await;
            match made {
                Ok((_, path)) => Ok((None, Some(path))),
                // Another server of the store made it first.
                Err(RootKeyError::Changed) => Ok((None, None)),
                Err(other) => Err(other.into()),
            }
        }
    }
}
