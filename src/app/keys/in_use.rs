//! The keys in use, for signing, sealing, the root key and access keys alike. Only this module swaps them, after any
//! server of the store changed them.

use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, ArcSwapOption};
use uuid::Uuid;

use super::access_keys::{self, AccessKeys};
use super::rings::{self, KeysError, Ring};
use super::root_key::{self, RootKey};
use crate::credentials::SessionTokens;
use crate::seal::master_keys::MasterKeys;
use crate::store::catalog::Snapshot;
use crate::tokens::Tokens;

/// The keys in use, and the record versions that they come from.
pub(in crate::app) struct KeysInUse {
    tokens: Arc<Tokens>,
    credentials: Arc<SessionTokens>,
    root_key: ArcSwapOption<RootKey>,
    access_keys: ArcSwap<AccessKeys>,
    master_key: MasterKeys,
    /// Whether the root key is the stored one, and not the configuration's.
    root_key_is_stored: bool,
    /// The versions in use; `None` where the stored keys can't be used.
    versions: Mutex<Option<Versions>>,
}

/// Versions count within one generation: a restored record may have other content under the same version.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Versions {
    generation: Uuid,
    rings: [u64; 2],
    root_key: u64,
    access_keys: Vec<(String, u64)>,
}

impl KeysInUse {
    /// Begins with these keys, the first of which are those of `snapshot`. `configured` is the root key of the
    /// configuration; `None` uses the stored one if `root_key_is_stored`.
    pub(in crate::app) fn new(
        tokens: Arc<Tokens>,
        credentials: Arc<SessionTokens>,
        master_key: MasterKeys,
        configured: Option<RootKey>,
        root_key_is_stored: bool,
        snapshot: &Snapshot,
    ) -> Self {
        let keys = Self {
            tokens,
            credentials,
            root_key: ArcSwapOption::from_pointee(configured),
            access_keys: ArcSwap::default(),
            master_key,
            root_key_is_stored,
            versions: Mutex::new(None),
        };
        keys.follow(snapshot);
        keys
    }

    /// The root access key with this id, if it is enabled.
    pub(in crate::app) fn root_key(&self, id: &str) -> Option<Arc<RootKey>> {
        self.root_key.load_full().filter(|root| root.id == id)
    }

    /// Replaces the root key of the configuration. The stored one stays in use where it is.
    pub(in crate::app) fn use_configured_root_key(&self, key: RootKey) {
        if !self.root_key_is_stored {
            self.root_key.store(Some(Arc::new(key)));
        }
    }

    /// The enabled access keys, by their ids.
    pub(in crate::app) fn access_keys(&self) -> Arc<AccessKeys> {
        self.access_keys.load_full()
    }

    /// Whether the keys in use are those of the snapshot that was followed last.
    pub(in crate::app) fn are_current(&self) -> bool {
        self.versions().is_some()
    }

    /// Swaps the keys that `snapshot` changes; `false` where stored keys can't be used.
    pub(in crate::app) fn follow(&self, snapshot: &Snapshot) -> bool {
        // Serialise swaps, so that the keys in use are always those of the newest snapshot.
        let mut versions = self.versions();
        let wanted = versions_of(snapshot);
        if wanted.is_some() && *versions == wanted {
            return true;
        }
        match self.swap(snapshot) {
            Ok(()) => *versions = wanted,
            Err(error) => {
                // Every refresh comes here until the keys can be used; the first one is logged.
                if versions.is_some() {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the stored keys can't be used, so calls are refused: is this the master key of the store?"
                    );
                }
                *versions = None;
            }
        }
        versions.is_some()
    }

    fn swap(&self, snapshot: &Snapshot) -> Result<(), KeysError> {
        if let Some(ring) = rings::read(Ring::Signing, snapshot)? {
            self.tokens
                .use_keys(rings::signing_keys(&ring, &self.master_key)?);
        }
        if let Some(ring) = rings::read(Ring::Sealing, snapshot)? {
            self.credentials
                .use_keys(rings::sealing_keys(&ring, &self.master_key)?);
        }
        if self.root_key_is_stored {
            let root = root_key::read(snapshot, &self.master_key);
            self.root_key
                .store(root.map_err(|_| KeysError::Sealed)?.map(Arc::new));
        }
        let access_keys = access_keys::unseal(snapshot, &self.master_key);
        self.access_keys
            .store(Arc::new(access_keys.map_err(|_| KeysError::Sealed)?));
        Ok(())
    }

    fn versions(&self) -> std::sync::MutexGuard<'_, Option<Versions>> {
        self.versions.lock().expect("no swap of keys panics")
    }
}

fn versions_of(snapshot: &Snapshot) -> Option<Versions> {
    let ring = |ring: Ring| {
        let ring = snapshot.key_ring(ring.purpose()).ok()?;
        Some(ring.map_or(0, |ring| ring.version))
    };
    let access_keys = snapshot.access_keys();
    Some(Versions {
        generation: snapshot.view().generation,
        rings: [ring(Ring::Signing)?, ring(Ring::Sealing)?],
        root_key: snapshot.root_key().ok()?.map_or(0, |key| key.version),
        access_keys: access_keys
            .map(|key| (key.name.clone(), key.version))
            .collect(),
    })
}
