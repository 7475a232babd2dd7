//! Access keys besides the root key, each with a policy: a record each, with a sealed secret.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::app::access::resource::Resource;
use crate::app::keys::resealing::reseal;
use crate::app::{App, Call, records};
use crate::credentials::{access_key_id, secret_key};
use crate::model::access_key::AccessKeyRecord;
use crate::policy::{Policy, PolicyError, PolicyKind};
use crate::seal::master_keys::{MasterKeys, Unopened};
use crate::store::StoreError;
use crate::store::catalog::Snapshot;
use crate::store::record::{PutOutcome, RecordKind, RecordWrite};

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
    /// The unique id of the user that the key signs as, which no later key has.
    pub user_id: String,
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
    /// Another key has this id.
    #[error("a key has this id")]
    IdTaken,
    /// A chosen id or secret can't be that of an access key.
    #[error("the id or the secret is not that of an access key")]
    NoPair,
    /// There are [`MOST`] access keys already.
    #[error("too many access keys")]
    TooMany,
    /// No access key has this id.
    #[error("no such access key")]
    NoKey,
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The enabled keys of a snapshot, parsed and unsealed.
pub(in crate::app) fn unseal(
    snapshot: &Snapshot,
    master: &MasterKeys,
) -> Result<AccessKeys, AccessKeyError> {
    let enabled = snapshot.access_keys().filter(|key| key.enabled);
    let open = |key: &Arc<AccessKeyRecord>| {
        let sealed = STANDARD.decode(&key.sealed).ok()?;
        let secret = master.open(PURPOSE, &key.id, &sealed)?;
        let ready = AccessKey {
            name: key.name.clone(),
            user_id: key.user_id(),
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

/// The record sealed again under the first master key; `None` if it is.
pub(in crate::app) fn resealed(
    record: &AccessKeyRecord,
    master: &MasterKeys,
    ambient: &dyn Ambient,
) -> Result<Option<AccessKeyRecord>, Unopened> {
    let sealed = reseal(master, (PURPOSE, &record.id), &record.sealed, ambient)?;
    Ok(sealed.map(|sealed| AccessKeyRecord {
        sealed,
        ..record.clone()
    }))
}

fn parse(policy: &str) -> Result<Policy, PolicyError> {
    Policy::parse(PolicyKind::Identity, policy.as_bytes(), LONGEST_POLICY)
}

/// The enabled access keys, by their ids: those that may sign now.
pub fn enabled(app: &App) -> Arc<AccessKeys> {
    app.records.keys.access_keys()
}

/// All access keys, the oldest first.
pub fn list(app: &App) -> Result<Vec<Arc<AccessKeyRecord>>, AccessKeyError> {
    let mut keys: Vec<_> = app.records.snapshot()?.access_keys().cloned().collect();
    keys.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
    Ok(keys)
}

/// The user that the access key with this id signs as, for authorisation; all resources if no key has the id.
pub fn resource(call: &Call<'_>, id: &str) -> Result<Resource, AccessKeyError> {
    let keys = list(call.app)?;
    let key = keys.iter().find(|key| key.id == id);
    let account = &call.app.config.account_id;
    Ok(key.map_or_else(Resource::any, |key| Resource::user(&key.name, account)))
}

/// Changes the access key with this id: `change` makes the write from the record. It runs again whenever another request
/// changes the key at the same time.
async fn change(
    call: &Call<'_>,
    id: &str,
    change: impl Fn(&AccessKeyRecord) -> RecordWrite,
) -> Result<(), AccessKeyError> {
    loop {
        let keys = list(call.app)?;
        let key = keys.iter().find(|key| key.id == id);
        let write = change(key.ok_or(AccessKeyError::NoKey)?);
        match records::put(call, write).await? {
            PutOutcome::Stored(_) => return Ok(()),
            PutOutcome::Conflict(_) | PutOutcome::Absent(_) | PutOutcome::LimitReached(_) => {}
        }
    }
}

/// Makes an access key. Returns its id and its secret, which is not shown again.
pub async fn create(
    call: &Call<'_>,
    name: String,
    policy: String,
) -> Result<(String, Zeroizing<String>), AccessKeyError> {
    let ambient = call.app.ambient.as_ref();
    let mut bytes = Zeroizing::new([0; 32]);
    ambient.fill(bytes.as_mut());
    let pair = (access_key_id("AKIA", ambient), secret_key(&bytes));
    add(call, name, policy, pair).await
}

/// Makes an access key with an id and a secret that the caller chose.
pub async fn create_with(
    call: &Call<'_>,
    name: String,
    policy: String,
    pair: (String, Zeroizing<String>),
) -> Result<(), AccessKeyError> {
    check_pair(&pair)?;
    let root = call.app.records.keys.root_key(&pair.0);
    if root.is_some() || list(call.app)?.iter().any(|key| key.id == pair.0) {
        return Err(AccessKeyError::IdTaken);
    }
    add(call, name, policy, pair).await.map(drop)
}

/// Sessions have ids that begin with `ASIA`.
fn check_pair((id, secret): &(String, Zeroizing<String>)) -> Result<(), AccessKeyError> {
    let of_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let is_id = (16..=128).contains(&id.len()) && id.bytes().all(of_id) && !id.starts_with("ASIA");
    let is_secret =
        (16..=256).contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_graphic());
    if is_id && is_secret {
        Ok(())
    } else {
        Err(AccessKeyError::NoPair)
    }
}

/// Whether the key has this secret.
pub fn has_secret(app: &App, key: &AccessKeyRecord, secret: &str) -> bool {
    let sealed = STANDARD.decode(&key.sealed).ok();
    let opened = sealed.and_then(|sealed| app.master_key.open(PURPOSE, &key.id, &sealed));
    opened.is_some_and(|opened| opened.as_slice() == secret.as_bytes())
}

/// Replaces the policy of the access key with this id, and its secret if there is a new one.
pub async fn replace(
    call: &Call<'_>,
    id: &str,
    policy: &str,
    secret: Option<&Zeroizing<String>>,
) -> Result<(), AccessKeyError> {
    check_policy(policy)?;
    if let Some(secret) = secret {
        check_pair(&(id.to_owned(), secret.clone()))?;
    }
    change(call, id, |key| {
        let sealed = secret.map(|secret| seal(call, id, secret));
        let changed = AccessKeyRecord {
            policy: policy.to_owned(),
            sealed: sealed.unwrap_or_else(|| key.sealed.clone()),
            ..key.clone()
        };
        RecordWrite::replace(&changed, key.version)
    })
    .await
}

fn check_policy(policy: &str) -> Result<(), AccessKeyError> {
    let parsed = parse(policy).map_err(AccessKeyError::Policy)?;
    parsed.check_keys().map_err(AccessKeyError::Policy)
}

fn seal(call: &Call<'_>, id: &str, secret: &Zeroizing<String>) -> String {
    let (master, ambient) = (&call.app.master_key, call.app.ambient.as_ref());
    STANDARD.encode(master.seal(PURPOSE, id, secret.as_bytes(), ambient))
}

async fn add(
    call: &Call<'_>,
    name: String,
    policy: String,
    (id, secret): (String, Zeroizing<String>),
) -> Result<(String, Zeroizing<String>), AccessKeyError> {
    check_policy(&policy)?;
    let key = AccessKeyRecord {
        sealed: seal(call, &id, &secret),
        id: id.clone(),
        user_id: Some(access_key_id("AIDA", call.app.ambient.as_ref())),
        name,
        policy,
        enabled: true,
        created: call.now,
        version: 0,
    };
    match records::put(call, RecordWrite::add(&key, MOST)).await? {
        PutOutcome::Stored(_) => Ok((id, secret)),
        PutOutcome::LimitReached(_) => Err(AccessKeyError::TooMany),
        PutOutcome::Conflict(_) | PutOutcome::Absent(_) => Err(AccessKeyError::NameTaken),
    }
}

/// Enables or disables an access key.
pub async fn enable(call: &Call<'_>, id: &str, enabled: bool) -> Result<(), AccessKeyError> {
    change(call, id, |key| {
        let changed = AccessKeyRecord {
            enabled,
            ..key.clone()
        };
        RecordWrite::replace(&changed, key.version)
    })
    .await
}

/// Removes an access key.
pub async fn remove(call: &Call<'_>, id: &str) -> Result<(), AccessKeyError> {
    change(call, id, |key| {
        RecordWrite::delete(RecordKind::AccessKey, &key.name, key.version)
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
            user_id: "AIDAIOSFODNN7EXAMPLE".to_owned(),
            policy: parse(policy).unwrap(),
            secret: Zeroizing::new("hidden".to_owned()),
        };
        let printed = format!("{key:?}");
        assert!(printed.contains("ci") && !printed.contains("hidden"));
    }
}
