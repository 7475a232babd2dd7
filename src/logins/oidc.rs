//! OpenID Connect providers: any issuer, Google and Apple included. Users log in with an ID token.

use jsonwebtoken::Algorithm;

use super::id_token::Issuer;
use super::remote::Place;
use crate::model::ids::OidcProviderArn;
use crate::model::provider::PublicProvider;

/// An OpenID Connect provider as a pool trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIdConnect {
    /// Its `Logins` key: the issuer without its scheme.
    pub name: String,
    /// The issuer's URL, to the byte what its tokens and its discovery document say.
    pub issuer: String,
    /// The thumbprints that it was registered with, SHA-1 in hexadecimal digits; may be empty.
    pub thumbprints: Vec<String>,
    /// The clients whose tokens the pool takes. Where a client stands twice, the first counts.
    pub audiences: Vec<Audience>,
}

/// A client whose tokens a pool takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// The client's id at the provider.
    pub client_id: String,
    /// How the pool came to take it.
    pub through: Through,
}

/// How a pool came to take a client's tokens: it shows in the `amr` of the tokens that the login leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Through {
    /// The pool names the client itself, among its SupportedLoginProviders.
    Pool,
    /// The client belongs to a registered provider, which the pool names.
    Registration(OidcProviderArn),
}

impl Issuer for OpenIdConnect {
    fn name(&self) -> &str {
        &self.name
    }

    fn signs_as(&self, issuer: &str) -> bool {
        // Google writes its name in either way: <https://developers.google.com/identity/openid-connect/openid-connect>
        let google = PublicProvider::named(&self.name) == Some(PublicProvider::Google);
        issuer == self.issuer || (google && issuer == self.name)
    }

    fn takes(&self, client: &str) -> bool {
        self.audiences.iter().any(|a| a.client_id == client)
    }

    fn clients(&self) -> Vec<&str> {
        self.audiences
            .iter()
            .map(|one| one.client_id.as_str())
            .collect()
    }

    fn algorithms(&self) -> &'static [Algorithm] {
        &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
            Algorithm::ES256,
            Algorithm::ES384,
            Algorithm::EdDSA,
        ]
    }

    fn place(&self) -> Place {
        Place::Discovered {
            issuer: self.issuer.clone(),
            thumbprints: self.thumbprints.clone(),
        }
    }

    fn user(&self, client: &str, subject: &str) -> String {
        let through = self.audiences.iter().find(|a| a.client_id == client);
        match through.map(|audience| &audience.through) {
            Some(Through::Registration(arn)) => format!("{arn}:OIDC:{subject}"),
            Some(Through::Pool) | None => format!("{}:{client}:{subject}", self.name),
        }
    }
}
