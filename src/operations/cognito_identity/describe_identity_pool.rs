//! DescribeIdentityPool.

use serde::Deserialize;

use super::pool_members::IdentityPool;
use super::pool_resource;
use crate::app::access::authorise::IdentitySessions;
use crate::app::access::resource::Resource;
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
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = IdentityPool;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<IdentityPool, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        IdentityPool::of(call, &pool)
    }
}
