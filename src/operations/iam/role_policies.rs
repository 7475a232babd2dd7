//! The inline policies of a role. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>

use serde::{Deserialize, Serialize};

use super::{Page, Paging, encoded};
use crate::app::{Call, roles};
use crate::error::Error;
use crate::operations::answer::NoOutput;
use crate::operations::{Access, Operation, Service};

/// Puts a policy on a role. It replaces the policy with the same name.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutRolePolicy {
    role_name: String,
    policy_name: String,
    policy_document: String,
}

impl Operation for PutRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "PutRolePolicy";
    const ACCESS: Access = Access::Signed;
    const ON_BOUNDARY: bool = true;
    type Output = NoOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        roles::change(call, &self.role_name, |role| {
            roles::put_policy(role, &self.policy_name, &self.policy_document)
        })
        .await?;
        Ok(NoOutput)
    }
}

/// Shows a policy of a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetRolePolicy {
    role_name: String,
    policy_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetRolePolicyOutput {
    role_name: String,
    policy_name: String,
    policy_document: String,
}

impl Operation for GetRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetRolePolicy";
    const ACCESS: Access = Access::Signed;
    type Output = GetRolePolicyOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<GetRolePolicyOutput, Error> {
        let role = roles::find(call, &self.role_name)?;
        let Some(document) = role.policies.get(&self.policy_name) else {
            return Err(roles::policy_not_found(&self.policy_name));
        };
        Ok(GetRolePolicyOutput {
            role_name: role.arn.name().to_owned(),
            policy_document: encoded(document),
            policy_name: self.policy_name,
        })
    }
}

/// Lists the names of a role's policies.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListRolePolicies {
    role_name: String,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListRolePoliciesOutput {
    policy_names: Vec<String>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

impl Operation for ListRolePolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListRolePolicies";
    const ACCESS: Access = Access::Signed;
    type Output = ListRolePoliciesOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListRolePoliciesOutput, Error> {
        let role = roles::find(call, &self.role_name)?;
        let mut names: Vec<String> = role.policies.keys().cloned().collect();
        names.sort();
        let keyed = names.into_iter().map(|name| (name.clone(), name));
        let Page { items, next } = self.paging.page(keyed);
        Ok(ListRolePoliciesOutput {
            policy_names: items,
            is_truncated: next.is_some(),
            marker: next,
        })
    }
}

/// Removes a policy from a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteRolePolicy {
    role_name: String,
    policy_name: String,
}

impl Operation for DeleteRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteRolePolicy";
    const ACCESS: Access = Access::Signed;
    const ON_BOUNDARY: bool = true;
    type Output = NoOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        roles::change(call, &self.role_name, |role| {
            match role.policies.shift_remove(&self.policy_name) {
                Some(_) => Ok(()),
                None => Err(roles::policy_not_found(&self.policy_name)),
            }
        })
        .await?;
        Ok(NoOutput)
    }
}

/// Lists the instance profiles with a role: always empty, because this server has none. Terraform calls it before it
/// deletes a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListInstanceProfilesForRole {
    role_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListInstanceProfilesForRoleOutput {
    instance_profiles: [(); 0],
    is_truncated: bool,
}

impl Operation for ListInstanceProfilesForRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListInstanceProfilesForRole";
    const ACCESS: Access = Access::Signed;
    type Output = ListInstanceProfilesForRoleOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListInstanceProfilesForRoleOutput, Error> {
        roles::find(call, &self.role_name)?;
        Ok(ListInstanceProfilesForRoleOutput {
            instance_profiles: [],
            is_truncated: false,
        })
    }
}
