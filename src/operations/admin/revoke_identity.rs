//! RevokeIdentity.

use serde::{Deserialize, Serialize};

use crate::app::{Call, identities};
use crate::error::Error;
use crate::model::identity::Revocation;
use crate::model::ids::IdentityId;
use crate::operations::{Access, Operation, Service};

/// Revokes an identity: it gets no tokens and no credentials until it is restored, and this server refuses those that it
/// has. Its logins open nothing at the STS either, unless the revocation counts in this pool only.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RevokeIdentity {
    identity_id: String,
    #[serde(default)]
    only_this_pool: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RevokeIdentityOutput {
    identity_id: IdentityId,
}

impl Operation for RevokeIdentity {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "RevokeIdentity";
    const ACCESS: Access = Access::Signed;
    type Output = RevokeIdentityOutput;

    async fn run(self, call: &Call<'_>) -> Result<RevokeIdentityOutput, Error> {
        let reach = if self.only_this_pool {
            Revocation::ThisPool
        } else {
            Revocation::EveryPool
        };
        Ok(RevokeIdentityOutput {
            identity_id: identities::revoke(call, &self.identity_id, Some(reach)).await?,
        })
    }
}
