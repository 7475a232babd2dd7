//! GetPrincipalTagAttributeMap.

use serde::Deserialize;

use super::pool_resource;
use super::set_principal_tag_attribute_map::PrincipalTagAttributeMap;
use crate::app::access::authorise::IdentitySessions;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::{Code, Error};
use crate::operations::{Access, Operation, Service};

/// Shows which claims of a provider's tokens become tags of a session.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetPrincipalTagAttributeMap {
    identity_pool_id: String,
    identity_provider_name: String,
}

impl Operation for GetPrincipalTagAttributeMap {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "GetPrincipalTagAttributeMap";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = PrincipalTagAttributeMap;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<PrincipalTagAttributeMap, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        let provider = self.identity_provider_name;
        let map = pool.tag_maps.get(&provider).cloned().ok_or_else(|| {
            let text = format!("Principal tag attribute map for '{provider}' not found.");
            Code::ResourceNotFound.because(text)
        })?;
        Ok(PrincipalTagAttributeMap::of(&pool.id, provider, map))
    }
}
