//! The managed policies that roles use: attached policies and permissions boundaries.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html>

use serde::{Deserialize, Serialize};

use super::{Page, Paging};
use crate::app::access::condition_keys::RequestKeys;
use crate::app::roles::attachments;
use crate::app::{Call, roles};
use crate::error::Error;
use crate::model::managed_policy::PolicyArn;
use crate::operations::answer::NoOutput;
use crate::operations::{Access, Operation, Service};

/// Attaches a managed policy to a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttachRolePolicy {
    role_name: String,
    policy_arn: String,
}

impl Operation for AttachRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "AttachRolePolicy";
    const ACCESS: Access = Access::Signed;
    const ON_BOUNDARY: bool = true;
    type Output = NoOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        keys.set_policy(&self.policy_arn);
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        attachments::attach(call, &self.role_name, &self.policy_arn).await?;
        Ok(NoOutput)
    }
}

/// Detaches a managed policy from a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DetachRolePolicy {
    role_name: String,
    policy_arn: String,
}

impl Operation for DetachRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DetachRolePolicy";
    const ACCESS: Access = Access::Signed;
    const ON_BOUNDARY: bool = true;
    type Output = NoOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        keys.set_policy(&self.policy_arn);
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        attachments::detach(call, &self.role_name, &self.policy_arn).await?;
        Ok(NoOutput)
    }
}

/// Lists the managed policies that are attached to a role, ordered by name.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListAttachedRolePolicies {
    role_name: String,
    path_prefix: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListAttachedRolePoliciesOutput {
    attached_policies: Vec<AttachedPolicy>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AttachedPolicy {
    policy_name: String,
    policy_arn: PolicyArn,
}

impl Operation for ListAttachedRolePolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListAttachedRolePolicies";
    const ACCESS: Access = Access::Signed;
    type Output = ListAttachedRolePoliciesOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListAttachedRolePoliciesOutput, Error> {
        let role = roles::find(call, &self.role_name)?;
        let prefix = self.path_prefix.as_deref().unwrap_or("/");
        let attached = role.attached.iter();
        let below = attached.filter(|arn| arn.path().starts_with(prefix));
        let mut keyed: Vec<_> = below.map(|arn| (by_name(arn), arn.clone())).collect();
        keyed.sort();
        let Page { items, next } = self.paging.page(keyed);
        let described = items.into_iter().map(|arn| AttachedPolicy {
            policy_name: arn.name().to_owned(),
            policy_arn: arn,
        });
        Ok(ListAttachedRolePoliciesOutput {
            attached_policies: described.collect(),
            is_truncated: next.is_some(),
            marker: next,
        })
    }
}

/// A key that orders policies by name. A policy of AWS may have the name of another one.
pub(super) fn by_name(arn: &PolicyArn) -> String {
    format!("{} {arn}", arn.name().to_ascii_lowercase())
}

/// Sets the permissions boundary of a role. It replaces any other.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutRolePermissionsBoundary {
    role_name: String,
    permissions_boundary: String,
}

impl Operation for PutRolePermissionsBoundary {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "PutRolePermissionsBoundary";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        keys.set_boundary(&self.permissions_boundary);
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        attachments::set_boundary(call, &self.role_name, &self.permissions_boundary).await?;
        Ok(NoOutput)
    }
}

/// Removes the permissions boundary of a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteRolePermissionsBoundary {
    role_name: String,
}

impl Operation for DeleteRolePermissionsBoundary {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteRolePermissionsBoundary";
    const ACCESS: Access = Access::Signed;
    const ON_BOUNDARY: bool = true;
    type Output = NoOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        attachments::remove_boundary(call, &self.role_name).await?;
        Ok(NoOutput)
    }
}
