//! SetPrincipalTagAttributeMap.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::role_mappings::has_provider;
use super::{pool_resource, tagging};
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::{Code, Error};
use crate::model::ids::PoolId;
use crate::model::principal_tags::TagMap;
use crate::model::tags::Tags;
use crate::operations::{Access, Operation, Service};

/// Sets which claims of a provider's tokens become tags of a session.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetPrincipalTagAttributeMap {
    identity_pool_id: String,
    identity_provider_name: String,
    use_defaults: Option<bool>,
    #[serde(default)]
    principal_tags: IndexMap<String, String>,
}

/// A provider's tag map, as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PrincipalTagAttributeMap {
    identity_pool_id: PoolId,
    identity_provider_name: String,
    principal_tags: Tags,
    use_defaults: bool,
}

impl PrincipalTagAttributeMap {
    pub(super) fn of(pool: &PoolId, provider: String, map: TagMap) -> Self {
        Self {
            identity_pool_id: pool.clone(),
            identity_provider_name: provider,
            principal_tags: map.tags,
            use_defaults: map.use_defaults,
        }
    }
}

impl Operation for SetPrincipalTagAttributeMap {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "SetPrincipalTagAttributeMap";
    const ACCESS: Access = Access::Signed;
    type Output = PrincipalTagAttributeMap;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<PrincipalTagAttributeMap, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        let provider = self.identity_provider_name;
        let map = TagMap {
            use_defaults: self.use_defaults.unwrap_or(self.principal_tags.is_empty()),
            tags: Tags::of(self.principal_tags).map_err(|error| tagging::refused(&error))?,
        };
        pools::change(call, &self.identity_pool_id, |pool| {
            if !has_provider(pool, &provider) {
                let text = format!("({provider}) is not a configured provider.");
                return Err(Code::InvalidParameter.because(text));
            }
            pool.tag_maps.insert(provider.clone(), map.clone());
            Ok(())
        })
        .await?;
        Ok(PrincipalTagAttributeMap::of(&pool.id, provider, map))
    }
}
