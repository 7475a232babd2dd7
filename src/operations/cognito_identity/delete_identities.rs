//! DeleteIdentities.

use serde::{Deserialize, Serialize};

use crate::app::access::authorise::IdentitySessions;
use crate::app::{Call, identities};
use crate::error::{Code, Error};
use crate::model::ids::IdentityId;
use crate::operations::{Access, Operation, Service};

/// Removes identities. An unknown id is no error, so the request can be repeated; a revoked identity stays until it is
/// restored.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteIdentities {
    identity_ids_to_delete: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteIdentitiesOutput {
    unprocessed_identity_ids: Vec<UnprocessedIdentityId>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UnprocessedIdentityId {
    identity_id: String,
    error_code: &'static str,
}

impl Operation for DeleteIdentities {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "DeleteIdentities";
    const ACCESS: Access = Access::Signed;
    const IDENTITY_SESSIONS: IdentitySessions = IdentitySessions::IfConfigured;
    type Output = DeleteIdentitiesOutput;

    async fn run(self, call: &Call<'_>) -> Result<DeleteIdentitiesOutput, Error> {
        let ids = self.identity_ids_to_delete.iter();
        let ids = ids.filter_map(|id| IdentityId::parse(id)).collect();
        let unprocessed = match identities::remove(call, ids).await {
            Ok(revoked) => {
                let of_id = |id: IdentityId| UnprocessedIdentityId {
                    identity_id: id.reveal(),
                    error_code: "AccessDenied",
                };
                revoked.into_iter().map(of_id).collect()
            }
            // The request runs again.
            Err(error) if error.code == Code::Outdated => return Err(error),
            Err(error) => {
                tracing::error!(request_id = %call.request_id, ?error, "identities were not removed");
                let of_id = |identity_id| UnprocessedIdentityId {
                    identity_id,
                    error_code: "InternalServerError",
                };
                self.identity_ids_to_delete.into_iter().map(of_id).collect()
            }
        };
        Ok(DeleteIdentitiesOutput {
            unprocessed_identity_ids: unprocessed,
        })
    }
}
