//! Tokens that say more of a user than who that is, and user pools, whose tokens do.

use serde_json::{Value, json};

use super::{Issuer, World, claims};

/// A user pool.
pub const USER_POOL: &str = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";

impl Issuer {
    /// A token of the user `subject` for the client `app` that says `more`.
    pub fn token_saying(&self, subject: &str, more: &Value) -> String {
        self.key.token(&with(claims(self.url(), subject), more))
    }

    /// The same of [`USER_POOL`] for its client `client`, in a world that takes this issuer for it.
    pub fn user_pool_token(&self, client: &str, subject: &str, more: &Value) -> String {
        let base = claims(&format!("https://{USER_POOL}"), subject);
        let own = with(base, &json!({ "aud": client, "token_use": "id" }));
        self.key.token(&with(own, more))
    }
}

impl World {
    /// A world in which `issuer` is every user pool of its region.
    pub async fn with_user_pools(issuer: &Issuer) -> Self {
        let host = "cognito-idp.eu-west-1.amazonaws.com";
        Self::with(|flags| flags.upstreams = vec![format!("{host}={}", issuer.base())]).await
    }

    /// An identity pool that takes the clients `web` and `phone` of [`USER_POOL`].
    pub async fn pool_of_users(&self) -> String {
        let client = |id: &str| json!({ "ProviderName": USER_POOL, "ClientId": id });
        self.pool(json!({ "CognitoIdentityProviders": [client("web"), client("phone")] }))
            .await
    }
}

fn with(mut claims: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().expect("claims") {
        claims[name] = value.clone();
    }
    claims
}
