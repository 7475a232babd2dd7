//! The key rings in the store: made at the first start, rotated on demand, handed to whoever signs and seals.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::App;
use crate::ambient::Ambient;
use crate::credentials::{KeyId, SealingKeys};
use crate::model::json::{self, JsonError};
use crate::model::key_ring::{KeyRing, Lifetimes, NotRotated, RingKey};
use crate::seal::SealKey;
use crate::store::{Document, DocumentName, Replaced, Store, StoreError};
use crate::tokens::{NewSigningKey, SigningKey, SigningKeyError, SigningKeys};

/// For how many seconds others may keep a copy of the published key set.
pub const KEY_SET_MAX_AGE: i64 = 300;

/// What a ring's keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// They sign OpenID tokens.
    Signing,
    /// They seal session tokens.
    Sealing,
}

/// Why a ring can't be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It wasn't sealed under this master key.
    #[error(
        "the stored keys don't open under this master key: is it the master key of this data directory?"
    )]
    Sealed,
    /// What is stored is no ring.
    #[error("the stored keys can't be read")]
    Unreadable(#[source] JsonError),
    /// A signing key can't be made or read.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyError),
    /// The rule says no.
    #[error("the keys can't be rotated now")]
    NotRotated(NotRotated),
    /// Somebody else rotated it meanwhile.
    #[error("the keys were rotated by somebody else meanwhile")]
    Changed,
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a ring is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The next key is used from now on, the current one is believed on.
    Rotate,
    /// The key with this id, or the current one, is forgotten at once.
    Drop(Option<String>),
}

impl Ring {
    const fn document(self) -> DocumentName {
        match self {
            Self::Signing => DocumentName::SigningKeys,
            Self::Sealing => DocumentName::SealingKeys,
        }
    }

    /// How long its keys matter. A developer's token lives for a day at most, a session for twelve hours; the margin is
    /// for clocks that differ.
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
                // Two primes take a tenth of a second.
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

/// That every key that is stored opens under this master key.
pub(super) async fn check(store: &dyn Store, master: &SealKey) -> Result<(), KeysError> {
    if let Some((_, keys)) = load(Ring::Signing, store).await? {
        signing_keys(&keys, master)?;
    }
    if let Some((_, keys)) = load(Ring::Sealing, store).await? {
        sealing_keys(&keys, master)?;
    }
    Ok(())
}

/// The ring as it is stored; made if there is none yet.
pub(super) async fn load_or_make(
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

/// A ring's keys, ready to sign.
pub(super) fn signing_keys(keys: &KeyRing, master: &SealKey) -> Result<SigningKeys, KeysError> {
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

/// A ring's keys, ready to seal.
pub(super) fn sealing_keys(keys: &KeyRing, master: &SealKey) -> Result<SealingKeys, KeysError> {
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

impl App {
    /// The ring as it is stored.
    pub async fn ring(&self, ring: Ring) -> Result<KeyRing, KeysError> {
        load_or_make(
            ring,
            self.store.as_ref(),
            &self.master_key,
            self.ambient.as_ref(),
        )
        .await
    }

    /// Changes a ring in the store and then in use. Says what it has become.
    pub async fn change_ring(
        &self,
        ring: Ring,
        change: Change,
        now: Timestamp,
    ) -> Result<KeyRing, KeysError> {
        let (store, ambient) = (Arc::clone(&self.store), Arc::clone(&self.ambient));
        let (tokens, credentials) = (Arc::clone(&self.tokens), Arc::clone(&self.credentials));
        let (master, changes) = (self.master_key.clone(), Arc::clone(&self.key_changes));
        // A task of its own: a client that goes away must not leave a key in use that the store has forgotten.
        let changing = tokio::spawn(async move {
            // Of two at once, the one that is in the store last must also be in use last.
            let _one_at_a_time = changes.lock().await;
            let (version, keys) = load(ring, store.as_ref())
                .await?
                .ok_or(KeysError::Changed)?;
            let use_them = |keys: &KeyRing| -> Result<(), KeysError> {
                match ring {
                    Ring::Signing => tokens.use_keys(signing_keys(keys, &master)?),
                    Ring::Sealing => credentials.use_keys(sealing_keys(keys, &master)?),
                }
                Ok(())
            };
            // A change that the store lost track of may have been kept, and then asking again is refused.
            use_them(&keys)?;
            let new = ring.new_key(&master, ambient.as_ref(), now).await?;
            let ring_now = changed(ring, &keys, change, new, now)?;
            save(ring, store.as_ref(), version + 1, &ring_now).await?;
            use_them(&ring_now)?;
            Ok(ring_now)
        });
        changing.await.expect("a change of keys doesn't panic")
    }
}

fn changed(
    ring: Ring,
    keys: &KeyRing,
    change: Change,
    new: RingKey,
    now: Timestamp,
) -> Result<KeyRing, KeysError> {
    let times = ring.lifetimes();
    let changed = match change {
        Change::Rotate => keys.rotate(new, times, now),
        Change::Drop(id) => {
            let id = id.unwrap_or_else(|| keys.current.id.clone());
            keys.drop_key(&id, new, times, now)
        }
    };
    changed.map_err(KeysError::NotRotated)
}
