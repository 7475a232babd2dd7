//! GetIdentityStatus.

use serde::Deserialize;

use super::identity_status::IdentityStatus;
use crate::app::{Call, identities};
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Shows an identity with its status: active, revoked, or merged into another one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetIdentityStatus {
    identity_id: String,
}

impl Operation for GetIdentityStatus {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "GetIdentityStatus";
    const ACCESS: Access = Access::Signed;
    type Output = IdentityStatus;

    async fn run(self, call: &Call<'_>) -> Result<IdentityStatus, Error> {
        let (identity, pool) = identities::find_for_admin(call, &self.identity_id).await?;
        Ok(IdentityStatus::of(identity, &pool))
    }
}
