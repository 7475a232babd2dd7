//! ListIdentities.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::identity_description::IdentityDescription;
use super::{pages, pool_resource};
use crate::app::access::resource::Resource;
use crate::app::{Call, identities, pools};
use crate::error::Error;
use crate::model::ids::PoolId;
use crate::operations::{Access, Operation, Service};

/// Lists the identities of a pool in pages. An identity that exists throughout appears exactly once.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListIdentities {
    identity_pool_id: String,
    max_results: usize,
    next_token: Option<String>,
    #[serde(default)]
    hide_disabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListIdentitiesOutput {
    identities: Vec<IdentityDescription>,
    identity_pool_id: PoolId,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for ListIdentities {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "ListIdentities";
    const ACCESS: Access = Access::Signed;
    type Output = ListIdentitiesOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListIdentitiesOutput, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        let after = pages::after(self.next_token.as_deref(), |id| Uuid::from_slice(&id).ok())?;
        let (limit, disabled) = (self.max_results, !self.hide_disabled);
        let found = identities::list(call, &pool, after, limit + 1, disabled).await?;
        let (found, next_token) = pages::cut(found, limit, |identity| identity.id);
        let shown = found
            .into_iter()
            .map(|identity| IdentityDescription::of(identity, &pool));
        Ok(ListIdentitiesOutput {
            identities: shown.collect(),
            identity_pool_id: pool.id.clone(),
            next_token,
        })
    }
}
