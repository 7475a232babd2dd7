//! Cognito user pools. Users log in with an ID token; `user_status` asks the user pool whether they still may.

use async_trait::async_trait;

use super::IdTokenIssuer;
use super::findings;
use crate::logins::jwks::{JwksSource, JwsAlgorithm, USER_POOL_JWKS};
use crate::logins::report::Report;
use crate::logins::{LoginAttempt, LoginError, LoginProvider, Logins, VerifiedLogin};
use crate::model::pool::PoolSettings;
use crate::model::provider::OidcProvider;

/// A user pool as an identity pool trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPool {
    /// The `Logins` key: `cognito-idp.REGION.amazonaws.com/POOL`.
    pub name: String,
    /// The clients that the identity pool accepts tokens for. Of two entries for a client, the first counts.
    pub clients: Vec<TrustedClient>,
}

/// A client of a user pool that an identity pool accepts tokens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedClient {
    /// The client's id.
    pub id: String,
    /// ServerSideTokenCheck: whether the user pool is asked about the user of each token.
    pub server_side_token_check: bool,
}

impl UserPool {
    /// The user pool under `key` as an identity pool with these settings trusts it: the clients in
    /// CognitoIdentityProviders, the one in SupportedLoginProviders, and those of the registered provider `registered`
    /// that the identity pool names. `None` if there is no client.
    pub fn from_settings(
        key: &str,
        settings: &PoolSettings,
        registered: Option<&OidcProvider>,
    ) -> Option<Self> {
        let of_pool = settings.user_pool_clients.iter();
        let of_pool = of_pool.filter(|client| client.provider_name == key);
        let of_pool = of_pool.map(|client| TrustedClient {
            id: client.client_id.clone(),
            server_side_token_check: client.server_side_token_check,
        });
        let named = settings.supported_login_providers.get(key);
        let registered = registered.into_iter().flat_map(|one| &one.client_ids);
        let others = named.into_iter().chain(registered);
        let others = others.map(|client_id| TrustedClient {
            id: client_id.clone(),
            server_side_token_check: false,
        });
        let clients: Vec<TrustedClient> = of_pool.chain(others).collect();
        (!clients.is_empty()).then(|| Self {
            name: key.to_owned(),
            clients,
        })
    }

    /// Whether the user pool is asked about the user of a token of this client.
    fn checks_user(&self, client: &str) -> bool {
        let found = self.clients.iter().find(|one| one.id == client);
        found.is_some_and(|client| client.server_side_token_check)
    }
}

#[async_trait]
impl LoginProvider for UserPool {
    async fn verify(
        &self,
        logins: &Logins,
        attempt: &LoginAttempt<'_>,
        report: &mut Report,
    ) -> Result<VerifiedLogin, LoginError> {
        let verified = logins.verify_id_token(Some(self), attempt, report).await?;
        if self.checks_user(&verified.audience) {
            let user = logins.user_status.check(self, &verified, attempt.now).await;
            report.add_outcome("user", user, |user| findings::user(user.as_ref().err()))?;
        }
        Ok(verified)
    }
}

impl IdTokenIssuer for UserPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_issuer(&self, issuer: &str) -> bool {
        issuer.strip_prefix("https://") == Some(self.name.as_str())
    }

    fn clients(&self) -> Vec<&str> {
        self.clients.iter().map(|one| one.id.as_str()).collect()
    }

    fn algorithms(&self) -> &'static [JwsAlgorithm] {
        &[JwsAlgorithm::RS256]
    }

    fn jwks_source(&self) -> JwksSource {
        JwksSource::Url {
            url: format!("https://{}{USER_POOL_JWKS}", self.name),
        }
    }

    fn user(&self, _client: &str, subject: &str) -> String {
        format!("{}:CognitoSignIn:{subject}", self.name)
    }
}
