//! Records: pools, providers, roles, keys and settings, each a JSON document under a kind and a key. A record is replaced
//! as a whole with its expected version (compare-and-swap), and each transaction that writes records raises the one
//! revision. A deletion is a record without a document (a tombstone).

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::event::{Event, EventKind, Origin, Subject};
use crate::model::json;

/// The kinds of record that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// An identity pool, under its UUID, in the scope of its region.
    Pool,
    /// An OpenID Connect provider, under its name without a final slash.
    OidcProvider,
    /// A SAML provider, under its name.
    SamlProvider,
    /// A managed policy, under its name in lower case.
    ManagedPolicy,
    /// A role, under its name in lower case.
    Role,
    /// A key ring, under its purpose.
    KeyRing,
    /// The root access key.
    RootKey,
    /// An access key, under its name.
    AccessKey,
    /// A deleted pool with identities that are still to be deleted, under its UUID and incarnation.
    DeletedPool,
    /// Which seed made an object, under the object's kind and key.
    SeedMark,
    /// The deployment that the stored data belongs to.
    Deployment,
    /// The key from which the handles of guests are made.
    GuestKey,
    /// When access keys were used last.
    AccessKeyUses,
}

const KINDS: [(RecordKind, &str); 13] = [
    (RecordKind::Pool, "pool"),
    (RecordKind::OidcProvider, "oidc-provider"),
    (RecordKind::SamlProvider, "saml-provider"),
    (RecordKind::ManagedPolicy, "managed-policy"),
    (RecordKind::Role, "role"),
    (RecordKind::KeyRing, "key-ring"),
    (RecordKind::RootKey, "root-key"),
    (RecordKind::AccessKey, "access-key"),
    (RecordKind::DeletedPool, "deleted-pool"),
    (RecordKind::SeedMark, "seed-mark"),
    (RecordKind::Deployment, "deployment"),
    (RecordKind::GuestKey, "guest-key"),
    (RecordKind::AccessKeyUses, "access-key-uses"),
];

impl RecordKind {
    /// The kind as it is stored.
    pub fn as_str(self) -> &'static str {
        let found = KINDS.iter().find(|(kind, _)| *kind == self);
        found.expect("every kind has a name").1
    }

    /// Whether a deletion of this kind is kept for ever: people choose the keys of these kinds, and a seed must not make
    /// again what was deleted.
    pub fn is_remembered(self) -> bool {
        match self {
            Self::Pool
            | Self::OidcProvider
            | Self::SamlProvider
            | Self::ManagedPolicy
            | Self::Role
            | Self::AccessKey => true,
            Self::KeyRing
            | Self::RootKey
            | Self::DeletedPool
            | Self::SeedMark
            | Self::Deployment
            | Self::GuestKey
            | Self::AccessKeyUses => false,
        }
    }

    /// The names of the kinds of which deletions are kept for ever, as a list of strings in SQL: `'pool', 'role'`.
    pub fn remembered_in_sql() -> String {
        let remembered = KINDS.iter().filter(|(kind, _)| kind.is_remembered());
        let names: Vec<String> = remembered.map(|(_, name)| format!("'{name}'")).collect();
        names.join(", ")
    }

    /// The kind with this name; `None` for a kind of another version.
    pub fn parse(name: &str) -> Option<Self> {
        let found = KINDS.iter().find(|(_, known)| *known == name);
        found.map(|(kind, _)| *kind)
    }
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its kind, which this version may not know.
    pub kind: String,
    /// Its key, unique in its kind.
    pub key: String,
    /// The group in which a limit counts it, such as a region; empty where the kind is one group.
    pub scope: String,
    /// 1 for the first; one more with every replacement, deletion and return.
    pub version: u64,
    /// The revision of the transaction that wrote it.
    pub revision: u64,
    /// Its document; `None` where the record is deleted.
    pub json: Option<String>,
    /// When it was written, in whole milliseconds.
    pub written: Timestamp,
    /// The id of the request that wrote it, by which a transaction that runs again recognises its own result.
    pub request_id: Uuid,
}

/// A replacement or a deletion of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordWrite {
    /// Its kind.
    pub kind: RecordKind,
    /// Its key.
    pub key: String,
    /// Its scope.
    pub scope: String,
    /// The version that is replaced; 0 where no record is there.
    pub expected: u64,
    /// The new document; `None` deletes the record.
    pub json: Option<String>,
    /// How many records of its kind and scope there may be, where it is a new one.
    pub limit: Option<usize>,
}

impl RecordWrite {
    /// Adds a record, where there are fewer than `limit` of its kind and scope.
    pub fn add(record: &impl Stored, limit: usize) -> Self {
        Self {
            limit: Some(limit),
            ..Self::replace(record, 0)
        }
    }

    /// Replaces the version `expected` of a record; 0 adds it.
    pub fn replace<R: Stored>(record: &R, expected: u64) -> Self {
        Self {
            kind: R::KIND,
            key: record.key(),
            scope: record.scope(),
            expected,
            json: Some(to_json(record)),
            limit: None,
        }
    }

    /// Deletes the version `expected` of a record.
    pub fn delete(kind: RecordKind, key: impl Into<String>, expected: u64) -> Self {
        Self {
            kind,
            key: key.into(),
            scope: String::new(),
            expected,
            json: None,
            limit: None,
        }
    }
}

/// What became of a [`super::Store::put`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOutcome {
    /// The records as they are stored now, in the order of the writes.
    Stored(Vec<Record>),
    /// The record of the write at this index has another version, or is there where none was expected.
    Conflict(usize),
    /// The record of the write at this index isn't there.
    Absent(usize),
    /// The kind and scope of the write at this index have as many records as they may.
    LimitReached(usize),
}

/// What [`plan`] needs to know about one write.
#[derive(Debug, Clone)]
pub struct Before {
    /// The record under its key, deleted or not.
    pub record: Option<Record>,
    /// How many records of its kind and scope are there; needed only where the write has a limit.
    pub count: usize,
}

/// Decides about `writes` where `before` is stored, each at its index: the records to store under `revision`, or the
/// outcome where nothing is written. A transaction that runs again finds its own result and changes nothing.
pub fn plan(
    writes: &[RecordWrite],
    before: &[Before],
    revision: u64,
    origin: &Origin,
) -> Result<Vec<Record>, PutOutcome> {
    let mut records: Vec<Record> = Vec::with_capacity(writes.len());
    for (index, (write, before)) in writes.iter().zip(before).enumerate() {
        let live = before
            .record
            .as_ref()
            .filter(|record| record.json.is_some());
        let version = before.record.as_ref().map_or(0, |record| record.version);
        let live_version = live.map_or(0, |record| record.version);
        if live_version != write.expected {
            match &before.record {
                Some(record)
                    if record.json == write.json && record.request_id == origin.request_id =>
                {
                    records.push(record.clone());
                    continue;
                }
                _ if live.is_none() => return Err(PutOutcome::Absent(index)),
                _ => return Err(PutOutcome::Conflict(index)),
            }
        }
        if let (Some(limit), 0) = (write.limit, write.expected) {
            let earlier = |one: &&RecordWrite| {
                one.kind == write.kind && one.scope == write.scope && one.expected == 0
            };
            let count = before.count + writes[..index].iter().filter(earlier).count();
            if count >= limit {
                return Err(PutOutcome::LimitReached(index));
            }
        }
        let scope = match live {
            Some(record) if write.json.is_none() => record.scope.clone(),
            _ => write.scope.clone(),
        };
        records.push(Record {
            kind: write.kind.as_str().to_owned(),
            key: write.key.clone(),
            scope,
            version: version + 1,
            revision,
            json: write.json.clone(),
            written: origin.at,
            request_id: origin.request_id,
        });
    }
    Ok(records)
}

/// The events of those `records`, each at the index of its write, that were written under `revision`.
pub fn events(
    writes: &[RecordWrite],
    records: &[Record],
    revision: u64,
    origin: &Origin,
) -> Vec<Event> {
    let written = writes.iter().zip(records);
    let written = written.filter(|(_, record)| record.revision == revision);
    let events = written.map(|(write, record)| {
        let kind = match (&record.json, write.expected) {
            (None, _) => EventKind::RecordDeleted,
            (Some(_), 0) => EventKind::RecordCreated,
            (Some(_), _) => EventKind::RecordChanged,
        };
        let subject = Subject::Record {
            kind: record.kind.clone(),
            key: record.key.clone(),
            version: record.version,
        };
        Event::new(kind, subject, origin)
    });
    events.collect()
}

/// Which changes a reader has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    /// The life of the store: another one after a restore or a copy.
    pub generation: Uuid,
    /// The newest revision.
    pub revision: u64,
}

/// The records that changed after a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The view that these changes lead to.
    pub view: View,
    /// The newest revision with deletions that may be swept: a view before it must be built anew.
    pub swept: u64,
    /// How many records there are, deletions included, and the sum of their revisions (wrapping): what a complete view
    /// must add up to.
    pub checksum: (u64, u64),
    /// The records, in ascending order of their revisions.
    pub records: Vec<Record>,
}

/// A record's document and its key.
pub trait Stored: Serialize + DeserializeOwned {
    /// Its kind.
    const KIND: RecordKind;

    /// Its key, unique in its kind.
    fn key(&self) -> String;

    /// The group in which a limit counts it.
    fn scope(&self) -> String {
        String::new()
    }

    /// Takes over the version that its record has.
    fn set_version(&mut self, version: u64);
}

/// Why a record's document can't be used. A record like this is neither used nor replaced.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The document is not what this version expects.
    #[error("it can't be read")]
    Unreadable(#[source] json::JsonError),
    /// The document has a member that this version doesn't know; the member's path.
    #[error("it has the member {0}, which this version does not know")]
    UnknownMember(String),
    /// The document belongs to another key.
    #[error("its key is that of another record")]
    OtherKey,
}

/// The document of `record`, where this version understands every member of it.
pub fn parse<R: Stored>(record: &Record, text: &str) -> Result<R, DocumentError> {
    let mut read: R = json::read_as(text.as_bytes()).map_err(DocumentError::Unreadable)?;
    let stored: Value = json::read_as(text.as_bytes()).map_err(DocumentError::Unreadable)?;
    let understood = serde_json::to_value(&read).expect("a record can be written as JSON");
    if let Some(path) = unknown_member(&stored, &understood) {
        return Err(DocumentError::UnknownMember(path));
    }
    if read.key() != record.key {
        return Err(DocumentError::OtherKey);
    }
    read.set_version(record.version);
    Ok(read)
}

/// A document as JSON text.
pub fn to_json(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("a record can be written as JSON")
}

/// The path of a member of `stored` that `understood`, the same document read and written again, doesn't have.
fn unknown_member(stored: &Value, understood: &Value) -> Option<String> {
    match (stored, understood) {
        (Value::Object(stored), Value::Object(understood)) => {
            stored.iter().find_map(|(name, value)| {
                let path = match understood.get(name) {
                    Some(understood) => unknown_member(value, understood)?,
                    // A member without a value says nothing, so it may be left out.
                    None if is_empty(value) => return None,
                    None => String::new(),
                };
                Some(format!("/{name}{path}"))
            })
        }
        (Value::Array(stored), Value::Array(understood)) if stored.len() == understood.len() => {
            let mut pairs = stored.iter().zip(understood).enumerate();
            pairs.find_map(|(index, (stored, understood))| {
                let path = unknown_member(stored, understood)?;
                Some(format!("/{index}{path}"))
            })
        }
        (stored, understood) => (stored != understood).then(String::new),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}
