//! ListIdentityStatuses.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::identity_status::IdentityStatus;
use crate::app::access::resource::Resource;
use crate::app::{Call, identities, pools};
use crate::error::Error;
use crate::operations::cognito_identity::{pages, pool_resource};
use crate::operations::{Access, Operation, Service};

/// Lists the identities of a pool with their status, in pages.
///
/// A page looks at `MaxResults` identities. With `OnlyRevoked`, it has those of them that are revoked, so that a page can be
/// empty while there are more.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListIdentityStatuses {
    identity_pool_id: String,
    max_results: usize,
    next_token: Option<String>,
    #[serde(default)]
    only_revoked: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListIdentityStatusesOutput {
    identities: Vec<IdentityStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for ListIdentityStatuses {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "ListIdentityStatuses";
    const ACCESS: Access = Access::Signed;
    type Output = ListIdentityStatusesOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(self, call: &Call<'_>) -> Result<ListIdentityStatusesOutput, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        let after = pages::after(self.next_token.as_deref(), |id| Uuid::from_slice(&id).ok())?;
        let limit = self.max_results;
        let found = identities::list(call, &pool, after, limit + 1, true).await?;
        let (found, next_token) = pages::cut(found, limit, |identity| identity.id);
        let shown = found
            .into_iter()
            .filter(|identity| identity.revoked || !self.only_revoked)
            .map(|identity| IdentityStatus::of(identity, &pool));
        Ok(ListIdentityStatusesOutput {
            identities: shown.collect(),
            next_token,
        })
    }
}
