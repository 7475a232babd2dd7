//! Key rings: made at the first start, stored sealed, rotated on request, and passed to the token issuer and the session
//! sealer.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::app::keys::resealing::reseal;
use crate::app::{App, Call};
use crate::credentials::{KeyId, SealingKeys};
use crate::model::key_ring::{KeyRing, Lifetimes, NotRotated, RingKey};
use crate::seal::SealKey;
use crate::seal::master_keys::{MasterKeys, Unopened};
use crate::store::catalog::Snapshot;
use crate::store::event::Origin;
use crate::store::record::{self, PutOutcome, RecordKind, RecordWrite};
use crate::store::{Cause, Store, StoreError};
use crate::tokens::{NewSigningKey, SigningKey, SigningKeyError, SigningKeys};

/// For how many seconds a copy of the published key set may be cached.
pub const KEY_SET_MAX_AGE: i64 = 300;

/// The key rings, named after their purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// The keys that sign OpenID tokens.
    Signing,
    /// The keys that seal session tokens.
    Sealing,
}

/// Why a key ring can't be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The ring was sealed under another master key.
    #[error(
        "the stored keys don't open under this master key: is it the master key of this data directory?"
    )]
    Sealed,
    /// The stored document is not a key ring.
    #[error("the stored keys can't be read")]
    Unreadable(#[source] Cause),
    /// A signing key can't be generated or parsed.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    /// The ring can't be rotated in its present state.
    #[error("the keys can't be rotated now")]
    NotRotated(NotRotated),
    /// Another server or request rotated the ring at the same time.
    #[error("the keys were rotated by another request meanwhile")]
    Changed,
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A change of a key ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RingChange {
    /// The next key becomes the current key. The previous current key still verifies.
    Rotate,
    /// The key with this id, or the current key, is dropped at once.
    Drop(Option<String>),
}

impl Ring {
    /// The key of its record.
    pub(in crate::app) const fn purpose(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Sealing => "sealing",
        }
    }

    /// The purpose that its secrets are sealed for.
    const fn sealed_for(self) -> &'static str {
        match self {
            Self::Signing => "signing-keys",
            Self::Sealing => "sealing-keys",
        }
    }

    /// How long the ring's keys are needed. A developer's token lives for at most a day, a session for twelve hours; the
    /// margin allows for clock skew.
    const fn lifetimes(self) -> Lifetimes {
        match self {
            Self::Signing => Lifetimes {
                longest_use: SignedDuration::from_mins(24 * 60 + 10),
                published_copies: SignedDuration::from_secs(KEY_SET_MAX_AGE),
            },
            Self::Sealing => Lifetimes {
                longest_use: SignedDuration::from_mins(12 * 60 + 10),
                published_copies: SignedDuration::from_mins(1),
            },
        }
    }

    async fn new_key(
        self,
        master: &MasterKeys,
        ambient: &dyn Ambient,
        now: Timestamp,
    ) -> Result<RingKey, KeysError> {
        let (id, secret, public) = match self {
            Self::Signing => {
                // Generating two primes takes a tenth of a second.
                let made = tokio::task::spawn_blocking(move || NewSigningKey::make(now)).await;
                let new = made.unwrap_or(Err(SigningKeyError::NotMade))?;
                (new.id, new.private, new.certificate)
            }
            Self::Sealing => {
                let mut id = KeyId::default();
                ambient.fill(&mut id);
                let secret = Zeroizing::new(SealKey::random(ambient).bytes().to_vec());
                (STANDARD.encode(id), secret, Vec::new())
            }
        };
        let sealed = STANDARD.encode(master.seal(self.sealed_for(), &id, &secret, ambient));
        let public = STANDARD.encode(public);
        Ok(RingKey {
            id,
            sealed,
            public,
            made: now,
        })
    }

    fn open(self, master: &MasterKeys, key: &RingKey) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let sealed = STANDARD
            .decode(&key.sealed)
            .map_err(|_| KeysError::Sealed)?;
        let secret = master.open(self.sealed_for(), &key.id, &sealed);
        secret.map(Zeroizing::new).ok_or(KeysError::Sealed)
    }
}

/// The ring sealed again under the first master key; `None` if every key of it is.
pub(in crate::app) fn resealed(
    ring: Ring,
    keys: &KeyRing,
    master: &MasterKeys,
    ambient: &dyn Ambient,
) -> Result<Option<KeyRing>, Unopened> {
    let mut changed = keys.clone();
    let retired = changed.retired.iter_mut().map(|retired| &mut retired.key);
    for key in [&mut changed.current, &mut changed.next]
        .into_iter()
        .chain(retired)
    {
        let name = (ring.sealed_for(), key.id.as_str());
        if let Some(sealed) = reseal(master, name, &key.sealed, ambient)? {
            key.sealed = sealed;
        }
    }
    Ok((changed != *keys).then_some(changed))
}

/// The stored ring; a new ring if none is stored. Of two servers that make one at once, both get the ring that was
/// stored first.
pub(in crate::app) async fn load_or_make(
    ring: Ring,
    store: &dyn Store,
    master: &MasterKeys,
    origin: &Origin,
    ambient: &dyn Ambient,
) -> Result<KeyRing, KeysError> {
    if let Some(keys) = load(ring, store).await? {
        return Ok(keys);
    }
    let current = ring.new_key(master, ambient, origin.at).await?;
    let next = ring.new_key(master, ambient, origin.at).await?;
    let keys = KeyRing::new(ring.purpose(), current, next, origin.at);
    match store.put(&[RecordWrite::replace(&keys, 0)], origin).await? {
        PutOutcome::Stored(_) => Ok(keys),
        _ => load(ring, store).await?.ok_or(KeysError::Changed),
    }
}

async fn load(ring: Ring, store: &dyn Store) -> Result<Option<KeyRing>, KeysError> {
    let Some(found) = store.record(RecordKind::KeyRing, ring.purpose()).await? else {
        return Ok(None);
    };
    let keys = record::parse(&found, found.json.as_deref().unwrap_or_default());
    keys.map(Some)
        .map_err(|error| KeysError::Unreadable(Box::new(error)))
}

/// The ring as a snapshot has it.
pub(in crate::app) fn read(
    ring: Ring,
    snapshot: &Snapshot,
) -> Result<Option<Arc<KeyRing>>, KeysError> {
    let found = snapshot.key_ring(ring.purpose());
    let found = found.map_err(|error| KeysError::Unreadable(Box::new(error)))?;
    Ok(found.cloned())
}

/// The ring's keys, ready to sign.
pub(in crate::app) fn signing_keys(
    keys: &KeyRing,
    master: &MasterKeys,
) -> Result<SigningKeys, KeysError> {
    let read = |key: &RingKey| -> Result<SigningKey, KeysError> {
        let certificate = STANDARD
            .decode(&key.public)
            .map_err(|_| SigningKeyError::Unreadable)?;
        Ok(SigningKey::read(
            &Ring::Signing.open(master, key)?,
            &certificate,
        )?)
    };
    let retired = keys
        .retired
        .iter()
        .map(|retired| Ok((read(&retired.key)?, retired.until)));
    Ok(SigningKeys {
        current: read(&keys.current)?,
        next: read(&keys.next)?,
        retired: retired.collect::<Result<_, KeysError>>()?,
    })
}

/// The ring's keys, ready to seal.
pub(in crate::app) fn sealing_keys(
    keys: &KeyRing,
    master: &MasterKeys,
) -> Result<SealingKeys, KeysError> {
    let all = [&keys.current, &keys.next]
        .into_iter()
        .chain(keys.retired.iter().map(|retired| &retired.key));
    let read = |key: &RingKey| -> Result<(KeyId, SealKey), KeysError> {
        let id = STANDARD
            .decode(&key.id)
            .ok()
            .and_then(|id| id.try_into().ok());
        let secret = Ring::Sealing.open(master, key)?.as_slice().try_into().ok();
        id.zip(secret.map(SealKey::new)).ok_or(KeysError::Sealed)
    };
    let all = all.map(read).collect::<Result<_, KeysError>>()?;
    Ok(SealingKeys::new(all).expect("a ring has keys"))
}

/// The stored ring.
pub fn find(app: &App, ring: Ring) -> Result<Arc<KeyRing>, KeysError> {
    read(ring, app.records.snapshot()?.as_ref())?.ok_or(KeysError::Changed)
}

/// Changes a ring in the store and then in use. Returns the changed ring.
pub async fn change(call: &Call<'_>, ring: Ring, change: RingChange) -> Result<KeyRing, KeysError> {
    let (records, ambient) = (Arc::clone(&call.app.records), Arc::clone(&call.app.ambient));
    let (master, changes) = (
        call.app.master_key.clone(),
        Arc::clone(&call.app.key_changes),
    );
    let (origin, now) = (call.origin(), call.now);
    // The change runs in a task of its own, so that it is completed if the client disconnects.
    let changing = tokio::spawn(async move {
        // Serialise changes, so that requests at the same time each find the ring that the last one stored.
        let _one_at_a_time = changes.lock().await;
        // An earlier change with an unknown outcome may have been stored, and a repetition of it is refused.
        records.refresh().await?;
        let keys = read(ring, records.snapshot()?.as_ref())?.ok_or(KeysError::Changed)?;
        let new = ring.new_key(&master, ambient.as_ref(), now).await?;
        let after = changed(ring, &keys, change, new, now)?;
        let write = RecordWrite::replace(&after, keys.version);
        match records.put(vec![write], origin).await? {
            PutOutcome::Stored(_) => Ok(after),
            _ => Err(KeysError::Changed),
        }
    });
    changing.await.expect("a change of keys doesn't panic")
}

fn changed(
    ring: Ring,
    keys: &KeyRing,
    change: RingChange,
    new: RingKey,
    now: Timestamp,
) -> Result<KeyRing, KeysError> {
    let times = ring.lifetimes();
    let changed = match change {
        RingChange::Rotate => keys.rotate(new, times, now),
        RingChange::Drop(id) => {
            let id = id.unwrap_or_else(|| keys.current.id.clone());
            keys.drop_key(&id, new, times, now)
        }
    };
    changed.map_err(KeysError::NotRotated)
}
