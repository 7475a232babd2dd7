//! DeleteIdentityPool.

use serde::Deserialize;

use super::pool_resource;
use crate::app::access::authorise::IdentitySessions;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::operations::answer::NoOutput;
use crate::operations::{Access, Operation, Service};

/// Removes a pool, its roles and its identities, which can't be found from then on.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteIdentityPool {
    identity_pool_id: String,
}

impl Operation for DeleteIdentityPool {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "DeleteIdentityPool";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = NoOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<NoOutput, Error> {
        pools::remove(call, &self.identity_pool_id).await?;
        Ok(NoOutput)
    }
}
