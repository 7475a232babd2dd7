//! GetIdentityPoolRoles.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::pool_resource;
use super::role_mappings::{self, WrittenMapping};
use crate::app::access::authorise::IdentitySessions;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::model::ids::{PoolId, RoleArn};
use crate::model::pool::Pool;
use crate::operations::{Access, Operation, Service};

/// Shows the roles of a pool.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetIdentityPoolRoles {
    identity_pool_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetIdentityPoolRolesOutput {
    identity_pool_id: PoolId,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    roles: IndexMap<&'static str, RoleArn>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    role_mappings: IndexMap<String, WrittenMapping>,
}

impl Operation for GetIdentityPoolRoles {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "GetIdentityPoolRoles";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = GetIdentityPoolRolesOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<GetIdentityPoolRolesOutput, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        Ok(GetIdentityPoolRolesOutput::of(&pool))
    }
}

impl GetIdentityPoolRolesOutput {
    /// The roles of a pool.
    pub(in crate::operations) fn of(pool: &Pool) -> Self {
        let roles = pool.roles.clone();
        let named = [
            ("authenticated", roles.authenticated),
            ("unauthenticated", roles.unauthenticated),
        ];
        Self {
            identity_pool_id: pool.id.clone(),
            role_mappings: role_mappings::shown(&pool.roles.mappings),
            roles: named
                .into_iter()
                .filter_map(|(name, role)| Some((name, role?)))
                .collect(),
        }
    }
}
