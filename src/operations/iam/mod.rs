//! Identity and Access Management, 2010-05-08: one file a resource.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::access::condition_keys::RequestKeys;
use crate::error::{Code, Error};
use crate::model::tags::Tags;

pub(super) mod oidc_providers;
pub(super) mod provider_tags;
pub(super) mod role_policies;
pub(super) mod role_tags;
pub(super) mod roles;
pub(super) mod saml_providers;
pub(super) mod simulate;

/// How many tags an entity may have.
const TAGS: usize = 50;

/// A tag on the wire.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// The tags in a request.
fn tags_of(tags: Vec<Tag>) -> Result<Tags, Error> {
    let tags = Tags::of(tags.into_iter().map(|tag| (tag.key, tag.value)));
    tags.map_err(|error| Code::InvalidInput.because(error.sentence()))
}

/// Tags in the form of an answer.
fn shown(tags: &Tags) -> Vec<Tag> {
    let tags = tags.iter();
    tags.map(|(key, value)| Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    })
    .collect()
}

/// Sets each of `new`. `resource` names the kind of entity in IAM's quotas.
fn set_tags(tags: &mut Tags, new: &Tags, resource: &str) -> Result<(), Error> {
    tags.set_all(new);
    if tags.len() > TAGS {
        return Err(Code::LimitExceeded
            .because(format!("Cannot exceed quota for TagsPer{resource}: {TAGS}")));
    }
    Ok(())
}

/// Sets the condition keys of tags that a request sets.
fn set_tag_keys(tags: &[Tag], keys: &mut RequestKeys) {
    let pairs = tags.iter();
    keys.set_tags(pairs.map(|tag| (tag.key.as_str(), tag.value.as_str())));
}

/// Refuses the first of these members that a request has: what it asks for doesn't exist on this server.
fn refuse_members(members: &[(&str, bool)]) -> Result<(), Error> {
    match members.iter().find(|(_, is_there)| *is_there) {
        Some((name, _)) => Err(Code::InvalidInput.because(format!(
            "{name} is not available on this server: nothing would come of it."
        ))),
        None => Ok(()),
    }
}

/// The parameters for AWS IAM Identity Center, which this server doesn't have.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IdentityCenter {
    context_provider: Option<Value>,
    identity_center_instance_arn: Option<String>,
    #[serde(default)]
    remove_context_provider: bool,
    #[serde(default)]
    remove_identity_center_instance: bool,
}

impl IdentityCenter {
    fn refuse(&self) -> Result<(), Error> {
        refuse_members(&[
            ("ContextProvider", self.context_provider.is_some()),
            (
                "IdentityCenterInstanceArn",
                self.identity_center_instance_arn.is_some(),
            ),
            ("RemoveContextProvider", self.remove_context_provider),
            (
                "RemoveIdentityCenterInstance",
                self.remove_identity_center_instance,
            ),
        ])
    }
}

/// A page of the tags of a resource, ordered by key.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListTagsOutput {
    tags: Vec<Tag>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

impl ListTagsOutput {
    /// The page that `paging` asks for.
    fn page(tags: &Tags, paging: &Paging) -> Self {
        let mut tags = shown(tags);
        tags.sort_by(|one, other| one.key.cmp(&other.key));
        let keyed = tags.into_iter().map(|tag| (tag.key.clone(), tag));
        let Page { items, next } = paging.page(keyed);
        Self {
            tags: items,
            is_truncated: next.is_some(),
            marker: next,
        }
    }
}

/// The reserved characters: all except those that RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A percent-encoded policy document, as IAM returns it.
fn encoded(policy: &str) -> String {
    utf8_percent_encode(policy, RESERVED).to_string()
}

/// The page of a list that a request asks for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Paging {
    marker: Option<String>,
    max_items: Option<usize>,
}

/// A page of a list, and the marker of the next one.
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl Paging {
    /// Up to `max_items` (by default 100) of `all`, which is ordered by key, from the key in the marker on.
    fn page<T>(&self, all: impl IntoIterator<Item = (String, T)>) -> Page<T> {
        let from = self.marker.as_deref().unwrap_or_default();
        let mut rest = all.into_iter().skip_while(|(key, _)| key.as_str() < from);
        let items = rest.by_ref().take(self.max_items.unwrap_or(100));
        let items = items.map(|(_, item)| item).collect();
        Page {
            items,
            next: rest.next().map(|(key, _)| key),
        }
    }
}
