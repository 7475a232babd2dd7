//! DescribeIdentityPool.

use serde::Deserialize;

use super::pool_arn;
use super::pool_members::IdentityPool;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Shows a pool.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeIdentityPool {
    identity_pool_id: String,
}

impl Operation for DescribeIdentityPool {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "DescribeIdentityPool";
    const ACCESS: Access = Access::Signed;
    type Output = IdentityPool;

    fn resource(&self, call: &Call<'_>) -> String {
        pool_arn(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<IdentityPool, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        IdentityPool::of(call, &pool)
    }
}
