//! DeleteIdentityPool.

use serde::Deserialize;

use super::pool_arn;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::operations::answer::Nothing;
use crate::operations::{Access, Operation, Service};

/// Removes a pool, its roles and its identities. From then on nobody finds any of them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteIdentityPool {
    identity_pool_id: String,
}

impl Operation for DeleteIdentityPool {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "DeleteIdentityPool";
    const ACCESS: Access = Access::Signed;
    type Output = Nothing;

    fn resource(&self, call: &Call<'_>) -> String {
        pool_arn(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<Nothing, Error> {
        pools::remove(call, &self.identity_pool_id).await?;
        Ok(Nothing)
    }
}
