//! SetIdentityPoolRoles.

use indexmap::IndexMap;
use serde::Deserialize;

use super::pool_resource;
use super::role_mappings::{self, WrittenMapping, passed_role};
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::model::pool::Roles;
use crate::operations::answer::NoOutput;
use crate::operations::{Access, Operation, Service};

/// Replaces the roles of a pool.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetIdentityPoolRoles {
    identity_pool_id: String,
    roles: IndexMap<String, String>,
    #[serde(default)]
    role_mappings: IndexMap<String, WrittenMapping>,
}

impl Operation for SetIdentityPoolRoles {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "SetIdentityPoolRoles";
    const ACCESS: Access = Access::Signed;
    type Output = NoOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        let before = pools::find_for_admin(call, &self.identity_pool_id)?;
        let mut roles = Roles {
            mappings: role_mappings::read(call, &before, self.role_mappings).await?,
            ..Roles::default()
        };
        for (name, role) in [
            ("authenticated", &mut roles.authenticated),
            ("unauthenticated", &mut roles.unauthenticated),
        ] {
            if let Some(arn) = self.roles.get(name) {
                *role = Some(passed_role(call, arn).await?);
            }
        }
        pools::change(call, &self.identity_pool_id, |pool| {
            role_mappings::check_keys(pool, roles.mappings.keys())?;
            pool.roles = roles.clone();
            Ok::<(), Error>(())
        })
        .await?;
        Ok(NoOutput)
    }
}
