//! Access keys beside the root key, each with a policy of what it may do. They lie in one document of the store, their
//! secrets sealed; the parsed ones are kept here.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{App, Call};
use crate::credentials::{access_key_id, secret_key};
use crate::model::json;
use crate::policy::{Policy, PolicyError, PolicyKind};
use crate::seal::SealKey;
use crate::store::{Document, DocumentName, Replaced, Store, StoreError};

/// How many access keys there may be.
pub const MOST: usize = 500;

/// How many characters a key's policy may have.
const LONGEST_POLICY: usize = 6144;

const PURPOSE: &str = "access key";

/// An access key that may sign.
#[derive(PartialEq, Eq)]
pub struct AccessKey {
    /// What the operator calls it: 1 to 64 of `[\w+=,.@-]`, unique.
    pub name: String,
    /// What it may do.
    pub policy: Policy,
    secret: Zeroizing<String>,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AccessKey")
            .field("name", &self.name)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl AccessKey {
    /// Its secret.
    pub fn secret(&self) -> &Zeroizing<String> {
        &self.secret
    }
}

/// The access keys that may sign, by their ids.
pub type AccessKeys = HashMap<String, Arc<AccessKey>>;

/// An access key as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptKey {
    /// Its id, beginning with `AKIA`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its policy, as it was written.
    pub policy: String,
    /// Whether it may sign.
    pub enabled: bool,
    /// When it was made.
    pub created: Timestamp,
    sealed: String,
}

/// Why access keys can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessKeyError {
    /// The stored ones weren't sealed under this master key, or can't be read.
    #[error(
        "the stored access keys don't open under this master key: is it the master key of this data directory?"
    )]
    Unreadable,
    /// The policy is none.
    #[error(transparent)]
    Policy(PolicyError),
    /// There is one with this name.
    #[error("an access key has this name")]
    NameTaken,
    /// There are [`MOST`].
    #[error("too many access keys")]
    TooMany,
    /// There is none with this id.
    #[error("no such access key")]
    NoKey,
    /// Somebody else changed them meanwhile.
    #[error("the access keys were changed by somebody else meanwhile")]
    Changed,
    /// The store can't say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The stored keys and the version of their document.
async fn kept(store: &dyn Store) -> Result<(u64, Vec<KeptKey>), AccessKeyError> {
    match store.document(DocumentName::AccessKeys).await? {
        None => Ok((0, Vec::new())),
        Some(document) => {
            let keys = json::read_as(&document.bytes).map_err(|_| AccessKeyError::Unreadable)?;
            Ok((document.version, keys))
        }
    }
}

/// The stored keys that may sign, ready to.
pub(super) async fn load(
    store: &dyn Store,
    master: &SealKey,
) -> Result<AccessKeys, AccessKeyError> {
    ready(&kept(store).await?.1, master)
}

fn ready(keys: &[KeptKey], master: &SealKey) -> Result<AccessKeys, AccessKeyError> {
    let enabled = keys.iter().filter(|key| key.enabled);
    let open = |key: &KeptKey| {
        let sealed = STANDARD.decode(&key.sealed).ok()?;
        let secret = master.open(PURPOSE, &key.id, &sealed)?;
        let ready = AccessKey {
            name: key.name.clone(),
            policy: parse(&key.policy).ok()?,
            secret: Zeroizing::new(String::from_utf8(secret).ok()?),
        };
        Some((key.id.clone(), Arc::new(ready)))
    };
    enabled
        .map(open)
        .collect::<Option<_>>()
        .ok_or(AccessKeyError::Unreadable)
}

fn parse(policy: &str) -> Result<Policy, PolicyError> {
    Policy::parse(PolicyKind::Identity, policy.as_bytes(), LONGEST_POLICY)
}

impl App {
    /// All access keys, the oldest first.
    pub async fn access_keys(&self) -> Result<Vec<KeptKey>, AccessKeyError> {
        Ok(kept(self.store.as_ref()).await?.1)
    }

    /// Changes the access keys in the store and then in use.
    async fn change_access_keys(
        &self,
        change: impl FnOnce(&mut Vec<KeptKey>) -> Result<(), AccessKeyError> + Send + 'static,
    ) -> Result<(), AccessKeyError> {
        let (store, in_use) = (Arc::clone(&self.store), Arc::clone(&self.access_keys));
        let (master, changes) = (self.master_key.clone(), Arc::clone(&self.key_changes));
        // A task of its own: a client that goes away must not leave a key in use that the store has forgotten.
        let changing = tokio::spawn(async move {
            // Of two at once, the one that is in the store last must also be in use last.
            let _one_at_a_time = changes.lock().await;
            let (version, mut keys) = kept(store.as_ref()).await?;
            // A change that the store lost track of may have been kept, and then asking again is refused.
            in_use.store(Arc::new(ready(&keys, &master)?));
            change(&mut keys)?;
            let ready = ready(&keys, &master)?;
            let bytes = serde_json::to_vec(&keys).expect("access keys can be written");
            let document = Document {
                version: version + 1,
                bytes,
            };
            match store
                .replace_document(DocumentName::AccessKeys, document)
                .await?
            {
                Replaced::Replaced => {}
                Replaced::Changed | Replaced::Absent => return Err(AccessKeyError::Changed),
            }
            in_use.store(Arc::new(ready));
            Ok(())
        });
        changing.await.expect("a change of keys doesn't panic")
    }

    /// Lets an access key sign, or no longer.
    pub async fn enable_access_key(&self, id: String, enabled: bool) -> Result<(), AccessKeyError> {
        self.change_access_keys(move |keys| {
            let key = keys.iter_mut().find(|key| key.id == id);
            key.ok_or(AccessKeyError::NoKey)?.enabled = enabled;
            Ok(())
        })
        .await
    }

    /// Forgets an access key.
    pub async fn remove_access_key(&self, id: String) -> Result<(), AccessKeyError> {
        self.change_access_keys(move |keys| {
            let before = keys.len();
            keys.retain(|key| key.id != id);
            if keys.len() == before {
                Err(AccessKeyError::NoKey)
            } else {
                Ok(())
            }
        })
        .await
    }
}

impl Call<'_> {
    /// Makes an access key, and gives its id and its secret, which is told only now.
    pub async fn new_access_key(
        &self,
        name: String,
        policy: String,
    ) -> Result<(String, Zeroizing<String>), AccessKeyError> {
        parse(&policy).map_err(AccessKeyError::Policy)?;
        let ambient = self.app.ambient.as_ref();
        let mut bytes = Zeroizing::new([0; 32]);
        ambient.fill(bytes.as_mut());
        let (id, secret) = (access_key_id("AKIA", ambient), secret_key(&bytes));
        let sealed = self
            .app
            .master_key
            .seal(PURPOSE, &id, secret.as_bytes(), ambient);
        let key = KeptKey {
            id: id.clone(),
            name,
            policy,
            enabled: true,
            created: self.now,
            sealed: STANDARD.encode(sealed),
        };
        self.app
            .change_access_keys(move |keys| {
                if keys.iter().any(|other| other.name == key.name) {
                    return Err(AccessKeyError::NameTaken);
                }
                if keys.len() >= MOST {
                    return Err(AccessKeyError::TooMany);
                }
                keys.push(key);
                Ok(())
            })
            .await?;
        Ok((id, secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let key = AccessKey {
            name: "ci".to_owned(),
            policy: parse(policy).unwrap(),
            secret: Zeroizing::new("hidden".to_owned()),
        };
        let printed = format!("{key:?}");
        assert!(printed.contains("ci") && !printed.contains("hidden"));
    }
}
