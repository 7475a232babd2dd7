//! The root access key: who has it may do everything. It comes from the environment or the configuration; otherwise the
//! first start makes one, keeps it sealed in the store and writes it to a file for the operator.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::App;
use crate::ambient::Ambient;
use crate::config::RootKeySetting;
use crate::credentials::{access_key_id, secret_key};
use crate::model::json;
use crate::seal::SealKey;
use crate::store::{Document, DocumentName, Replaced, Store, StoreError};

/// The name of the file in the data directory.
pub const FILE: &str = "root-credentials";

const PURPOSE: &str = "root access key";

/// The root access key.
pub struct RootKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: Zeroizing<String>,
}

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The stored one wasn't sealed under this master key.
    #[error(
        "the stored root key doesn't open under this master key: is it the master key of this data directory?"
    )]
    Sealed,
    /// It can't be written for the operator.
    #[error("the root key can't be written to {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It isn't in the store: the operator gives it at each start.
    #[error("the root key comes from the environment or the configuration file")]
    Given,
    /// Somebody else rotated it meanwhile.
    #[error("the root key was rotated by somebody else meanwhile")]
    Changed,
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    id: String,
    sealed: String,
}

/// The root key that is in the store, if there is one.
pub(super) async fn load(
    store: &dyn Store,
    master: &SealKey,
) -> Result<Option<RootKey>, RootKeyError> {
    let Some(document) = store.document(DocumentName::RootKey).await? else {
        return Ok(None);
    };
    let open = || {
        let stored: Stored = json::read_as(&document.bytes).ok()?;
        let sealed = STANDARD.decode(&stored.sealed).ok()?;
        let secret = master.open(PURPOSE, &stored.id, &sealed)?;
        let secret = Zeroizing::new(String::from_utf8(secret).ok()?);
        Some(RootKey {
            id: stored.id,
            secret,
        })
    };
    open().map(Some).ok_or(RootKeyError::Sealed)
}

/// Makes a root key in the place of the one that is there, and writes it to [`FILE`] in `folder`. `use_it` is called as
/// soon as the store has the new one.
pub(super) async fn replace(
    store: &dyn Store,
    master: &SealKey,
    ambient: &dyn Ambient,
    folder: &Path,
    use_it: impl FnOnce(RootKey),
) -> Result<PathBuf, RootKeyError> {
    let mut bytes = Zeroizing::new([0; 32]);
    ambient.fill(bytes.as_mut());
    let key = RootKey {
        id: access_key_id("AKIA", ambient),
        secret: secret_key(&bytes),
    };
    let sealed = STANDARD.encode(master.seal(PURPOSE, &key.id, key.secret.as_bytes(), ambient));
    let stored = Stored {
        id: key.id.clone(),
        sealed,
    };
    let bytes = serde_json::to_vec(&stored).expect("a root key can be written");
    let version = store
        .document(DocumentName::RootKey)
        .await?
        .map_or(0, |before| before.version)
        + 1;
    // The file comes first: a key in the store that nobody was told would lock everybody out.
    write_aside(folder, &key)?;
    match store
        .replace_document(DocumentName::RootKey, Document { version, bytes })
        .await?
    {
        Replaced::Replaced => {}
        Replaced::Changed | Replaced::Absent => return Err(RootKeyError::Changed),
    }
    use_it(key);
    put_in_place(folder)
}

/// Ends what [`replace`] began before a crash: the file that waits beside [`FILE`] takes its place if it holds `key`, the
/// key in the store, and goes otherwise.
pub(super) fn finish(folder: &Path, key: &RootKey) -> Result<(), RootKeyError> {
    let waiting = aside(folder);
    let failed = |source| RootKeyError::File {
        path: waiting.clone(),
        source,
    };
    match fs::read(&waiting).map(Zeroizing::new) {
        Ok(text) if *text == *text_of(key).as_bytes() => put_in_place(folder).map(drop),
        Ok(_) => fs::remove_file(&waiting).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(other) => Err(failed(other)),
    }
}

fn aside(folder: &Path) -> PathBuf {
    folder.join(format!("{FILE}.new"))
}

/// The form of the AWS credentials file.
fn text_of(key: &RootKey) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        key.id,
        key.secret.as_str()
    ))
}

/// Writes the file under a name beside its own.
fn write_aside(folder: &Path, key: &RootKey) -> Result<(), RootKeyError> {
    let path = aside(folder);
    let write = || {
        fs::remove_file(&path).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(text_of(key).as_bytes())?;
        file.sync_all()?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| RootKeyError::File {
        path: path.clone(),
        source,
    })
}

/// Gives the waiting file its name.
fn put_in_place(folder: &Path) -> Result<PathBuf, RootKeyError> {
    let path = folder.join(FILE);
    let moved = fs::rename(aside(folder), &path).and_then(|()| File::open(folder)?.sync_all());
    match moved {
        Ok(()) => Ok(path),
        Err(source) => Err(RootKeyError::File { path, source }),
    }
}

impl App {
    /// Makes a new root key, which the old one is dead after. Gives its id and the file that its secret was written to.
    pub async fn rotate_root_key(&self) -> Result<(String, PathBuf), RootKeyError> {
        if !matches!(self.config.root, RootKeySetting::Generated) {
            return Err(RootKeyError::Given);
        }
        let (store, ambient) = (Arc::clone(&self.store), Arc::clone(&self.ambient));
        let (used, changes) = (Arc::clone(&self.root_key), Arc::clone(&self.key_changes));
        let (master, folder) = (self.master_key.clone(), self.config.data_dir.clone());
        // A task of its own: a client that goes away must not leave the store with one key and the server with another.
        let rotation = tokio::spawn(async move {
            // Two at once would write the same file.
            let _one_at_a_time = changes.lock().await;
            let mut id = String::new();
            let path = replace(store.as_ref(), &master, ambient.as_ref(), &folder, |key| {
                id.clone_from(&key.id);
                used.store(Some(Arc::new(key)));
            })
            .await?;
            Ok((id, path))
        });
        rotation.await.expect("a rotation doesn't panic")
    }
}
