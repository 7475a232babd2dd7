//! Managed policies. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>

use serde::{Deserialize, Serialize};

use super::attachments::by_name;
use super::{Page, Paging, Tag, set_tag_keys, shown, tags_of};
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::managed_policies::{self, PolicyUsage, of_aws};
use crate::app::{Call, roles};
use crate::error::{Code, Error};
use crate::model::managed_policy::{ManagedPolicy, PolicyArn, version_id};
use crate::operations::answer::{EpochSeconds, NoOutput};
use crate::operations::{Access, Operation, Service};

/// A managed policy on the wire.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDescription {
    policy_name: String,
    policy_id: String,
    arn: PolicyArn,
    path: String,
    default_version_id: String,
    attachment_count: usize,
    permissions_boundary_usage_count: usize,
    is_attachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    create_date: EpochSeconds,
    update_date: EpochSeconds,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
}

impl PolicyDescription {
    /// What lists have: no description and no tags.
    fn of(policy: &ManagedPolicy, usage: PolicyUsage) -> Self {
        Self {
            policy_name: policy.arn.name().to_owned(),
            policy_id: policy.id.clone(),
            arn: policy.arn.clone(),
            path: policy.arn.path().to_owned(),
            default_version_id: version_id(policy.default_version),
            attachment_count: usage.attachments,
            permissions_boundary_usage_count: usage.boundaries,
            is_attachable: true,
            description: None,
            create_date: EpochSeconds(policy.created),
            update_date: EpochSeconds(policy.updated),
            tags: Vec::new(),
        }
    }

    fn whole(policy: &ManagedPolicy, usage: PolicyUsage) -> Self {
        Self {
            description: policy.description.clone(),
            tags: shown(&policy.tags),
            ..Self::of(policy, usage)
        }
    }
}

/// The policy with this ARN, for authorisation.
pub(super) fn resource(arn: &str) -> Resource {
    let arn = PolicyArn::parse(arn);
    arn.map_or_else(Resource::any, |arn| Resource::managed_policy(&arn))
}

/// Makes a policy, with a first version.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreatePolicy {
    policy_name: String,
    path: Option<String>,
    policy_document: String,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PolicyOutput {
    policy: PolicyDescription,
}

impl CreatePolicy {
    fn arn(&self, call: &Call<'_>) -> Option<PolicyArn> {
        let path = self.path.as_deref().unwrap_or("/");
        PolicyArn::new(&call.app.config.account_id, path, &self.policy_name)
    }
}

impl Operation for CreatePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "CreatePolicy";
    const ACCESS: Access = Access::Signed;
    type Output = PolicyOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        let arn = self.arn(call);
        arn.map_or_else(Resource::any, |arn| Resource::managed_policy(&arn))
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        set_tag_keys(&self.tags, keys);
    }

    async fn run(self, call: &Call<'_>) -> Result<PolicyOutput, Error> {
        let arn = self.arn(call).ok_or_else(|| {
            Code::InvalidInput
                .because("The path of a policy is made of letters, digits and /_+=,.@-.")
        })?;
        managed_policies::check_document(&self.policy_document)?;
        let mut policy = ManagedPolicy {
            arn,
            id: managed_policies::new_id(call.app),
            version: 0,
            description: self.description,
            versions: Vec::new(),
            default_version: 0,
            newest_version: 0,
            tags: tags_of(self.tags)?,
            created: call.now,
            updated: call.now,
        };
        policy.add_version(&self.policy_document, true, call.now);
        managed_policies::add(call, &policy).await?;
        Ok(PolicyOutput {
            policy: PolicyDescription::whole(&policy, PolicyUsage::default()),
        })
    }
}

/// Shows a policy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetPolicy {
    policy_arn: String,
}

impl Operation for GetPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "GetPolicy";
    const ACCESS: Access = Access::Signed;
    type Output = PolicyOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<PolicyOutput, Error> {
        let policy = managed_policies::find(call, &self.policy_arn)?;
        let usage = managed_policies::usage(call)?;
        let usage = usage.get(&policy.arn).copied().unwrap_or_default();
        Ok(PolicyOutput {
            policy: PolicyDescription::whole(&policy, usage),
        })
    }
}

/// Lists policies, ordered by name.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListPolicies {
    scope: Option<String>,
    #[serde(default)]
    only_attached: bool,
    path_prefix: Option<String>,
    policy_usage_filter: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListPoliciesOutput {
    policies: Vec<PolicyDescription>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

impl ListPolicies {
    fn asks_for(&self, arn: &PolicyArn, usage: PolicyUsage) -> bool {
        let is_used = match self.policy_usage_filter.as_deref() {
            Some("PermissionsPolicy") => usage.attachments > 0,
            Some("PermissionsBoundary") => usage.boundaries > 0,
            _ => true,
        };
        let is_in_scope = match self.scope.as_deref() {
            Some("AWS") => arn.is_of_aws(),
            Some("Local") => !arn.is_of_aws(),
            _ => true,
        };
        let prefix = self.path_prefix.as_deref().unwrap_or("/");
        is_used
            && is_in_scope
            && arn.path().starts_with(prefix)
            && (!self.only_attached || usage.attachments > 0)
    }
}

impl Operation for ListPolicies {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListPolicies";
    const ACCESS: Access = Access::Signed;
    type Output = ListPoliciesOutput;

    async fn run(self, call: &Call<'_>) -> Result<ListPoliciesOutput, Error> {
        let usage = managed_policies::usage(call)?;
        let mut found = Vec::new();
        for policy in managed_policies::list(call)?.iter().chain(of_aws::all()) {
            let usage = usage.get(&policy.arn).copied().unwrap_or_default();
            if self.asks_for(&policy.arn, usage) {
                found.push((by_name(&policy.arn), (policy.clone(), usage)));
            }
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let Page { items, next } = self.paging.page(found);
        let described = items.iter();
        let described = described.map(|(policy, usage)| PolicyDescription::of(policy, *usage));
        Ok(ListPoliciesOutput {
            policies: described.collect(),
            is_truncated: next.is_some(),
            marker: next,
        })
    }
}

/// Lists the roles that use a policy, ordered by name.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListEntitiesForPolicy {
    policy_arn: String,
    entity_filter: Option<String>,
    path_prefix: Option<String>,
    policy_usage_filter: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

/// The groups and users are always empty: this server has none.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListEntitiesForPolicyOutput {
    policy_groups: [(); 0],
    policy_users: [(); 0],
    policy_roles: Vec<PolicyRole>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyRole {
    role_name: String,
    role_id: String,
}

impl Operation for ListEntitiesForPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "ListEntitiesForPolicy";
    const ACCESS: Access = Access::Signed;
    type Output = ListEntitiesForPolicyOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListEntitiesForPolicyOutput, Error> {
        let policy = managed_policies::find(call, &self.policy_arn)?;
        let arn = &policy.arn;
        let prefix = self.path_prefix.as_deref().unwrap_or("/");
        let filter = self.policy_usage_filter.as_deref();
        let wants_roles = matches!(self.entity_filter.as_deref(), None | Some("Role"));
        let mut found = roles::list(call)?;
        found.retain(|role| {
            let is_attached = role.attached.contains(arn) && filter != Some("PermissionsBoundary");
            let is_boundary = role.boundary.as_ref() == Some(arn);
            let is_boundary = is_boundary && filter != Some("PermissionsPolicy");
            wants_roles
                && (is_attached || is_boundary)
                && roles::path(&role.arn).starts_with(prefix)
        });
        let keyed = found.into_iter().map(|role| (role.key(), role));
        let Page { items, next } = self.paging.page(keyed);
        let described = items.iter().map(|role| PolicyRole {
            role_name: role.arn.name().to_owned(),
            role_id: role.id.clone(),
        });
        Ok(ListEntitiesForPolicyOutput {
            policy_groups: [],
            policy_users: [],
            policy_roles: described.collect(),
            is_truncated: next.is_some(),
            marker: next,
        })
    }
}

/// Removes a policy that no role uses and that has one version.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeletePolicy {
    policy_arn: String,
}

impl Operation for DeletePolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "DeletePolicy";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        resource(&self.policy_arn)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        managed_policies::remove(call, &self.policy_arn).await?;
        Ok(NoOutput)
    }
}
