//! Changes that a backup lacks and an audit log has: revocations, deletions of identities and disabled keys are repeated in
//! the restored store. Nothing is restored or enabled, and other changes are only named.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::audit::LONGEST_CALL;
use super::keys::guest_key;
use super::offline_store::{OpenStore, StoreLocation};
use super::open::{StartError, existing_master_key};
use super::records::moment;
use crate::ambient::Ambient;
use crate::audit::log_files;
use crate::config::Config;
use crate::model::access_key::AccessKeyRecord;
use crate::model::identity::{Identity, Revocation};
use crate::model::json;
use crate::store::catalog::{Catalog, Snapshot};
use crate::store::event::Origin;
use crate::store::identities::{Answer, Delete, PoolRef, PoolVersion, Question, Revoke};
use crate::store::record::{PutOutcome, RecordKind, RecordWrite};
use crate::store::{Store, StoreError};

/// How many identities one page has while the owners of handles are looked for.
const PAGE: usize = 1000;

/// The errors of calls that may have changed something nevertheless.
const UNCLEAR: [&str; 3] = ["InternalErrorException", "RequestAborted", "ServiceFailure"];

/// Why an audit log isn't applied.
#[derive(Debug, thiserror::Error)]
pub enum MissingChangesError {
    /// The file can't be read.
    #[error("the audit log {path} can't be read")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A line is not one of the audit log.
    #[error("line {line} of {path} is not a line of an audit log: nothing was restored")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number.
        line: usize,
    },
    /// The store or its master key can't be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something changed while it was repeated, which nothing else should do.
    #[error("the restored store changed while changes were repeated")]
    Changed,
}

/// The changes of an audit log since some time: of each object, the last one counts.
#[derive(Debug, Default)]
pub struct LoggedChanges {
    /// By an identity's UUID, or the handle of a guest.
    identities: HashMap<String, IdentityChange>,
    /// By access key id.
    access_keys: HashMap<String, KeyChange>,
    /// How many other changes there are, by operation.
    others: BTreeMap<String, usize>,
    newest: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IdentityChange {
    Revoked(Revocation),
    Restored,
    Deleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyChange {
    Disabled,
    Enabled,
    Deleted,
}

/// What was repeated.
#[derive(Debug, Default)]
pub struct RepeatedChanges {
    /// How many identities are revoked.
    pub revoked: usize,
    /// How many identities are deleted.
    pub deleted: usize,
    /// How many access keys are disabled or deleted.
    pub keys: usize,
    /// How many of these objects the backup doesn't have: they were made after it.
    pub absent: usize,
    /// How many other changes there are, by operation; they aren't repeated.
    pub others: BTreeMap<String, usize>,
    /// The time of the log's newest line.
    pub newest: Option<Timestamp>,
}

/// Reads the changes since `since` from an audit log: the file, and the files of the same log that were rotated.
pub fn read(path: &Path, since: Option<Timestamp>) -> Result<LoggedChanges, MissingChangesError> {
    let since = since.map(|since| since - LONGEST_CALL);
    let mut changes = LoggedChanges::default();
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| MissingChangesError::File { path, source }
    };
    for file in log_files(path).map_err(failed(path))? {
        let text = std::fs::read(&file).map_err(failed(&file))?;
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let parsed = json::read(line).ok();
            let parsed = parsed.and_then(|line| Some((time_of(&line)?, line)));
            let Some((time, line)) = parsed else {
                let (path, line) = (file.clone(), at + 1);
                return Err(MissingChangesError::Line { path, line });
            };
            changes.newest = changes.newest.max(Some(time));
            if since.is_none_or(|since| time >= since) {
                changes.add(&line);
            }
        }
    }
    Ok(changes)
}

fn time_of(line: &Value) -> Option<Timestamp> {
    line["eventName"].as_str()?;
    line["eventTime"].as_str()?.parse().ok()
}

impl LoggedChanges {
    fn add(&mut self, line: &Value) {
        let error = line["errorCode"].as_str();
        if error.is_some_and(|error| !UNCLEAR.contains(&error)) {
            return;
        }
        let input = &line["requestParameters"];
        let name = line["eventName"].as_str().unwrap_or_default();
        match name {
            "RevokeIdentity" => {
                let reach = match input["onlyThisPool"].as_bool() {
                    Some(true) => Revocation::ThisPool,
                    _ => Revocation::EveryPool,
                };
                self.identity(&input["identityId"], IdentityChange::Revoked(reach));
            }
            // Where its outcome is unclear, a revocation stays.
            "RestoreIdentity" if error.is_none() => {
                self.identity(&input["identityId"], IdentityChange::Restored);
            }
            "DeleteIdentities" => {
                for id in input["identityIdsToDelete"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    self.identity(id, IdentityChange::Deleted);
                }
            }
            "UpdateAccessKey" => {
                let change = match input["status"].as_str() {
                    Some("Active") if error.is_none() => KeyChange::Enabled,
                    Some("Active") => return,
                    _ => KeyChange::Disabled,
                };
                self.key(input, change);
            }
            "DeleteAccessKey" => self.key(input, KeyChange::Deleted),
            _ if line["readOnly"] == false
                && line["eventCategory"] == "Management"
                && line["eventType"] == "AwsApiCall" =>
            {
                *self.others.entry(name.to_owned()).or_default() += 1;
            }
            _ => {}
        }
        // The line of a change that was never answered has no input.
        for change in line["additionalEventData"]["changes"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let kind = match change["type"].as_str() {
                Some("identity.revoked") => IdentityChange::Revoked(Revocation::EveryPool),
                Some("identity.deleted") => IdentityChange::Deleted,
                _ => continue,
            };
            for subject in change["subjects"].as_array().into_iter().flatten() {
                self.identity(&subject["identity"], kind);
            }
        }
    }

    fn identity(&mut self, id: &Value, change: IdentityChange) {
        let Some(id) = id.as_str() else {
            return;
        };
        let bare = id.rsplit_once(':').map_or(id, |(_, bare)| bare);
        self.identities.insert(bare.to_owned(), change);
    }

    fn key(&mut self, input: &Value, change: KeyChange) {
        if let Some(id) = input["accessKeyId"].as_str() {
            self.access_keys.insert(id.to_owned(), change);
        }
    }
}

/// Repeats changes in the store of a directory that no server uses. Needs the master key of `config`.
pub async fn repeat(
    changes: LoggedChanges,
    folder: &Path,
    config: &Config,
    ambient: &Arc<dyn Ambient>,
) -> Result<RepeatedChanges, MissingChangesError> {
    let master = existing_master_key(config)?;
    let location = StoreLocation::Directory(folder.to_owned());
    let opened = OpenStore::existing(&location, ambient).await?;
    let repeated = async {
        let store = opened.store();
        let catalog = Catalog::load(store, moment(ambient.as_ref())).await?;
        let snapshot = catalog.newest();
        let guests = guest_key::read(&snapshot, &master).map_err(StartError::from)?;
        let origin = Origin::of_server("Restore", ambient.as_ref(), &guests);
        let mut repeated = RepeatedChanges {
            others: changes.others.clone(),
            newest: changes.newest,
            ..RepeatedChanges::default()
        };
        let owners = owners(store, &snapshot, &changes, &origin).await?;
        for (name, change) in &changes.identities {
            repeat_identity(store, owners.get(name), *change, &origin, &mut repeated).await?;
        }
        for (id, change) in &changes.access_keys {
            let key = snapshot.access_keys().find(|key| key.id == *id);
            repeat_key(store, key.map(Arc::as_ref), *change, &origin, &mut repeated).await?;
        }
        Ok(repeated)
    }
    .await;
    opened.close().await;
    repeated
}

/// The identities with these UUIDs and handles. A handle has no way back, so that all identities are looked at for it.
async fn owners(
    store: &dyn Store,
    snapshot: &Snapshot,
    changes: &LoggedChanges,
    origin: &Origin,
) -> Result<HashMap<String, Identity>, StoreError> {
    let mut owners = HashMap::new();
    for name in changes.identities.keys() {
        let Ok(uuid) = Uuid::try_parse(name) else {
            continue;
        };
        if let Answer::Identity(identity) | Answer::Orphan(identity) =
            crate::store::ask(store, &Question::Find(uuid), || origin.clone()).await?
        {
            owners.insert(name.clone(), identity);
        }
    }
    if changes
        .identities
        .keys()
        .all(|name| !name.starts_with("guest-"))
    {
        return Ok(owners);
    }
    for pool in snapshot.pool_refs() {
        let mut after = None;
        loop {
            let page = store.list_identities(pool, after, PAGE, true).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = Some(last.id);
            for identity in page {
                let handle = origin.guests.handle(identity.id);
                if changes.identities.contains_key(&handle) {
                    owners.insert(handle, identity);
                }
            }
        }
    }
    Ok(owners)
}

async fn repeat_identity(
    store: &dyn Store,
    identity: Option<&Identity>,
    change: IdentityChange,
    origin: &Origin,
    repeated: &mut RepeatedChanges,
) -> Result<(), MissingChangesError> {
    if change == IdentityChange::Restored {
        return Ok(());
    }
    let pool = match identity {
        Some(identity) => {
            store
                .record(RecordKind::Pool, &identity.pool.to_string())
                .await?
        }
        None => None,
    };
    let (Some(identity), Some(pool)) = (identity, pool) else {
        repeated.absent += 1;
        return Ok(());
    };
    let pool = PoolVersion {
        pool: PoolRef {
            id: identity.pool,
            incarnation: identity.incarnation,
        },
        version: pool.version,
    };
    let question = match change {
        IdentityChange::Revoked(reach) => Question::Revoke(Revoke {
            pool,
            identity: identity.id,
            revocation: Some(reach),
        }),
        IdentityChange::Deleted | IdentityChange::Restored => Question::Delete(Delete {
            identities: vec![(pool, identity.id)],
        }),
    };
    match crate::store::ask(store, &question, || origin.clone()).await? {
        Answer::Deleted { kept } if kept.is_empty() => repeated.deleted += 1,
        // An identity that the backup has as revoked stays, and stays revoked.
        Answer::Identity(_) | Answer::Deleted { .. } => repeated.revoked += 1,
        Answer::Missing(_) | Answer::Orphan(_) => repeated.absent += 1,
        Answer::Refused(_) | Answer::PoolChanged | Answer::IdentityChanged => {
            return Err(MissingChangesError::Changed);
        }
    }
    Ok(())
}

async fn repeat_key(
    store: &dyn Store,
    key: Option<&AccessKeyRecord>,
    change: KeyChange,
    origin: &Origin,
    repeated: &mut RepeatedChanges,
) -> Result<(), MissingChangesError> {
    let Some(key) = key else {
        repeated.absent += usize::from(change != KeyChange::Enabled);
        return Ok(());
    };
    let write = match change {
        KeyChange::Enabled => return Ok(()),
        KeyChange::Deleted => RecordWrite::delete(RecordKind::AccessKey, &key.name, key.version),
        KeyChange::Disabled => {
            let disabled = AccessKeyRecord {
                enabled: false,
                ..key.clone()
            };
            RecordWrite::replace(&disabled, key.version)
        }
    };
    match store.put(&[write], origin).await? {
        PutOutcome::Stored(_) => repeated.keys += 1,
        _ => return Err(MissingChangesError::Changed),
    }
    Ok(())
}
