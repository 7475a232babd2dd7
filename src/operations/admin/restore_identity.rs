//! RestoreIdentity.

use serde::{Deserialize, Serialize};

use crate::app::{Call, identities};
use crate::error::Error;
use crate::model::ids::IdentityId;
use crate::operations::{Access, Operation, Service};

/// Restores a revoked identity. Its earlier tokens and credentials stay invalid.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RestoreIdentity {
    identity_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RestoreIdentityOutput {
    identity_id: IdentityId,
}

impl Operation for RestoreIdentity {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "RestoreIdentity";
    const ACCESS: Access = Access::Signed;
    type Output = RestoreIdentityOutput;

    async fn run(self, call: &Call<'_>) -> Result<RestoreIdentityOutput, Error> {
        Ok(RestoreIdentityOutput {
            identity_id: identities::revoke(call, &self.identity_id, None).await?,
        })
    }
}
