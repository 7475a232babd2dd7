//! The root access key, which allows everything. It comes from the environment or the configuration; otherwise the first
//! start makes one, stores it sealed and writes it to a file for the operator.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::app::Call;
use crate::app::keys::resealing::reseal;
use crate::config::RootKeySetting;
use crate::credentials::{access_key_id, secret_key};
use crate::model::root_key::RootKeyRecord;
use crate::seal::master_keys::{MasterKeys, Unopened};
use crate::store::catalog::Snapshot;
use crate::store::event::Origin;
use crate::store::record::{PutOutcome, RecordWrite};
use crate::store::{Store, StoreError};

/// The name of the file in the data directory.
pub const FILE: &str = "root-credentials";

const PURPOSE: &str = "root access key";

/// The root access key.
pub struct RootKey {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: Zeroizing<String>,
}

/// Why the root key can't be used or rotated.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The stored root key was sealed under another master key.
    #[error(
        "the stored root key doesn't open under this master key: is it the master key of this data directory?"
    )]
    Sealed,
    /// The file with the root key can't be written.
    #[error("the root key can't be written to {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The root key is configured by the operator and not stored.
    #[error("the root key comes from the environment or the configuration file")]
    Configured,
    /// Another server or request rotated the root key at the same time.
    #[error("the root key was rotated by another request meanwhile")]
    Changed,
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The root key of a snapshot, if one is stored.
pub(in crate::app) fn read(
    snapshot: &Snapshot,
    master: &MasterKeys,
) -> Result<Option<RootKey>, RootKeyError> {
    let stored = snapshot.root_key().map_err(|_| RootKeyError::Sealed)?;
    let Some(stored) = stored else {
        return Ok(None);
    };
    let open = || {
        let sealed = STANDARD.decode(&stored.sealed).ok()?;
        let secret = master.open(PURPOSE, &stored.id, &sealed)?;
        let secret = Zeroizing::new(String::from_utf8(secret).ok()?);
        let id = stored.id.clone();
        Some(RootKey { id, secret })
    };
    open().map(Some).ok_or(RootKeyError::Sealed)
}

/// The record sealed again under the first master key; `None` if it is.
pub(in crate::app) fn resealed(
    record: &RootKeyRecord,
    master: &MasterKeys,
    ambient: &dyn Ambient,
) -> Result<Option<RootKeyRecord>, Unopened> {
    let sealed = reseal(master, (PURPOSE, &record.id), &record.sealed, ambient)?;
    Ok(sealed.map(|sealed| RootKeyRecord {
        sealed,
        ..record.clone()
    }))
}

/// Makes a root key that replaces the stored one of `snapshot`, and writes it to [`FILE`] in `folder`. Returns
/// the id and the file.
pub(in crate::app) async fn replace(
    store: &dyn Store,
    snapshot: &Snapshot,
    master: &MasterKeys,
    ambient: &dyn Ambient,
    folder: &Path,
    origin: &Origin,
) -> Result<(String, PathBuf), RootKeyError> {
    let id = make(store, snapshot, master, ambient, folder, origin).await?;
    Ok((id, rename_into_place(folder)?))
}

/// As [`replace`], except that the file still has its other name. Returns the id.
async fn make(
    store: &dyn Store,
    snapshot: &Snapshot,
    master: &MasterKeys,
    ambient: &dyn Ambient,
    folder: &Path,
    origin: &Origin,
) -> Result<String, RootKeyError> {
    let before = snapshot.root_key().map_err(|_| RootKeyError::Sealed)?;
    let before = before.map_or(0, |key| key.version);
    // A key that doesn't open is another one than that of the file.
    let own = read(snapshot, master).ok().flatten();
    keep_other(folder, own.as_ref()).map_err(|source| RootKeyError::File {
        path: folder.join(FILE),
        source,
    })?;
    let mut bytes = Zeroizing::new([0; 32]);
    ambient.fill(bytes.as_mut());
    let key = RootKey {
        id: access_key_id("AKIA", ambient),
        secret: secret_key(&bytes),
    };
    let sealed = STANDARD.encode(master.seal(PURPOSE, &key.id, key.secret.as_bytes(), ambient));
    let stored = RootKeyRecord {
        id: key.id.clone(),
        sealed,
        version: 0,
    };
    // The file comes first: a stored key without a file would lock out every administrator.
    write_new_file(folder, &key)?;
    match store
        .put(&[RecordWrite::replace(&stored, before)], origin)
        .await?
    {
        PutOutcome::Stored(_) => Ok(key.id.clone()),
        _ => Err(RootKeyError::Changed),
    }
}

/// Completes a [`replace`] that a crash interrupted: the new file replaces [`FILE`] if it holds `key`, the stored key;
/// otherwise it is removed.
pub(in crate::app) fn finish(folder: &Path, key: &RootKey) -> Result<(), RootKeyError> {
    let waiting = new_file(folder);
    let failed = |source| RootKeyError::File {
        path: waiting.clone(),
        source,
    };
    match fs::read(&waiting).map(Zeroizing::new) {
        Ok(text) if *text == *text_of(key).as_bytes() => rename_into_place(folder).map(drop),
        Ok(_) => fs::remove_file(&waiting).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(other) => Err(failed(other)),
    }
}

fn new_file(folder: &Path) -> PathBuf {
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

/// Writes the new file next to [`FILE`].
fn write_new_file(folder: &Path, key: &RootKey) -> Result<(), RootKeyError> {
    let path = new_file(folder);
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

/// Keeps the file if it has anything but `own`, the key that is replaced: a key of another store, or lines of the operator.
fn keep_other(folder: &Path, own: Option<&RootKey>) -> io::Result<()> {
    let path = folder.join(FILE);
    let text = match fs::read(&path).map(Zeroizing::new) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if own.is_some_and(|own| *text == *text_of(own).as_bytes()) {
        return Ok(());
    }
    for number in 1_u32.. {
        let kept = folder.join(format!("{FILE}.kept-{number}"));
        // A link never replaces an existing file.
        match fs::hard_link(&path, &kept) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(other) => return Err(other),
            Ok(()) => {
                let (file, kept) = (path.display(), kept.display());
                tracing::warn!(%file, %kept, "the file had something else than the root key that is replaced, so it was kept");
                break;
            }
        }
    }
    Ok(())
}

/// Renames the new file to [`FILE`].
fn rename_into_place(folder: &Path) -> Result<PathBuf, RootKeyError> {
    let path = folder.join(FILE);
    let moved = fs::rename(new_file(folder), &path).and_then(|()| File::open(folder)?.sync_all());
    match moved {
        Ok(()) => Ok(path),
        Err(source) => Err(RootKeyError::File { path, source }),
    }
}

/// Makes a new root key; the old one is invalid at once. Returns the id and the file with the secret.
pub async fn rotate(call: &Call<'_>) -> Result<(String, PathBuf), RootKeyError> {
    let app = call.app;
    if !matches!(app.config.root, RootKeySetting::Generated) {
        return Err(RootKeyError::Configured);
    }
    let (records, ambient) = (Arc::clone(&app.records), Arc::clone(&app.ambient));
    let (master, folder) = (app.master_key.clone(), app.config.data_dir.clone());
    let (origin, changes) = (call.origin(), Arc::clone(&app.key_changes));
    // The change runs in a task of its own: if the client disconnects, the file must still hold the stored key.
    let rotation = tokio::spawn(async move {
        // Serialise changes: two at once would write the same file.
        let _one_at_a_time = changes.lock().await;
        records.refresh().await?;
        let snapshot = records.snapshot()?;
        snapshot.root_key().map_err(StoreError::from)?;
        let (store, ambient) = (records.store.as_ref(), ambient.as_ref());
        let made = make(store, &snapshot, &master, ambient, &folder, &origin).await;
        // First the server takes the new key, then the operator's file has it.
        let refreshed = records.refresh().await;
        let replaced = (made?, rename_into_place(&folder)?);
        refreshed?;
        Ok(replaced)
    });
    rotation.await.expect("a rotation doesn't panic")
}
