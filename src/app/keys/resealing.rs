//! Sealing every stored secret again under the first master key, so that an older one can leave its file. A run that was
//! interrupted is continued by the next one: what is sealed under the first key is left alone.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;

use super::{access_keys, guest_key, rings, root_key};
use crate::ambient::Ambient;
use crate::app::Call;
use crate::app::providers::{consumer_secrets, saml_keys};
use crate::app::records::Records;
use crate::seal::master_keys::{MasterKeys, Unopened};
use crate::store::StoreError;
use crate::store::catalog::Snapshot;
use crate::store::lease::LeaseRequest;
use crate::store::record::{PutOutcome, RecordKind, RecordWrite};

/// How long the lease lasts. It is renewed before each write, and ends soon where a server was killed. Two rotations at once
/// would do the same work twice, and no harm: each write names the version that it replaces.
const LEASE: SignedDuration = SignedDuration::from_secs(5);

/// How many times records that others changed meanwhile are read again.
const PASSES: u32 = 20;

/// The kinds of record with sealed secrets.
const KINDS: [RecordKind; 6] = [
    RecordKind::Pool,
    RecordKind::KeyRing,
    RecordKind::RootKey,
    RecordKind::AccessKey,
    RecordKind::GuestKey,
    RecordKind::SamlProvider,
];

/// The outcome of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// How many records were written.
    pub records: u64,
    /// The names of the master keys, the first of which seals everything now.
    pub keys: Vec<String>,
}

/// Why secrets are not sealed again.
#[derive(Debug, thiserror::Error)]
pub enum ResealError {
    /// A secret was sealed under a key that the file doesn't have.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// Other servers of the store may not open what is sealed under the first key. Holds their number.
    #[error("{0} other servers of the store have other settings or other master keys")]
    OtherServers(u64),
    /// Another server seals now.
    #[error("another server holds the lease")]
    Leased,
    /// Others change the records all the time.
    #[error("the records change all the time")]
    Changed,
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A sealed text, in base64, sealed again under the first key; `None` if it is.
pub(in crate::app) fn reseal(
    master: &MasterKeys,
    (purpose, name): (&str, &str),
    sealed: &str,
    ambient: &dyn Ambient,
) -> Result<Option<String>, Unopened> {
    let sealed = STANDARD.decode(sealed).map_err(|_| Unopened)?;
    let again = master.reseal(purpose, name, &sealed, ambient)?;
    Ok(again.map(|again| STANDARD.encode(again)))
}

/// The writes after which every secret of `snapshot` is sealed under the first key.
pub(in crate::app) fn writes(
    snapshot: &Snapshot,
    master: &MasterKeys,
    ambient: &dyn Ambient,
) -> Result<Vec<RecordWrite>, ResealError> {
    for kind in KINDS {
        snapshot.check_readable(kind).map_err(StoreError::from)?;
    }
    let mut writes = Vec::new();
    if let Some(key) = snapshot.root_key().map_err(StoreError::from)?
        && let Some(changed) = root_key::resealed(key, master, ambient)?
    {
        writes.push(RecordWrite::replace(&changed, key.version));
    }
    if let Some(key) = snapshot.guest_key().map_err(StoreError::from)?
        && let Some(changed) = guest_key::resealed(key, master, ambient)?
    {
        writes.push(RecordWrite::replace(&changed, key.version));
    }
    for ring in [rings::Ring::Signing, rings::Ring::Sealing] {
        let keys = snapshot
            .key_ring(ring.purpose())
            .map_err(StoreError::from)?;
        if let Some(keys) = keys
            && let Some(changed) = rings::resealed(ring, keys, master, ambient)?
        {
            writes.push(RecordWrite::replace(&changed, keys.version));
        }
    }
    for key in snapshot.access_keys() {
        if let Some(changed) = access_keys::resealed(key, master, ambient)? {
            writes.push(RecordWrite::replace(&changed, key.version));
        }
    }
    for pool in snapshot.pools() {
        if let Some(changed) = consumer_secrets::resealed(pool, master, ambient)? {
            writes.push(RecordWrite::replace(&changed, pool.version));
        }
    }
    for provider in snapshot.saml_providers() {
        if let Some(changed) = saml_keys::resealed(provider, master, ambient)? {
            writes.push(RecordWrite::replace(&changed, provider.version));
        }
    }
    Ok(writes)
}

/// Seals everything again under the first master key of the file.
pub async fn rotate(call: &Call<'_>) -> Result<Resealed, ResealError> {
    let app = call.app;
    let (records, ambient) = (Arc::clone(&app.records), Arc::clone(&app.ambient));
    let (master, changes) = (app.master_key.clone(), Arc::clone(&app.key_changes));
    let (server, origin) = (app.jobs.server, call.origin());
    let request = move |now, time| LeaseRequest {
        name: "master-key",
        owner: server,
        now,
        until: now + time,
    };
    // The rotation runs in a task of its own, so that it is completed if the client disconnects.
    let rotation = tokio::spawn(async move {
        let _one_at_a_time = changes.lock().await;
        let settings = records.settings.load_full();
        let others = records.store.announce(&settings).await?;
        if others > 0 {
            return Err(ResealError::OtherServers(others));
        }
        let lease = async |time| {
            let request = request(ambient.now_in_milliseconds(), time);
            let fence = records.store.lease(&request).await?;
            fence.ok_or(ResealError::Leased)
        };
        lease(LEASE).await?;
        let mut written = 0;
        for _ in 0..PASSES {
            records.refresh().await?;
            let writes = writes(records.snapshot()?.as_ref(), &master, ambient.as_ref())?;
            if writes.is_empty() {
                lease(SignedDuration::ZERO).await?;
                let keys = master.fingerprints();
                return Ok(Resealed {
                    records: written,
                    keys,
                });
            }
            for write in writes {
                lease(LEASE).await?;
                written += put(&records, write, &origin).await?;
            }
        }
        Err(ResealError::Changed)
    });
    rotation.await.expect("a rotation doesn't panic")
}

/// Writes a record, unless another request changed it meanwhile; returns how many were written.
async fn put(
    records: &Arc<Records>,
    write: RecordWrite,
    origin: &crate::store::event::Origin,
) -> Result<u64, ResealError> {
    match records.put(vec![write], origin.clone()).await? {
        PutOutcome::Stored(_) => Ok(1),
        _ => Ok(0),
    }
}
