//! GetCredentialsForIdentity.
//! <https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetCredentialsForIdentity.html>

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Logins;
use crate::app::Call;
use crate::app::assume_role::Assumption;
use crate::app::sign_in::Place;
use crate::error::{Code, Error};
use crate::model::ids::IdentityId;
use crate::operations::answer::Seconds;
use crate::operations::{Access, Operation, Service};

/// How long the credentials are good.
const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

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
        let verified = call.verify(&pool, &self.logins, Place::Elsewhere).await?;
        // No mapping offers a role yet, so there is none to choose.
        if let Some(role) = self.custom_role_arn {
            return Err(
                Code::NotAuthorized.because(format!("Access to Role '{role}' is forbidden."))
            );
        }
        let who = call.known(&pool, identity, &verified).await?;
        let role = if who.is_authenticated() {
            &pool.roles.authenticated
        } else {
            &pool.roles.unauthenticated
        };
        let role = role.clone().ok_or_else(no_role)?;
        let assumption = Assumption {
            role,
            session_name: "CognitoIdentityCredentials".to_owned(),
            pool: &pool,
            identity: who.id.uuid,
            epoch: who.epoch,
            lifetime: LIFETIME,
        };
        let (issued, session) = call.assume(assumption);
        Ok(GetCredentialsForIdentityOutput {
            credentials: Credentials {
                access_key_id: issued.access_key_id,
                expiration: Seconds(session.expires),
                secret_key: issued.secret_key.to_string(),
                session_token: issued.session_token,
            },
            identity_id: who.id,
        })
    }
}

fn no_role() -> Error {
    Code::InvalidIdentityPoolConfiguration
        .because("Invalid identity pool configuration. Check assigned IAM roles for this pool.")
}
