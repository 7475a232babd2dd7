//! Key rings: made at the first start, stored sealed, rotated on request, and passed to the token issuer and the session
//! sealer.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::app::App;
use crate::credentials::{KeyId, SealingKeys};
use crate::model::json::{self, JsonError};
use crate::model::key_ring::{KeyRing, Lifetimes, NotRotated, RingKey};
use crate::seal::SealKey;
use crate::store::{Document, DocumentName, Replaced, Store, StoreError};
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
    Unreadable(#[source] JsonError),
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
    const fn document(self) -> DocumentName {
        match self {
            Self::Signing => DocumentName::SigningKeys,
            Self::Sealing => DocumentName::SealingKeys,
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
        master: &SealKey,
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
        let sealed = STANDARD.encode(master.seal(self.document().as_str(), &id, &secret, ambient));
        let public = STANDARD.encode(public);
        Ok(RingKey {
            id,
            sealed,
            public,
            made: now,
        })
    }

    fn open(self, master: &SealKey, key: &RingKey) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let sealed = STANDARD
            .decode(&key.sealed)
            .map_err(|_| KeysError::Sealed)?;
        let secret = master.open(self.document().as_str(), &key.id, &sealed);
        secret.map(Zeroizing::new).ok_or(KeysError::Sealed)
    }
}

/// Checks that every stored key opens under this master key.
pub(in crate::app) async fn check(store: &dyn Store, master: &SealKey) -> Result<(), KeysError> {
    if let Some((_, keys)) = load(Ring::Signing, store).await? {
        signing_keys(&keys, master)?;
    }
    if let Some((_, keys)) = load(Ring::Sealing, store).await? {
        sealing_keys(&keys, master)?;
    }
    Ok(())
}

/// The stored ring; a new ring if none is stored.
pub(in crate::app) async fn load_or_make(
    ring: Ring,
    store: &dyn Store,
    master: &SealKey,
    ambient: &dyn Ambient,
) -> Result<KeyRing, KeysError> {
    if let Some((_, keys)) = load(ring, store).await? {
        return Ok(keys);
    }
    let now = ambient.now();
    let current = ring.new_key(master, ambient, now).await?;
    let next = ring.new_key(master, ambient, now).await?;
    let keys = KeyRing::new("signing", current, next, now);
    save(ring, store, 1, &keys).await?;
    Ok(keys)
}

async fn load(ring: Ring, store: &dyn Store) -> Result<Option<(u64, KeyRing)>, KeysError> {
    let Some(document) = store.document(ring.document()).await? else {
        return Ok(None);
    };
    let keys = json::read_as(&document.bytes).map_err(KeysError::Unreadable)?;
    Ok(Some((document.version, keys)))
}

async fn save(
    ring: Ring,
    store: &dyn Store,
    version: u64,
    keys: &KeyRing,
) -> Result<(), KeysError> {
    let bytes = serde_json::to_vec(keys).expect("a ring can be written");
    match store
        .replace_document(ring.document(), Document { version, bytes })
        .await?
    {
        Replaced::Replaced => Ok(()),
        Replaced::Changed | Replaced::Absent => Err(KeysError::Changed),
    }
}

/// The ring's keys, ready to sign.
pub(in crate::app) fn signing_keys(
    keys: &KeyRing,
    master: &SealKey,
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
    master: &SealKey,
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
pub async fn find(app: &App, ring: Ring) -> Result<KeyRing, KeysError> {
    let (store, ambient) = (app.store.as_ref(), app.ambient.as_ref());
    load_or_make(ring, store, &app.master_key, ambient).await
}

/// Changes a ring in the store and then in use. Returns the changed ring.
pub async fn change(
    app: &App,
    ring: Ring,
    change: RingChange,
    now: Timestamp,
) -> Result<KeyRing, KeysError> {
    let (store, ambient) = (Arc::clone(&app.store), Arc::clone(&app.ambient));
    let (tokens, credentials) = (Arc::clone(&app.tokens), Arc::clone(&app.credentials));
    let (master, changes) = (app.master_key.clone(), Arc::clone(&app.key_changes));
    // The change runs in a task of its own: if the client disconnects, the keys in use must still equal the stored keys.
    let changing = tokio::spawn(async move {
        // Serialise changes so that the key in use is always the key last stored.
        let _one_at_a_time = changes.lock().await;
        let (version, keys) = load(ring, store.as_ref())
            .await?
            .ok_or(KeysError::Changed)?;
        let use_keys = |keys: &KeyRing| -> Result<(), KeysError> {
            match ring {
                Ring::Signing => tokens.use_keys(signing_keys(keys, &master)?),
                Ring::Sealing => credentials.use_keys(sealing_keys(keys, &master)?),
            }
            Ok(())
        };
        // An earlier change with an unknown outcome may have been stored, and a repetition of it is refused.
        use_keys(&keys)?;
        let new = ring.new_key(&master, ambient.as_ref(), now).await?;
        let after = changed(ring, &keys, change, new, now)?;
        save(ring, store.as_ref(), version + 1, &after).await?;
        use_keys(&after)?;
        Ok(after)
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
