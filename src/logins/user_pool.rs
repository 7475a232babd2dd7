//! Cognito user pools. Users log in with an ID token; whether the pool still knows them is not asked here.

use jsonwebtoken::Algorithm;

use super::id_token::Issuer;
use super::remote::Place;

/// A user pool as an identity pool trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPool {
    /// Its `Logins` key: `cognito-idp.REGION.amazonaws.com/POOL`.
    pub name: String,
    /// The ids of the clients whose tokens the identity pool takes.
    pub clients: Vec<String>,
}

impl Issuer for UserPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn signs_as(&self, issuer: &str) -> bool {
        issuer.strip_prefix("https://") == Some(self.name.as_str())
    }

    fn takes(&self, client: &str) -> bool {
        self.clients.iter().any(|id| id == client)
    }

    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::RS256]
    }

    fn place(&self) -> Place {
        Place::At {
            url: format!("https://{}/.well-known/jwks.json", self.name),
        }
    }

    fn user(&self, _client: &str, subject: &str) -> String {
        format!("{}:CognitoSignIn:{subject}", self.name)
    }
}
