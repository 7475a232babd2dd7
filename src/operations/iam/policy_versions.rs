//! The versions of managed policies. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html>

use serde::{Deserialize, Serialize};

use super::managed_policies::resource;
use super::{Page, Paging, encoded};
use crate::app::access::resource::Resource;
use crate::app::{Call, managed_policies};
use crate::error::Error;
use crate::model::managed_policy::{ManagedPolicy, PolicyVersion};
use crate::operations::answer::{EpochSeconds, NoOutput};
use crate::operations::{Access, Operation, Service};

/// A version on the wire.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VersionDescription {
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
    version_id: String,
    is_default_version: bool,
    create_date: EpochSeconds,
}

impl VersionDescription {
    fn of(policy: &ManagedPolicy, version: &PolicyVersion) -> Self {
        Self {
            document: None,
            version_id: version.id(),
            is_default_version: version.number == policy.default_version,
            create_date: EpochSeconds(version.created),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VersionOutput {
    policy_version: VersionDescription,
}

/// Adds a version to a policy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreatePolicyVersion {
    policy_arn: String,
    policy_document: String,
    #[serde(default)]
    set_as_default: bool,
}

impl Operation for CreatePolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreatePolicyVersion";
    const ACCESS: Access = Access::Signed;
    type Output = VersionOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<VersionOutput, Error> {
        let (arn, document) = (&self.policy_arn, &self.policy_document);
        let policy =
            managed_policies::add_version(call, arn, document, self.set_as_default).await?;
        let version = policy.versions.last();
        let version = version.expect("a version was added");
        Ok(VersionOutput {
            policy_version: VersionDescription::of(&policy, version),
        })
    }
}

/// Shows a version of a policy, with its document.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetPolicyVersion {
    policy_arn: String,
    version_id: String,
}

impl Operation for GetPolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetPolicyVersion";
    const ACCESS: Access = Access::Signed;
    type Output = VersionOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<VersionOutput, Error> {
        let policy = managed_policies::find(call, &self.policy_arn)?;
        let version = policy
            .find_version(&self.version_id)
            .ok_or_else(|| managed_policies::version_not_found(&policy.arn, &self.version_id))?;
        Ok(VersionOutput {
            policy_version: VersionDescription {
                document: Some(encoded(&version.document)),
                ..VersionDescription::of(&policy, version)
            },
        })
    }
}

/// Lists the versions of a policy, the newest first.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListPolicyVersions {
    policy_arn: String,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListPolicyVersionsOutput {
    versions: Vec<VersionDescription>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

impl Operation for ListPolicyVersions {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListPolicyVersions";
    const ACCESS: Access = Access::Signed;
    type Output = ListPolicyVersionsOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListPolicyVersionsOutput, Error> {
        let policy = managed_policies::find(call, &self.policy_arn)?;
        let versions = policy.versions.iter().rev();
        // A key that ascends where the numbers descend.
        let keyed = versions.map(|version| (format!("{:020}", u64::MAX - version.number), version));
        let Page { items, next } = self.paging.page(keyed);
        let described = items.into_iter();
        let described = described.map(|version| VersionDescription::of(&policy, version));
        Ok(ListPolicyVersionsOutput {
            versions: described.collect(),
            is_truncated: next.is_some(),
            marker: next,
        })
    }
}

/// Puts a version of a policy into force.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetDefaultPolicyVersion {
    policy_arn: String,
    version_id: String,
}

impl Operation for SetDefaultPolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "SetDefaultPolicyVersion";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        managed_policies::set_default(call, &self.policy_arn, &self.version_id).await?;
        Ok(NoOutput)
    }
}

/// Removes a version of a policy that is not in force.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeletePolicyVersion {
    policy_arn: String,
    version_id: String,
}

impl Operation for DeletePolicyVersion {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeletePolicyVersion";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        managed_policies::remove_version(call, &self.policy_arn, &self.version_id).await?;
        Ok(NoOutput)
    }
}
