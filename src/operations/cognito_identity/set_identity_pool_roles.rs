//! SetIdentityPoolRoles.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::pool_arn;
use crate::app::Call;
use crate::error::{Code, Error};
use crate::model::ids::RoleArn;
use crate::model::pool::{Pool, Roles};
use crate::operations::answer::Nothing;
use crate::operations::{Access, Operation, Service};

/// Replaces the roles of a pool.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetIdentityPoolRoles {
    identity_pool_id: String,
    roles: IndexMap<String, String>,
    #[serde(default)]
    role_mappings: IndexMap<String, Value>,
}

impl Operation for SetIdentityPoolRoles {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "SetIdentityPoolRoles";
    const ACCESS: Access = Access::Signed;
    type Output = Nothing;

    fn resource(&self, call: &Call<'_>) -> String {
        pool_arn(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<Nothing, Error> {
        let before = call.own_pool(&self.identity_pool_id).await?;
        // Better no mapping than one that nobody evaluates.
        if !self.role_mappings.is_empty() {
            return Err(Code::InvalidParameter.because("RoleMappings are not available here yet."));
        }
        let role = |name: &str| {
            self.roles
                .get(name)
                .map(|arn| own_role(call, arn))
                .transpose()
        };
        let roles = Roles {
            authenticated: role("authenticated")?,
            unauthenticated: role("unauthenticated")?,
            ..Roles::default()
        };
        let after = Pool {
            version: before.version + 1,
            roles,
            ..before.as_ref().clone()
        };
        call.replace_pool(after).await?;
        Ok(Nothing)
    }
}

/// A role that a pool of this account may give. What isn't even an ARN gets the same answer from the real service.
fn own_role(call: &Call<'_>, arn: &str) -> Result<RoleArn, Error> {
    RoleArn::parse(arn)
        .filter(|role| role.account() == call.app.config.account_id.as_str())
        .ok_or_else(|| Code::NotAuthorized.because(format!("Access to Role '{arn}' is forbidden.")))
}
