//! GetCredentialsForIdentity.
//! <https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetCredentialsForIdentity.html>

use serde::{Deserialize, Serialize};

use super::Logins;
use crate::app::credentials::lifetime::bounded_end;
use crate::app::credentials::{assume_role, external_sts};
use crate::app::rates::RequestWork;
use crate::app::roles::choice::choose;
use crate::app::sign_in::logins::{self, PresentedTo};
use crate::app::{Call, identities, sign_in};
use crate::error::Error;
use crate::model::ids::IdentityId;
use crate::operations::answer::EpochSeconds;
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
    credentials: CredentialsOutput,
    identity_id: IdentityId,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CredentialsOutput {
    access_key_id: String,
    expiration: EpochSeconds,
    secret_key: String,
    session_token: String,
}

impl Operation for GetCredentialsForIdentity {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "GetCredentialsForIdentity";
    const ACCESS: Access = Access::Public;
    type Output = GetCredentialsForIdentityOutput;

    fn work(&self, call: &Call<'_>) -> RequestWork {
        // For a guest, another STS may be asked.
        if self.logins.is_empty() && call.routes.is_empty() {
            RequestWork::Ordinary
        } else {
            RequestWork::Expensive
        }
    }

    async fn run(self, call: &Call<'_>) -> Result<GetCredentialsForIdentityOutput, Error> {
        let (identity, pool) = identities::find(call, &self.identity_id).await?;
        let presented_to = PresentedTo::Identity(&identity);
        let proofs = logins::verify(call, &pool, &self.logins, presented_to).await?;
        let asked = self.custom_role_arn.as_deref();
        // A forbidden guest is refused before the role is chosen; a login links nothing before the role is chosen.
        let (verified, role) = if proofs.is_empty() {
            let verified = sign_in::authenticate(call, &pool, &identity, &proofs).await?;
            (verified, choose(&pool, &proofs, asked)?)
        } else {
            let role = choose(&pool, &proofs, asked)?;
            (
                sign_in::authenticate(call, &pool, &identity, &proofs).await?,
                role,
            )
        };
        let end = bounded_end(&pool, &proofs, call.now);
        let id = verified.id.clone();
        let assumption = assume_role::enhanced(call, &pool, verified, role, None, end).await?;
        let credentials = external_sts::issue(call, assumption).await?;
        Ok(GetCredentialsForIdentityOutput {
            credentials: CredentialsOutput {
                access_key_id: credentials.access_key_id,
                expiration: EpochSeconds(credentials.expires),
                secret_key: credentials.secret_key.to_string(),
                session_token: credentials.session_token,
            },
            identity_id: id,
        })
    }
}
