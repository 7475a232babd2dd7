//! Roles. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Page, Paging, Tag, encoded, refuse_members, set_tag_keys, shown, tags_of};
use crate::app::Call;
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::roles;
use crate::error::{Code, Error};
use crate::model::iam_role::Role;
use crate::model::ids::RoleArn;
use crate::operations::answer::{EpochSeconds, NoOutput};
use crate::operations::{Access, Operation, Service};

/// The default maximum session duration, in seconds.
const SESSION: i64 = 3600;

/// A role on the wire.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RoleDescription {
    path: String,
    role_name: String,
    role_id: String,
    arn: RoleArn,
    create_date: EpochSeconds,
    assume_role_policy_document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    max_session_duration: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
}

impl RoleDescription {
    fn of(role: &Role) -> Self {
        Self {
            path: path(&role.arn).to_owned(),
            role_name: role.arn.name().to_owned(),
            role_id: role.id.clone(),
            arn: role.arn.clone(),
            create_date: EpochSeconds(role.created),
            assume_role_policy_document: encoded(&role.trust),
            description: role.description.clone(),
            max_session_duration: role.max_session_duration,
            tags: Vec::new(),
        }
    }

    fn with_tags(role: &Role) -> Self {
        Self {
            tags: shown(&role.tags),
            ..Self::of(role)
        }
    }
}

/// The path of a role: the part of the ARN before the name, with both slashes.
fn path(arn: &RoleArn) -> &str {
    let resource = arn
        .as_str()
        .split_once(":role")
        .map_or("", |(_, rest)| rest);
    &resource[..resource.len() - arn.name().len()]
}

/// Makes a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateRole {
    path: Option<String>,
    role_name: String,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<i64>,
    max_signin_session_duration: Option<i64>,
    permissions_boundary: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RoleOutput {
    role: RoleDescription,
}

impl CreateRole {
    fn arn(&self, call: &Call<'_>) -> Option<RoleArn> {
        let path = self.path.as_deref().unwrap_or("/");
        RoleArn::parse(&format!(
            "arn:aws:iam::{}:role{path}{}",
            call.app.config.account_id, self.role_name
        ))
    }
}

impl Operation for CreateRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreateRole";
    const ACCESS: Access = Access::Signed;
    type Output = RoleOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        let arn = self.arn(call);
        arn.map_or_else(Resource::any, |arn| Resource::role(&arn))
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        set_tag_keys(&self.tags, keys);
    }

    async fn run(self, call: &Call<'_>) -> Result<RoleOutput, Error> {
        if self.permissions_boundary.is_some() {
            return Err(Code::InvalidInput.because(
                "This server has no permissions boundaries: put what they would forbid into the role's policies.",
            ));
        }
        refuse_members(&[(
            "MaxSigninSessionDuration",
            self.max_signin_session_duration.is_some(),
        )])?;
        let arn = self.arn(call).ok_or_else(|| {
            Code::InvalidInput
                .because("The path of a role is made of letters, digits and /_+=,.@-.")
        })?;
        let role = Role {
            arn,
            id: roles::new_id(call.app),
            version: 1,
            description: self.description,
            max_session_duration: self.max_session_duration.unwrap_or(SESSION),
            trust: self.assume_role_policy_document,
            trusted_users: None,
            policies: IndexMap::new(),
            tags: tags_of(self.tags)?,
            created: call.now,
        };
        roles::add(call, role.clone()).await?;
        Ok(RoleOutput {
            role: RoleDescription::with_tags(&role),
        })
    }
}

/// Shows a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetRole {
    role_name: String,
}

impl Operation for GetRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetRole";
    const ACCESS: Access = Access::Signed;
    type Output = RoleOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<RoleOutput, Error> {
        let role = roles::find(call, &self.role_name)?;
        Ok(RoleOutput {
            role: RoleDescription::with_tags(&role),
        })
    }
}

/// Lists the roles under a path, ordered by name.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListRoles {
    path_prefix: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListRolesOutput {
    roles: Vec<RoleDescription>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

impl Operation for ListRoles {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListRoles";
    const ACCESS: Access = Access::Signed;
    type Output = ListRolesOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        let prefix = self.path_prefix.as_deref().unwrap_or("/");
        Resource::roles_below(prefix, &call.app.config.account_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListRolesOutput, Error> {
        let prefix = self.path_prefix.as_deref().unwrap_or("/");
        let all = roles::list(call)?;
        let under = |role: &Arc<Role>| path(&role.arn).starts_with(prefix);
        let roles = all.into_iter().filter(under);
        let Page { items, next } = self.paging.page(roles.map(|role| (role.key(), role)));
        Ok(ListRolesOutput {
            roles: items.iter().map(|role| RoleDescription::of(role)).collect(),
            is_truncated: next.is_some(),
            marker: next,
        })
    }
}

/// Changes the description and the maximum session duration of a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateRole {
    role_name: String,
    description: Option<String>,
    max_session_duration: Option<i64>,
    max_signin_session_duration: Option<i64>,
    #[serde(default)]
    reset_max_signin_session_duration: bool,
}

#[derive(Serialize)]
pub(crate) struct UpdateRoleOutput {}

impl Operation for UpdateRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateRole";
    const ACCESS: Access = Access::Signed;
    type Output = UpdateRoleOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<UpdateRoleOutput, Error> {
        refuse_members(&[
            (
                "MaxSigninSessionDuration",
                self.max_signin_session_duration.is_some(),
            ),
            (
                "ResetMaxSigninSessionDuration",
                self.reset_max_signin_session_duration,
            ),
        ])?;
        roles::change(call, &self.role_name, |role| {
            if let Some(description) = &self.description {
                role.description = Some(description.clone());
            }
            if let Some(seconds) = self.max_session_duration {
                role.max_session_duration = seconds;
            }
            Ok(())
        })
        .await?;
        Ok(UpdateRoleOutput {})
    }
}

/// Replaces the trust policy of a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateAssumeRolePolicy {
    role_name: String,
    policy_document: String,
}

impl Operation for UpdateAssumeRolePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "UpdateAssumeRolePolicy";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        roles::change(call, &self.role_name, |role| {
            roles::set_trust(call, role, &self.policy_document)
        })
        .await?;
        Ok(NoOutput)
    }
}

/// Removes a role without policies. Its sessions are denied everything from then on.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteRole {
    role_name: String,
}

impl Operation for DeleteRole {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeleteRole";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        roles::remove(call, &self.role_name).await?;
        Ok(NoOutput)
    }
}
