//! Access keys besides the root key, each with a policy. They are stored in one document with sealed secrets; the enabled
//! keys are also kept parsed in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::app::{App, Call};
use crate::credentials::{access_key_id, secret_key};
use crate::model::json;
use crate::policy::{Kind, Policy, PolicyError};
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
    /// The name of the key: 1 to 64 of `[\w+=,.@-]`, unique.
    pub name: String,
    /// The policy of the key.
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

/// The stored form of an access key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessKeyRecord {
    /// The access key id, which begins with `AKIA`.
    pub id: String,
    /// The name of the key.
    pub name: String,
    /// The policy document, as it was written.
    pub policy: String,
    /// Whether the key may sign requests.
    pub enabled: bool,
    /// The time at which the key was made.
    pub created: Timestamp,
    sealed: String,
}

/// Why access keys can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessKeyError {
    /// The stored keys were sealed under another master key, or are malformed.
    #[error(
        "the stored access keys don't open under this master key: is it the master key of this data directory?"
    )]
    Unreadable,
    /// The document is not a policy.
    #[error(transparent)]
    Policy(PolicyError),
    /// Another access key has this name.
    #[error("an access key has this name")]
    NameTaken,
    /// There are [`MOST`] access keys already.
    #[error("too many access keys")]
    TooMany,
    /// No access key has this id.
    #[error("no such access key")]
    NoKey,
    /// Another server or request changed the access keys at the same time.
    #[error("the access keys were changed by another request meanwhile")]
    Changed,
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The stored keys and the version of their document.
async fn load_records(store: &dyn Store) -> Result<(u64, Vec<AccessKeyRecord>), AccessKeyError> {
    match store.document(DocumentName::AccessKeys).await? {
        None => Ok((0, Vec::new())),
        Some(document) => {
            let keys = json::read_as(&document.bytes).map_err(|_| AccessKeyError::Unreadable)?;
            Ok((document.version, keys))
        }
    }
}

/// The enabled keys, parsed and unsealed.
pub(in crate::app) async fn load(
    store: &dyn Store,
    master: &SealKey,
) -> Result<AccessKeys, AccessKeyError> {
    unseal(&load_records(store).await?.1, master)
}

fn unseal(keys: &[AccessKeyRecord], master: &SealKey) -> Result<AccessKeys, AccessKeyError> {
    let enabled = keys.iter().filter(|key| key.enabled);
    let open = |key: &AccessKeyRecord| {
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
    Policy::parse(Kind::Identity, policy.as_bytes(), LONGEST_POLICY)
}

/// All access keys, the oldest first.
pub async fn list(app: &App) -> Result<Vec<AccessKeyRecord>, AccessKeyError> {
    Ok(load_records(app.store.as_ref()).await?.1)
}

/// Changes the access keys in the store and then in use.
async fn change(
    app: &App,
    change: impl FnOnce(&mut Vec<AccessKeyRecord>) -> Result<(), AccessKeyError> + Send + 'static,
) -> Result<(), AccessKeyError> {
    let (store, in_use) = (Arc::clone(&app.store), Arc::clone(&app.access_keys));
    let (master, changes) = (app.master_key.clone(), Arc::clone(&app.key_changes));
    // The change runs in a task of its own: if the client disconnects, the keys in use must still equal the stored keys.
    let changing = tokio::spawn(async move {
        // Serialise changes so that the keys in use are always the keys last stored.
        let _one_at_a_time = changes.lock().await;
        let (version, mut keys) = load_records(store.as_ref()).await?;
        // An earlier change with an unknown outcome may have been stored, and a repetition of it is refused.
        in_use.store(Arc::new(unseal(&keys, &master)?));
        change(&mut keys)?;
        let unsealed = unseal(&keys, &master)?;
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
        in_use.store(Arc::new(unsealed));
        Ok(())
    });
    changing.await.expect("a change of keys doesn't panic")
}

/// Makes an access key. Returns its id and its secret, which is not shown again.
pub async fn create(
    call: &Call<'_>,
    name: String,
    policy: String,
) -> Result<(String, Zeroizing<String>), AccessKeyError> {
    parse(&policy).map_err(AccessKeyError::Policy)?;
    let ambient = call.app.ambient.as_ref();
    let mut bytes = Zeroizing::new([0; 32]);
    ambient.fill(bytes.as_mut());
    let (id, secret) = (access_key_id("AKIA", ambient), secret_key(&bytes));
    let master = &call.app.master_key;
    let sealed = master.seal(PURPOSE, &id, secret.as_bytes(), ambient);
    let key = AccessKeyRecord {
        id: id.clone(),
        name,
        policy,
        enabled: true,
        created: call.now,
        sealed: STANDARD.encode(sealed),
    };
    change(call.app, move |keys| {
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

/// Enables or disables an access key.
pub async fn enable(app: &App, id: String, enabled: bool) -> Result<(), AccessKeyError> {
    change(app, move |keys| {
        let key = keys.iter_mut().find(|key| key.id == id);
        key.ok_or(AccessKeyError::NoKey)?.enabled = enabled;
        Ok(())
    })
    .await
}

/// Removes an access key.
pub async fn remove(app: &App, id: String) -> Result<(), AccessKeyError> {
    change(app, move |keys| {
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
