//! The tags of a role. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagRole.html>

use serde::Deserialize;

use super::{ListTagsOutput, Paging, Tag, set_tag_keys, set_tags, tags_of};
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
        let tags = tags_of(self.tags)?;
        roles::change(call, &self.role_name, |role| {
            set_tags(&mut role.tags, &tags, "Role")
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
            self.tag_keys.iter().for_each(|key| role.tags.remove(key));
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
        Ok(ListTagsOutput::page(&role.tags, &self.paging))
    }
}
