//! Cognito user pools. Users log in with an ID token; asking the pool whether it still knows them is `user_status`'s.

use jsonwebtoken::Algorithm;

use super::id_token::Issuer;
use super::remote::{BESIDE, Place};

/// A user pool as an identity pool trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPool {
    /// Its `Logins` key: `cognito-idp.REGION.amazonaws.com/POOL`.
    pub name: String,
    /// The clients whose tokens the identity pool takes. Where a client stands twice, the first counts.
    pub clients: Vec<Client>,
}

/// A client of a user pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Whether the user pool is asked about each user who comes with its tokens.
    pub server_side_token_check: bool,
}

impl UserPool {
    /// Whether the user pool is asked about a user who came with a token of this client.
    pub(super) fn is_asked(&self, client: &str) -> bool {
        let found = self.clients.iter().find(|one| one.id == client);
        found.is_some_and(|client| client.server_side_token_check)
    }
}

impl Issuer for UserPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn signs_as(&self, issuer: &str) -> bool {
        issuer.strip_prefix("https://") == Some(self.name.as_str())
    }

    fn takes(&self, client: &str) -> bool {
        self.clients.iter().any(|one| one.id == client)
    }

    fn clients(&self) -> Vec<&str> {
        self.clients.iter().map(|one| one.id.as_str()).collect()
    }

    fn algorithms(&self) -> &'static [Algorithm] {
        &[Algorithm::RS256]
    }

    fn place(&self) -> Place {
        Place::At {
            url: format!("https://{}{BESIDE}", self.name),
        }
    }

    fn user(&self, _client: &str, subject: &str) -> String {
        format!("{}:CognitoSignIn:{subject}", self.name)
    }
}
