//! The tags of managed policies. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagPolicy.html>

use serde::Deserialize;

use super::managed_policies::resource;
use super::{ListTagsOutput, Paging, Tag, set_tag_keys, set_tags, tags_of};
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::{Call, managed_policies};
use crate::error::Error;
use crate::operations::answer::NoOutput;
use crate::operations::{Access, Operation, Service};

/// Adds tags to a policy. They replace the tags with the same keys.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagPolicy {
    policy_arn: String,
    tags: Vec<Tag>,
}

impl Operation for TagPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "TagPolicy";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        set_tag_keys(&self.tags, keys);
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let tags = tags_of(self.tags)?;
        managed_policies::change(call, &self.policy_arn, |policy| {
            set_tags(&mut policy.tags, &tags, "Policy")
        })
        .await?;
        Ok(NoOutput)
    }
}

/// Removes tags from a policy. Unknown keys are no error.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UntagPolicy {
    policy_arn: String,
    tag_keys: Vec<String>,
}

impl Operation for UntagPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UntagPolicy";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        keys.set_tag_keys(self.tag_keys.iter().map(String::as_str));
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        managed_policies::change(call, &self.policy_arn, |policy| {
            self.tag_keys.iter().for_each(|key| policy.tags.remove(key));
            Ok(())
        })
        .await?;
        Ok(NoOutput)
    }
}

/// Lists the tags of a policy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListPolicyTags {
    policy_arn: String,
    #[serde(flatten)]
    paging: Paging,
}

impl Operation for ListPolicyTags {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListPolicyTags";
    const ACCESS: Access = Access::Signed;
    type Output = ListTagsOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListTagsOutput, Error> {
        let policy = managed_policies::find(call, &self.policy_arn)?;
        Ok(ListTagsOutput::page(&policy.tags, &self.paging))
    }
}
