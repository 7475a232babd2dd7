//! OpenID Connect providers: any issuer, including Google and Apple. Users log in with an ID token.

use async_trait::async_trait;

use super::IdTokenIssuer;
use crate::logins::jwks::{JWS_ALGORITHMS, JwksSource, JwsAlgorithm};
use crate::logins::report::Report;
use crate::logins::{LoginAttempt, LoginError, LoginProvider, Logins, VerifiedLogin};
use crate::model::ids::OidcProviderArn;
use crate::model::pool::PoolSettings;
use crate::model::provider::{OidcProvider, PublicProvider};

/// An OpenID Connect provider as a pool trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIdConnect {
    /// The `Logins` key: the issuer without its scheme.
    pub name: String,
    /// The issuer's URL, byte for byte as in its tokens and its discovery document.
    pub issuer: String,
    /// The thumbprints of the registration, SHA-1 in hexadecimal digits; may be empty.
    pub thumbprints: Vec<String>,
    /// The clients that the pool accepts tokens for. Of two entries for a client, the first counts.
    pub audiences: Vec<Audience>,
}

/// A client that a pool accepts tokens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// The client's id at the provider.
    pub client_id: String,
    /// Where the client is configured.
    pub source: AudienceSource,
}

/// Where an accepted client is configured. The `amr` of the tokens that the login leads to depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudienceSource {
    /// The pool's SupportedLoginProviders name the client, or a trust policy does.
    Pool,
    /// The client belongs to a registered provider that the pool names.
    Registration(OidcProviderArn),
}

impl OpenIdConnect {
    /// The provider under `key` as a pool with these settings trusts it: with the client in SupportedLoginProviders and
    /// the clients of the registered provider `registered` that the pool names. `None` if the pool has neither.
    pub fn from_settings(
        key: &str,
        settings: &PoolSettings,
        registered: Option<&OidcProvider>,
    ) -> Option<Self> {
        let client_id = settings.supported_login_providers.get(key);
        let mut provider = match (registered, client_id) {
            (Some(registered), _) => Self::from_registration(key, registered),
            (None, Some(_)) => Self::of_clients(key, Vec::new()),
            (None, None) => return None,
        };
        let audience = client_id.map(|client_id| Audience {
            client_id: client_id.clone(),
            source: AudienceSource::Pool,
        });
        provider.audiences.splice(0..0, audience);
        Some(provider)
    }

    /// Whether `iss` of its tokens may be `issuer`, compared as bytes.
    pub fn has_issuer(&self, issuer: &str) -> bool {
        // Google writes its name in both forms: <https://developers.google.com/identity/openid-connect/openid-connect>
        let google = PublicProvider::named(&self.name) == Some(PublicProvider::Google);
        issuer == self.issuer || (google && issuer == self.name)
    }

    /// A public provider with these clients, and without a registration. `name` is its issuer without the scheme.
    pub fn of_clients(name: &str, clients: Vec<String>) -> Self {
        let audiences = clients.into_iter().map(|client_id| Audience {
            client_id,
            source: AudienceSource::Pool,
        });
        Self {
            name: name.to_owned(),
            issuer: format!("https://{name}"),
            thumbprints: Vec::new(),
            audiences: audiences.collect(),
        }
    }

    /// The registered provider `registered` with all its clients, under the `Logins` key `key`.
    pub fn from_registration(key: &str, registered: &OidcProvider) -> Self {
        let audiences = registered.client_ids.iter().map(|client_id| Audience {
            client_id: client_id.clone(),
            source: AudienceSource::Registration(registered.arn.clone()),
        });
        Self {
            name: key.to_owned(),
            issuer: registered.issuer.clone(),
            thumbprints: registered.thumbprints.clone(),
            audiences: audiences.collect(),
        }
    }
}

#[async_trait]
impl LoginProvider for OpenIdConnect {
    async fn verify(
        &self,
        logins: &Logins,
        attempt: &LoginAttempt<'_>,
        report: &mut Report,
    ) -> Result<VerifiedLogin, LoginError> {
        logins.verify_id_token(Some(self), attempt, report).await
    }
}

impl IdTokenIssuer for OpenIdConnect {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_issuer(&self, issuer: &str) -> bool {
        self.has_issuer(issuer)
    }

    fn clients(&self) -> Vec<&str> {
        self.audiences
            .iter()
            .map(|one| one.client_id.as_str())
            .collect()
    }

    fn algorithms(&self) -> &'static [JwsAlgorithm] {
        JWS_ALGORITHMS
    }

    fn jwks_source(&self) -> JwksSource {
        JwksSource::Discovery {
            issuer: self.issuer.clone(),
            thumbprints: self.thumbprints.clone(),
        }
    }

    fn user(&self, client: &str, subject: &str) -> String {
        let audience = self.audiences.iter().find(|a| a.client_id == client);
        match audience.map(|audience| &audience.source) {
            Some(AudienceSource::Registration(arn)) => format!("{arn}:OIDC:{subject}"),
            Some(AudienceSource::Pool) | None => format!("{}:{client}:{subject}", self.name),
        }
    }
}
