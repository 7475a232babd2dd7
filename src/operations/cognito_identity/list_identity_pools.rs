//! ListIdentityPools.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::pool_arn;
use crate::app::Call;
use crate::error::{Code, Error};
use crate::model::ids::PoolId;
use crate::operations::{Access, Operation, Service};

/// Lists the pools of the region that the request was signed for, a page at a time.
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
    type Output = ListIdentityPoolsOutput;

    fn resource(&self, call: &Call<'_>) -> String {
        pool_arn(call, "")
    }

    async fn run(self, call: &Call<'_>) -> Result<ListIdentityPoolsOutput, Error> {
        let after = self.next_token.as_deref().map(read_token).transpose()?;
        let one_more = self.max_results + 1;
        let mut pools = call
            .app
            .store
            .list_pools(call.signed_region(), after, one_more)
            .await?;
        let more = pools.len() > self.max_results;
        pools.truncate(self.max_results);
        let last = pools.last().filter(|_| more).map(|pool| pool.id.uuid);
        let identity_pools = pools.iter().map(|pool| IdentityPoolShortDescription {
            identity_pool_id: pool.id.clone(),
            identity_pool_name: pool.settings.name.clone(),
        });
        Ok(ListIdentityPoolsOutput {
            identity_pools: identity_pools.collect(),
            next_token: last.map(|uuid| URL_SAFE_NO_PAD.encode(uuid)),
        })
    }
}

fn read_token(token: &str) -> Result<Uuid, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let uuid = bytes.and_then(|bytes| Uuid::from_slice(&bytes).ok());
    uuid.ok_or_else(|| Code::InvalidParameter.because("Invalid NextToken."))
}
