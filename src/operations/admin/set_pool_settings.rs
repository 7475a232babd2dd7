//! SetPoolSettings.

use serde::Deserialize;

use super::pool_settings::{self, PoolSettingsOutput};
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::operations::cognito_identity::pool_resource;
use crate::operations::{Access, Operation, Service};

/// Replaces all of Cognate's own settings of a pool, if the pool has the version that was read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SetPoolSettings {
    identity_pool_id: String,
    settings: String,
    version: u64,
}

impl Operation for SetPoolSettings {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "SetPoolSettings";
    const ACCESS: Access = Access::Signed;
    type Output = PoolSettingsOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<PoolSettingsOutput, Error> {
        let before = pools::find_for_admin(call, &self.identity_pool_id)?;
        let mut pool = before.as_ref().clone();
        pool_settings::replace(&mut pool, &self.settings)?;
        pools::authorise_providers(call, &before, &pool)?;
        // The store refuses this version where the pool has another version than the one that was read.
        pool.version = self.version.saturating_add(1);
        pools::replace(call, pool.clone()).await?;
        Ok(PoolSettingsOutput::of(&pool))
    }
}
