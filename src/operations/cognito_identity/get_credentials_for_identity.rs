//! GetCredentialsForIdentity.
//! <https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetCredentialsForIdentity.html>

use serde::{Deserialize, Serialize};

use super::Logins;
use crate::app::Call;
use crate::app::lifetime::bounded_end;
use crate::app::role_choice::choose;
use crate::app::sign_in::logins::{self, PresentedTo};
use crate::error::Error;
use crate::model::ids::IdentityId;
use crate::operations::answer::Seconds;
use crate::operations::{Access, Operation, Service};

/// Gives temporary credentials for an identity, in the role that its pool has for it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetCredentialsForIdentity {
    identity_id: String,
    #[serde(default)]
    logins: Logins,
    custom_role_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetCredentialsForIdentityOutput {
    credentials: Credentials,
    identity_id: IdentityId,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    expiration: Seconds,
    secret_key: String,
    session_token: String,
}

impl Operation for GetCredentialsForIdentity {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "GetCredentialsForIdentity";
    const ACCESS: Access = Access::Public;
    type Output = GetCredentialsForIdentityOutput;

    async fn run(self, call: &Call<'_>) -> Result<GetCredentialsForIdentityOutput, Error> {
        let (identity, pool) = call.identity(&self.identity_id).await?;
        let presented_to = PresentedTo::Identity(&identity);
        let proofs = logins::verify(call, &pool, &self.logins, presented_to).await?;
        let asked = self.custom_role_arn.as_deref();
        // A guest that may not be used says so before its pool's roles are looked at; a login changes nothing before.
        let (who, role) = if proofs.is_empty() {
            let who = call.known(&pool, &identity, &proofs).await?;
            (who, choose(&pool, &proofs, asked)?)
        } else {
            let role = choose(&pool, &proofs, asked)?;
            (call.known(&pool, &identity, &proofs).await?, role)
        };
        let end = bounded_end(&pool, &proofs, call.now);
        let id = who.id.clone();
        let assumption = call.enhanced(&pool, who, role).await?;
        let given = call.give(assumption, end).await?;
        Ok(GetCredentialsForIdentityOutput {
            credentials: Credentials {
                access_key_id: given.access_key_id,
                expiration: Seconds(given.expires),
                secret_key: given.secret_key.to_string(),
                session_token: given.session_token,
            },
            identity_id: id,
        })
    }
}
