//! UpdateIdentityPool.

use indexmap::IndexMap;
use serde::Deserialize;

use super::pool_members::{IdentityPool, PoolMembers};
use super::pool_resource;
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::providers::consumer_secrets;
use crate::app::{Call, pools};
use crate::error::{Code, Error};
use crate::model::pool::{Pool, PoolSettings};
use crate::operations::{Access, Operation, Service};

/// Replaces the settings of a pool. Omitted members are cleared, except the tags and the developer provider.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateIdentityPool {
    identity_pool_id: String,
    #[serde(flatten)]
    members: PoolMembers,
}

impl Operation for UpdateIdentityPool {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "UpdateIdentityPool";
    const ACCESS: Access = Access::Signed;
    type Output = IdentityPool;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    fn request_keys(&self, keys: &mut RequestKeys) {
        self.members.set_tag_keys(keys);
    }

    async fn run(mut self, call: &Call<'_>) -> Result<IdentityPool, Error> {
        let before = pools::find_for_admin(call, &self.identity_pool_id)?;
        self.keep_developer_provider(&before)?;
        self.members.authorise_tags(call, &before.id)?;
        let after = Pool {
            version: before.version + 1,
            settings: self
                .members
                .settings(call, &before.id, &before.settings.tags)?,
            ..before.as_ref().clone()
        };
        pools::authorise_providers(call, &before, &after)?;
        let shown = IdentityPool::of(call, &after)?;
        pools::replace(call, after).await?;
        Ok(shown)
    }
}

impl UpdateIdentityPool {
    /// Whether the pool has all of these members already.
    pub(in crate::operations) fn changes_nothing(
        mut self,
        call: &Call<'_>,
        before: &Pool,
    ) -> Result<bool, Error> {
        self.keep_developer_provider(before)?;
        let settings = self
            .members
            .settings(call, &before.id, &before.settings.tags)?;
        let after = Pool {
            settings,
            ..before.clone()
        };
        // A secret is sealed differently each time.
        let unsealed = |pool: &Pool| PoolSettings {
            sealed_consumer_secrets: IndexMap::new(),
            ..pool.settings.clone()
        };
        let apps = |pool: &Pool| consumer_secrets::apps(call, pool);
        Ok(unsealed(&after) == unsealed(before) && apps(&after)? == apps(before)?)
    }

    /// A developer provider can't change, and is kept where the members name none.
    fn keep_developer_provider(&mut self, before: &Pool) -> Result<(), Error> {
        if let Some(name) = &before.settings.developer_provider_name {
            if self
                .members
                .developer_provider_name
                .as_ref()
                .is_some_and(|new| new != name)
            {
                return Err(Code::InvalidParameter.because(
                    "The developer provider name can't be changed once it has been set.",
                ));
            }
            self.members.developer_provider_name = Some(name.clone());
        }
        Ok(())
    }
}
