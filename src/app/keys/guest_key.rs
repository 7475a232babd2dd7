//! The key from which the handles of guests are made. It is stored, sealed under the master key, so that a guest keeps one
//! handle on every server and when the master key is replaced.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::resealing::reseal;
use crate::ambient::Ambient;
use crate::model::guest_key::GuestKeyRecord;
use crate::seal::master_keys::{MasterKeys, Unopened};
use crate::store::catalog::{Snapshot, Unreadable};
use crate::store::event::{GuestHash, Origin};
use crate::store::record::{PutOutcome, RecordKind, RecordWrite, parse};
use crate::store::{Store, StoreError};

const PURPOSE: &str = "key of guests' handles";

const NAME: &str = crate::model::guest_key::KEY;

/// Why guests can't be named.
#[derive(Debug, thiserror::Error)]
pub enum GuestKeyError {
    /// The stored key was sealed under another master key.
    #[error(
        "the stored key of guests' handles doesn't open under this master key: is it the master key of this data directory?"
    )]
    Sealed,
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Unreadable> for GuestKeyError {
    fn from(error: Unreadable) -> Self {
        Self::Store(error.into())
    }
}

/// What names guests by the key of this snapshot. A store of an earlier version has no key: there, guests are named by a
/// key that is derived from the oldest master key, which [`load_or_make`] stores.
pub(in crate::app) fn read(
    snapshot: &Snapshot,
    master: &MasterKeys,
) -> Result<GuestHash, GuestKeyError> {
    match snapshot.guest_key()? {
        Some(stored) => open(stored, master),
        None => Ok(GuestHash::new(&derived(master))),
    }
}

/// What names guests. The first start of a store stores the key.
pub(in crate::app) async fn load_or_make(
    store: &dyn Store,
    snapshot: &Snapshot,
    master: &MasterKeys,
    ambient: &dyn Ambient,
) -> Result<GuestHash, GuestKeyError> {
    let guests = read(snapshot, master)?;
    if snapshot.guest_key()?.is_some() {
        return Ok(guests);
    }
    let sealed = master.seal(PURPOSE, NAME, derived(master).as_ref(), ambient);
    let made = GuestKeyRecord {
        sealed: STANDARD.encode(sealed),
        version: 0,
    };
    let origin = Origin::of_server("Start", ambient, &guests);
    let write = RecordWrite::replace(&made, 0);
    if let PutOutcome::Stored(_) = store.put(&[write], &origin).await? {
        return Ok(guests);
    }
    // Another server that starts at the same time has stored it.
    let record = store.record(RecordKind::GuestKey, NAME).await?;
    let record = record.ok_or(GuestKeyError::Sealed)?;
    let text = record.json.as_deref().unwrap_or_default();
    let stored = parse(&record, text).map_err(|_| GuestKeyError::Sealed)?;
    open(&stored, master)
}

/// The record sealed again under the first master key; `None` if it is.
pub(in crate::app) fn resealed(
    record: &GuestKeyRecord,
    master: &MasterKeys,
    ambient: &dyn Ambient,
) -> Result<Option<GuestKeyRecord>, Unopened> {
    let sealed = reseal(master, (PURPOSE, NAME), &record.sealed, ambient)?;
    Ok(sealed.map(|sealed| GuestKeyRecord {
        sealed,
        ..record.clone()
    }))
}

fn derived(master: &MasterKeys) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(master.derive_from_oldest("the ids of guests in events", ""))
}

fn open(stored: &GuestKeyRecord, master: &MasterKeys) -> Result<GuestHash, GuestKeyError> {
    let opened = || {
        let sealed = STANDARD.decode(&stored.sealed).ok()?;
        let key = Zeroizing::new(master.open(PURPOSE, NAME, &sealed)?);
        Some(GuestHash::new(key.as_slice().try_into().ok()?))
    };
    opened().ok_or(GuestKeyError::Sealed)
}
