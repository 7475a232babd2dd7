//! GetOpenIdToken. <https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetOpenIdToken.html>

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Logins;
use crate::app::Call;
use crate::app::sign_in::Place;
use crate::error::{Code, Error};
use crate::model::ids::IdentityId;
use crate::operations::{Access, Operation, Service};

/// How long a token is good.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// Gives an OpenID token for an identity, to be taken to an STS.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetOpenIdToken {
    identity_id: String,
    #[serde(default)]
    logins: Logins,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetOpenIdTokenOutput {
    identity_id: IdentityId,
    token: String,
}

impl Operation for GetOpenIdToken {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "GetOpenIdToken";
    const ACCESS: Access = Access::Public;
    type Output = GetOpenIdTokenOutput;

    async fn run(self, call: &Call<'_>) -> Result<GetOpenIdTokenOutput, Error> {
        let (identity, pool) = call.identity(&self.identity_id).await?;
        if pool.settings.allow_classic_flow == Some(false) {
            return Err(Code::InvalidParameter
                .because("Basic (classic) flow is not enabled, please use enhanced flow."));
        }
        let verified = call.verify(&pool, &self.logins, Place::Elsewhere).await?;
        let who = call.known(&pool, identity, &verified).await?;
        let token = call.open_id_token(&pool, &who, LIFETIME);
        Ok(GetOpenIdTokenOutput {
            identity_id: who.id,
            token,
        })
    }
}
