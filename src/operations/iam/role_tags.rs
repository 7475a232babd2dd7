//! The tags of a role. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagRole.html>

use indexmap::IndexMap;
use serde::Deserialize;

use super::{ListTagsOutput, Paging, Tag, set_tag_keys};
use crate::app::access::condition_keys::RequestKeys;
use crate::app::{Call, roles};
use crate::error::Error;
use crate::operations::answer::NoOutput;
use crate::operations::{Access, Operation, Service};

/// Adds tags to a role. They replace the tags with the same keys.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagRole {
    role_name: String,
    tags: Vec<Tag>,
}

impl Operation for TagRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "TagRole";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        set_tag_keys(&self.tags, keys);
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let tags = pairs(self.tags);
        roles::change(call, &self.role_name, |role| {
            roles::add_tags(role, tags.clone())
        })
        .await?;
        Ok(NoOutput)
    }
}

/// Removes tags from a role. Unknown keys are no error.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UntagRole {
    role_name: String,
    tag_keys: Vec<String>,
}

impl Operation for UntagRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UntagRole";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        keys.set_tag_keys(self.tag_keys.iter().map(String::as_str));
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        roles::change(call, &self.role_name, |role| {
            role.tags.retain(|key, _| !self.tag_keys.contains(key));
            Ok(())
        })
        .await?;
        Ok(NoOutput)
    }
}

/// Lists the tags of a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListRoleTags {
    role_name: String,
    #[serde(flatten)]
    paging: Paging,
}

impl Operation for ListRoleTags {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListRoleTags";
    const ACCESS: Access = Access::Signed;
    type Output = ListTagsOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListTagsOutput, Error> {
        let role = roles::find(call, &self.role_name)?;
        Ok(ListTagsOutput::page(shown(&role.tags), &self.paging))
    }
}

/// Tags in the form of a record.
pub(super) fn pairs(tags: Vec<Tag>) -> IndexMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// Tags in the form of the wire.
pub(super) fn shown(tags: &IndexMap<String, String>) -> Vec<Tag> {
    let tags = tags.iter();
    tags.map(|(key, value)| Tag::from((key.clone(), value.clone())))
        .collect()
}
