//! GetPoolSettings.

use serde::Deserialize;

use super::pool_settings::PoolSettingsOutput;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::operations::cognito_identity::pool_resource;
use crate::operations::{Access, Operation, Service};

/// Shows Cognate's own settings of a pool, and the version that a change must name.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetPoolSettings {
    identity_pool_id: String,
}

impl Operation for GetPoolSettings {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "GetPoolSettings";
    const ACCESS: Access = Access::Signed;
    type Output = PoolSettingsOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<PoolSettingsOutput, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        Ok(PoolSettingsOutput::of(&pool))
    }
}
