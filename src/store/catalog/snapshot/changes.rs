//! How a snapshot takes in changes: all records of a store at first, then those since its own revision.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::{Entry, KnownRecord, Snapshot, Unreadable};
use crate::store::record::{Changes, Record, RecordKind, Stored, parse};

/// What a snapshot is after a refresh.
pub(in crate::store::catalog) enum Next {
    Same,
    Changed(Box<Snapshot>),
    Rebuild,
}

impl Snapshot {
    pub(in crate::store::catalog) fn build(changes: Changes) -> Self {
        let mut built = Self::default();
        built.apply(changes);
        built
    }

    pub(in crate::store::catalog) fn next(&self, changes: Changes) -> Next {
        if changes.view.generation != self.view.generation
            || changes.view.revision < self.view.revision
            || self.view.revision < changes.swept && changes.view != self.view
        {
            return Next::Rebuild;
        }
        if changes.view == self.view && changes.records.is_empty() {
            return if self.checksum() == changes.checksum {
                Next::Same
            } else {
                Next::Rebuild
            };
        }
        let checksum = changes.checksum;
        let mut next = self.clone();
        next.apply(changes);
        if next.checksum() == checksum {
            Next::Changed(Box::new(next))
        } else {
            Next::Rebuild
        }
    }

    fn checksum(&self) -> (u64, u64) {
        (self.records.len() as u64, self.revisions)
    }

    fn apply(&mut self, changes: Changes) {
        for record in changes.records {
            self.put(&record);
        }
        self.view = changes.view;
    }

    fn put(&mut self, record: &Record) {
        let known = KnownRecord {
            revision: record.revision,
            is_live: record.json.is_some(),
        };
        let name = (record.kind.clone(), record.key.clone());
        if let Some(before) = self.records.insert(name, known) {
            self.revisions = self.revisions.wrapping_sub(before.revision);
        }
        self.revisions = self.revisions.wrapping_add(record.revision);
        match RecordKind::parse(&record.kind) {
            Some(RecordKind::Pool) => {
                if let Ok(id) = Uuid::try_parse(&record.key) {
                    put(&mut self.pools, id, record);
                }
            }
            Some(RecordKind::OidcProvider) => put_by_key(&mut self.oidc_providers, record),
            Some(RecordKind::SamlProvider) => put_by_key(&mut self.saml_providers, record),
            Some(RecordKind::ManagedPolicy) => put_by_key(&mut self.managed_policies, record),
            Some(RecordKind::Role) => put_by_key(&mut self.roles, record),
            Some(RecordKind::KeyRing) => put_by_key(&mut self.key_rings, record),
            Some(RecordKind::RootKey) => put_by_key(&mut self.root_key, record),
            Some(RecordKind::AccessKey) => put_by_key(&mut self.access_keys, record),
            Some(RecordKind::DeletedPool) => put_by_key(&mut self.deleted_pools, record),
            Some(RecordKind::SeedMark) => put_by_key(&mut self.seed_marks, record),
            Some(RecordKind::Deployment) => put_by_key(&mut self.deployment, record),
            Some(RecordKind::GuestKey) => put_by_key(&mut self.guest_key, record),
            Some(RecordKind::AccessKeyUses) => put_by_key(&mut self.access_key_uses, record),
            None => {
                tracing::warn!(
                    kind = record.kind,
                    "a record of a newer version is not used"
                );
            }
        }
    }
}

fn put_by_key<R: Stored>(records: &mut BTreeMap<String, Entry<R>>, record: &Record) {
    put(records, record.key.clone(), record);
}

fn put<K: Ord, R: Stored>(records: &mut BTreeMap<K, Entry<R>>, key: K, record: &Record) {
    let Some(text) = &record.json else {
        records.remove(&key);
        return;
    };
    let entry = parse::<R>(record, text).map(Arc::new).map_err(|error| {
        let (kind, name) = (record.kind.as_str(), record.key.as_str());
        tracing::error!(
            kind,
            name,
            error = &error as &dyn std::error::Error,
            "a record is neither used nor replaced: run the version of cognate that wrote it"
        );
        Unreadable
    });
    records.insert(key, entry);
}
