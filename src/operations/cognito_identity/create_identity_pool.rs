//! CreateIdentityPool.

use serde::Deserialize;

use super::pool_members::{IdentityPool, PoolMembers};
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::{Call, pool_ids, pools};
use crate::error::{Code, Error};
use crate::model::ids::PoolId;
use crate::model::pool::Pool;
use crate::model::tags::Tags;
use crate::operations::{Access, Operation, Service};

/// The tag that chooses the id of a pool in `cognate dev`.
const CUSTOM_ID: &str = "_custom_id_";

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
        let id = match self.custom_id(call)? {
            Some(id) => {
                // Only `cognate dev` comes here: the tag itself is the instruction to use an id again.
                pool_ids::check_choice(call, &id, true)?;
                id
            }
            None => PoolId {
                region: call.signed_region().clone(),
                uuid: call.app.ambient.uuid(),
            },
        };
        self.create(call, id).await
    }
}

impl CreateIdentityPool {
    /// Makes the pool with this id.
    pub(in crate::operations) async fn create(
        self,
        call: &Call<'_>,
        id: PoolId,
    ) -> Result<IdentityPool, Error> {
        self.0.authorise_tags(call, &id)?;
        let settings = self.0.settings(call, &id, &Tags::new())?;
        let pool = Pool::new(id, settings);
        let shown = IdentityPool::of(call, &pool)?;
        pools::add(call, pool).await?;
        Ok(shown)
    }

    /// The id that the tag `_custom_id_` names: the whole id, or the UUID alone. Users of emulators know the tag; only
    /// `cognate dev` honours it.
    fn custom_id(&self, call: &Call<'_>) -> Result<Option<PoolId>, Error> {
        let tags = self.0.identity_pool_tags.as_ref();
        let tag = tags.and_then(|tags| tags.get(CUSTOM_ID));
        let Some(text) = tag.filter(|_| call.app.config.custom_pool_ids) else {
            return Ok(None);
        };
        let region = call.signed_region();
        let id = PoolId::parse(text).or_else(|| PoolId::parse(&format!("{region}:{text}")));
        let of_region = id.filter(|id| id.region == *region);
        of_region.map(Some).ok_or_else(|| {
            Code::InvalidParameter.because(format!(
                "The tag {CUSTOM_ID} must be the id of a pool in {region}, or a UUID in lower case."
            ))
        })
    }
}
