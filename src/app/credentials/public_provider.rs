//! Public providers as principals of trust policies: Google's ID tokens, and access tokens of Login with Amazon and Facebook.
//! They need no registration, because the trust policy names their clients.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::web_identity::{PresentedToken, TokenSource, WebIdentity, WebIdentityError, accept};
use crate::app::Call;
use crate::app::roles::trust_policy::pinned_clients;
use crate::logins::access_token::{Amazon, Facebook};
use crate::logins::id_token::OpenIdConnect;
use crate::logins::report::Report;
use crate::logins::{LoginAttempt, LoginError, LoginProvider, VerifiedLogin};
use crate::model::provider::PublicProvider;

/// Whether the issuer with this name is Google.
pub(super) fn is_google(name: &str) -> bool {
    PublicProvider::named(name) == Some(PublicProvider::Google)
}

/// Google with the clients that the role's trust policy names, if the issuer with this name is Google and the policy names
/// any.
pub(super) fn google(presented: PresentedToken<'_>, name: &str) -> Option<OpenIdConnect> {
    let role = presented.role.filter(|_| is_google(name))?;
    let clients = pinned_clients(role, name);
    (!clients.is_empty()).then(|| OpenIdConnect::of_clients(name, clients))
}

/// Verifies an ID token of Google.
pub(super) async fn check_id_token(
    call: &Call<'_>,
    token: &str,
    provider: &OpenIdConnect,
    report: &mut Report,
) -> Result<WebIdentity, WebIdentityError> {
    let name = &provider.name;
    let verified = verify(call, token, name, provider, report).await?;
    let mut lasting = lasting_keys(
        name,
        [
            ("aud", &verified.audience),
            ("sub", &verified.login.subject),
        ],
    );
    // The key `aud` is `azp` where the token has it; `oaud` is always the claim.
    if let Some(Value::String(audience)) = verified.claims.get("aud") {
        lasting.insert(format!("{name}:oaud"), audience.clone());
    }
    let claims = verified.claims.clone();
    accept_user(call, verified, claims, lasting, report).await
}

/// Verifies an access token at the provider `name`, for a client that the role's trust policy names.
pub(super) async fn check_access_token(
    call: &Call<'_>,
    presented: PresentedToken<'_>,
    name: &str,
    report: &mut Report,
) -> Result<WebIdentity, WebIdentityError> {
    report.about_login(name);
    let user = match PublicProvider::named(name) {
        Some(PublicProvider::Amazon) => "user_id",
        Some(PublicProvider::Facebook) => "id",
        _ => return Err(WebIdentityError::NoProvider(name.to_owned())),
    };
    let clients = presented.role.map(|role| pinned_clients(role, name));
    let mut checked = Err(WebIdentityError::NotTrusted);
    // The provider is asked once: its answer is cached, and compared with each client.
    for app in clients.unwrap_or_default() {
        let provider: Box<dyn LoginProvider> = match user {
            "user_id" => Box::new(Amazon { app }),
            _ => Box::new(Facebook { app }),
        };
        checked = verify(call, presented.token, name, provider.as_ref(), report).await;
        if !matches!(
            checked,
            Err(WebIdentityError::Login(LoginError::Unsupported))
        ) {
            break;
        }
    }
    let verified = checked?;
    let (app, subject) = (&verified.audience, &verified.login.subject);
    let lasting = lasting_keys(name, [("app_id", app), (user, subject)]);
    accept_user(call, verified, Map::new(), lasting, report).await
}

async fn verify(
    call: &Call<'_>,
    token: &str,
    name: &str,
    provider: &dyn LoginProvider,
    report: &mut Report,
) -> Result<VerifiedLogin, WebIdentityError> {
    let attempt = LoginAttempt {
        key: name,
        token,
        now: call.now,
    };
    let verified = call
        .app
        .logins
        .verify(Some(provider), &attempt, report)
        .await;
    verified.map_err(WebIdentityError::Login)
}

fn lasting_keys<const N: usize>(
    name: &str,
    keys: [(&str, &String); N],
) -> IndexMap<String, String> {
    keys.map(|(key, value)| (format!("{name}:{key}"), value.clone()))
        .into()
}

async fn accept_user(
    call: &Call<'_>,
    verified: VerifiedLogin,
    claims: Map<String, Value>,
    lasting: IndexMap<String, String>,
    report: &mut Report,
) -> Result<WebIdentity, WebIdentityError> {
    let name = verified.login.provider.clone();
    let source = TokenSource::IdentityProvider {
        name: name.clone(),
        registration: None,
        claims,
        lasting,
    };
    accept(
        call,
        verified.login,
        name,
        verified.audience,
        source,
        report,
    )
    .await
}
