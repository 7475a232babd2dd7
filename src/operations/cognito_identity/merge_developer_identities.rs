//! MergeDeveloperIdentities.

use serde::{Deserialize, Serialize};

use super::get_open_id_token_for_developer_identity::other_developer;
use super::pool_resource;
use crate::app::access::resource::Resource;
use crate::app::{Call, identities, pools};
use crate::error::Error;
use crate::model::ids::IdentityId;
use crate::operations::{Access, Operation, Service};

/// Merges the identity of one of the developer's users into another user's. The first identity is disabled.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MergeDeveloperIdentities {
    source_user_identifier: String,
    destination_user_identifier: String,
    developer_provider_name: String,
    identity_pool_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MergeDeveloperIdentitiesOutput {
    identity_id: IdentityId,
}

impl Operation for MergeDeveloperIdentities {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "MergeDeveloperIdentities";
    const ACCESS: Access = Access::Signed;
    type Output = MergeDeveloperIdentitiesOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<MergeDeveloperIdentitiesOutput, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        let provider = self.developer_provider_name;
        if pool.settings.developer_provider_name.as_ref() != Some(&provider) {
            return Err(other_developer());
        }
        let (source, destination) = (
            self.source_user_identifier,
            self.destination_user_identifier,
        );
        let identity_id = identities::merge(call, &pool, &provider, &source, &destination).await?;
        Ok(MergeDeveloperIdentitiesOutput { identity_id })
    }
}
