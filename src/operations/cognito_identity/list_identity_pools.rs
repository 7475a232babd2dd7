//! ListIdentityPools.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::pages;
use crate::app::access::authorise::IdentitySessions;
use crate::app::access::resource::Resource;
use crate::app::{Call, pools};
use crate::error::Error;
use crate::model::ids::PoolId;
use crate::operations::{Access, Operation, Service};

/// Lists the pools of the region that the request was signed for, in pages.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListIdentityPools {
    max_results: usize,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListIdentityPoolsOutput {
    identity_pools: Vec<IdentityPoolShortDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct IdentityPoolShortDescription {
    identity_pool_id: PoolId,
    identity_pool_name: String,
}

impl Operation for ListIdentityPools {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "ListIdentityPools";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = ListIdentityPoolsOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        Resource::pools(call.signed_region(), &call.app.config.account_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListIdentityPoolsOutput, Error> {
        let after = pages::after(self.next_token.as_deref(), |id| Uuid::from_slice(&id).ok())?;
        let found = pools::list(call, after, self.max_results + 1)?;
        let (pools, next_token) = pages::cut(found, self.max_results, |pool| pool.id.uuid);
        let identity_pools = pools.iter().map(|pool| IdentityPoolShortDescription {
            identity_pool_id: pool.id.clone(),
            identity_pool_name: pool.settings.name.clone(),
        });
        Ok(ListIdentityPoolsOutput {
            identity_pools: identity_pools.collect(),
            next_token,
        })
    }
}
