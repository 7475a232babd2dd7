//! The condition keys of a request's parameters: what the caller asks for. They say nothing about who the caller is.

use crate::model::provider::OWN;
use crate::model::tags::Tags;
use crate::policy::{KeyOwner, OwnedKeys};

/// The condition keys of a request's parameters.
#[derive(Debug, Clone)]
pub struct RequestKeys(OwnedKeys);

impl Default for RequestKeys {
    fn default() -> Self {
        Self(OwnedKeys::new(KeyOwner::Request))
    }
}

impl RequestKeys {
    /// Sets the keys of tags that the request sets: `aws:RequestTag/KEY` and `aws:TagKeys`.
    pub fn set_tags<'t>(&mut self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) {
        let mut keys = Vec::new();
        for (key, value) in tags {
            self.0.set(&format!("aws:RequestTag/{key}"), value);
            keys.push(key);
        }
        self.set_tag_keys(keys);
    }

    /// Sets the keys of tags that the request removes: `aws:TagKeys`.
    pub fn set_tag_keys<'t>(&mut self, keys: impl IntoIterator<Item = &'t str>) {
        self.0.set_all("aws:TagKeys", keys);
    }

    /// Sets `iam:PolicyARN`: the managed policy that the request attaches or detaches.
    pub fn set_policy(&mut self, arn: &str) {
        self.0.set("iam:PolicyARN", arn);
    }

    /// Sets `iam:PermissionsBoundary`: the permissions boundary that the request sets, or the one of the role that the request
    /// changes.
    pub fn set_boundary(&mut self, arn: &str) {
        self.0.set("iam:PermissionsBoundary", arn);
    }

    /// Sets the keys of a session that the request asks for; `duration` is in seconds.
    pub fn set_session(&mut self, name: &str, duration: i64) {
        self.0.set("sts:RoleSessionName", name);
        self.0.set("sts:DurationSeconds", duration.to_string());
    }

    /// Sets `sts:ExternalId`.
    pub fn set_external_id(&mut self, id: &str) {
        self.0.set("sts:ExternalId", id);
    }

    /// Sets the keys of the tags of a session, including those that it inherits.
    pub fn set_session_tags(&mut self, tags: &Tags) {
        self.set_tags(tags);
        self.set_transitive_tag_keys(tags.transitive_keys());
    }

    /// Sets `sts:TransitiveTagKeys`.
    pub fn set_transitive_tag_keys<'t>(&mut self, keys: impl IntoIterator<Item = &'t str>) {
        self.0.set_all("sts:TransitiveTagKeys", keys);
    }

    /// The keys of passing a role to an identity pool.
    pub fn of_passing_a_role() -> Self {
        let mut keys = Self::default();
        keys.0.set("iam:PassedToService", OWN);
        keys
    }

    /// The keys of their owner.
    pub(super) fn into_owned(self) -> OwnedKeys {
        self.0
    }
}
