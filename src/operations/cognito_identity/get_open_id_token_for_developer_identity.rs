//! GetOpenIdTokenForDeveloperIdentity.
//! <https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetOpenIdTokenForDeveloperIdentity.html>

use std::error::Error as StdError;

use indexmap::IndexMap;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Logins, pool_resource};
use crate::app::access::resource::Resource;
use crate::app::credentials::open_id_token::OpenIdToken;
use crate::app::sign_in::logins::{self, PresentedTo, ProofError};
use crate::app::sign_in::{self, SignInError, VerifiedIdentity, origin};
use crate::app::{Call, identities, pools};
use crate::error::{Code, Error};
use crate::model::identity::Login;
use crate::model::ids::IdentityId;
use crate::model::pool::Pool;
use crate::model::provider::ProviderKind;
use crate::model::tags::Tags;
use crate::operations::{Access, Operation, Service};

/// The default lifetime of a token, in seconds.
const LIFETIME: i64 = 900;

/// The greatest length of a developer's user identifier, in characters.
const LONGEST_USER: usize = 1024;

/// Issues an OpenID token for one of the developer's users. The identity of the user is found, made or linked.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetOpenIdTokenForDeveloperIdentity {
    identity_pool_id: String,
    identity_id: Option<String>,
    logins: Logins,
    #[serde(default)]
    principal_tags: IndexMap<String, String>,
    token_duration: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetOpenIdTokenForDeveloperIdentityOutput {
    identity_id: IdentityId,
    token: String,
}

impl Operation for GetOpenIdTokenForDeveloperIdentity {
    const SERVICE: Service = Service::CognitoIdentity;
    const NAME: &'static str = "GetOpenIdTokenForDeveloperIdentity";
    const ACCESS: Access = Access::Signed;
    type Output = GetOpenIdTokenForDeveloperIdentityOutput;

    fn resource(&self, call: &Call<'_>) -> Resource {
        pool_resource(call, &self.identity_pool_id)
    }

    async fn run(
        mut self,
        call: &Call<'_>,
    ) -> Result<GetOpenIdTokenForDeveloperIdentityOutput, Error> {
        let pool = pools::find_for_admin(call, &self.identity_pool_id)?;
        let user = take_user(&mut self.logins, &pool)?;
        let tags = Tags::of_session(self.principal_tags, &[]).map_err(SignInError::from)?;
        let identity = match &self.identity_id {
            Some(id) => Some(identities::find_in_pool(call, &pool, id).await?),
            None => None,
        };
        let proofs = logins::verify(call, &pool, &self.logins, PresentedTo::Developer).await;
        let proofs = proofs.map_err(|error| refused(error, call))?;
        let (name, id) = (user.provider.clone(), user.subject.clone());
        let (id_of_identity, epoch) =
            sign_in::resolve(call, &pool, identity.as_ref(), Some(user), &proofs).await?;
        let third = format!("{name}:{}:{id}", pool.id);
        let mut logins = vec![origin::of_developer(&name)];
        let mut amr = vec!["authenticated".to_owned(), name, third];
        for proof in proofs {
            amr.extend(proof.amr);
            logins.extend(proof.origins);
        }
        let who = VerifiedIdentity {
            id: id_of_identity,
            epoch,
            amr,
            tags,
            logins,
        };
        let seconds = self.token_duration.unwrap_or(LIFETIME);
        let lifetime = SignedDuration::from_secs(seconds);
        let token = OpenIdToken {
            lifetime,
            not_after: Some(call.now + lifetime),
            developer: true,
        };
        let token = token.issue(call, &pool, &who).await?;
        Ok(GetOpenIdTokenForDeveloperIdentityOutput {
            identity_id: who.id,
            token,
        })
    }
}

/// The refusal of a login. The model declares no ExternalServiceException here, so a provider's failure goes to the log only.
fn refused(error: ProofError, call: &Call<'_>) -> Error {
    let error = Error::from(error);
    if error.code == Code::ExternalService {
        let why = error.source.as_deref().map(|why| why as &dyn StdError);
        tracing::warn!(request_id = %call.request_id, signed_by_key = true, why, "a login can't be checked");
    }
    error.without_outside()
}

/// Takes the developer's user from the logins, and leaves those at public providers.
fn take_user(logins: &mut Logins, pool: &Pool) -> Result<Login, Error> {
    let provider = pool.settings.developer_provider_name.as_deref();
    let registered = |key: &str| {
        let mut arns = pool.settings.oidc_provider_arns.iter();
        arns.any(|arn| arn.name() == key)
    };
    let public = |key: &str| match ProviderKind::of(key) {
        ProviderKind::Public(_) | ProviderKind::UserPool | ProviderKind::Saml => true,
        ProviderKind::OpenIdConnect => registered(key),
        ProviderKind::Own => false,
    };
    if logins
        .keys()
        .any(|key| Some(key.as_str()) != provider && !public(key))
    {
        return Err(other_developer());
    }
    let named = provider.and_then(|provider| logins.shift_remove_entry(provider));
    let (provider, user) = named.ok_or_else(|| {
        Code::InvalidParameter.because("Please provide a login of the developer provider.")
    })?;
    if user.chars().count() > LONGEST_USER {
        let text = format!("A developer user identifier has at most {LONGEST_USER} characters.");
        return Err(Code::InvalidParameter.because(text));
    }
    Ok(Login::developer(provider, user))
}

/// The refusal of a developer provider that isn't the pool's.
pub(super) fn other_developer() -> Error {
    Code::NotAuthorized
        .because("This identity pool does not support the specified developer provider")
}
