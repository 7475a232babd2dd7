//! CreateIdentityPool.

use serde::Deserialize;

use super::pool_members::{IdentityPool, PoolMembers};
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::model::ids::PoolId;
use crate::model::pool::Pool;
use crate::model::tags::Tags;
use crate::operations::{Access, Operation, Service};

/// Makes a pool in the region that the request was signed for.
#[derive(Deserialize)]
pub(crate) struct CreateIdentityPool(PoolMembers);

impl Operation for CreateIdentityPool {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "CreateIdentityPool";
    const ACCESS: Access = Access::Signed;
    type Output = IdentityPool;

    fn resource(&self, call: &Call<'_>) -> Resource {
        Resource::pools(call.signed_region(), &call.app.config.account_id)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        self.0.set_tag_keys(keys);
    }

    async fn run(self, call: &Call<'_>) -> Result<IdentityPool, Error> {
        let region = call.signed_region().clone();
        let id = PoolId {
            region,
            uuid: call.app.ambient.uuid(),
        };
        self.0.authorise_tags(call, &id)?;
        let settings = self.0.settings(call, &id, &Tags::new())?;
        let pool = Pool::new(id, settings);
        let shown = IdentityPool::of(call, &pool)?;
        pools::add(call, pool).await?;
        Ok(shown)
    }
}
