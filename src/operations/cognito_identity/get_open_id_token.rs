//! GetOpenIdToken. <https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetOpenIdToken.html>

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Logins;
use crate::app::credentials::open_id_token::OpenIdToken;
use crate::app::sign_in::logins::{self, PresentedTo, Proof};
use crate::app::{Call, identities, sign_in};
use crate::error::{Code, Error};
use crate::model::ids::IdentityId;
use crate::model::provider::ProviderKind;
use crate::operations::{Access, Operation, Service};

/// The lifetime of a token.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// Issues an OpenID token for an identity, to present to an STS.
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
        let (identity, pool) = identities::find(call, &self.identity_id).await?;
        let refused = |why: &str| {
            let text = format!("Basic (classic) flow is not {why}, please use enhanced flow.");
            Err(Code::InvalidParameter.because(text))
        };
        if pool.settings.allow_classic_flow == Some(false) {
            return refused("enabled");
        }
        if !pool.roles.mappings.is_empty() {
            return refused("supported with RoleMappings");
        }
        let saml = |key: &String| ProviderKind::of(key) == ProviderKind::Saml;
        if self.logins.keys().any(saml) {
            return refused("supported with SAML");
        }
        let presented_to = PresentedTo::Identity(&identity);
        let proofs = logins::verify(call, &pool, &self.logins, presented_to).await?;
        let who = sign_in::authenticate(call, &pool, &identity, &proofs).await?;
        // The token doesn't outlive a developer's token that it comes from.
        let end = proofs.iter().filter_map(Proof::own_end).min();
        let lifetime = end.map_or(LIFETIME, |end| LIFETIME.min(end.duration_since(call.now)));
        let token = OpenIdToken {
            lifetime,
            not_after: end,
            developer: false,
        };
        let token = token.issue(call, &pool, &who).await?;
        Ok(GetOpenIdTokenOutput {
            identity_id: who.id,
            token,
        })
    }
}
