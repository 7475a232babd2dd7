//! Logins against an issuer on loopback, from the token to the verdict.

mod issuers;
mod refusals;
mod verified;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fake::{FakeIssuer, TestKey, outgoing};
use super::*;
use crate::model::ids::{AccountId, OidcProviderArn};

/// The moment of every call, in seconds.
const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// An issuer that publishes an RSA key, and a pool that takes its tokens for the client `app`.
struct Scene {
    issuer: FakeIssuer,
    key: TestKey,
    provider: Provider,
    logins: Logins,
}

impl Scene {
    async fn new() -> Self {
        Self::under(Rules::default()).await
    }

    async fn under(rules: Rules) -> Self {
        let key = TestKey::rsa("a");
        let issuer = FakeIssuer::with([&key]).await;
        let provider = registered(&issuer.base, &["app", "app2"]);
        let logins = Logins::new(rules, outgoing(&[]));
        Self {
            issuer,
            key,
            provider,
            logins,
        }
    }

    fn name(&self) -> &str {
        self.issuer.base.strip_prefix("http://").unwrap()
    }

    /// Good claims, into which `more` is written; a null takes a member away.
    fn claims(&self, more: &Value) -> Value {
        claims(&self.issuer.base, more)
    }

    /// A token with these claims.
    fn token(&self, more: &Value) -> String {
        self.key.token(&self.claims(more))
    }

    async fn verify(&self, token: &str) -> Result<Verified, LoginError> {
        self.verify_at(token, now()).await
    }

    async fn verify_at(&self, token: &str, now: Timestamp) -> Result<Verified, LoginError> {
        let provider = Some(&self.provider);
        self.logins.verify(self.name(), provider, token, now).await
    }

    /// What a client is told that shows a token with these claims.
    async fn told(&self, more: &Value) -> String {
        told(self.verify(&self.token(more)).await)
    }
}

/// A provider that was registered with these clients.
fn registered(issuer: &str, clients: &[&str]) -> Provider {
    let (_, name) = issuer.split_once("://").unwrap();
    let account = AccountId::parse("123456789012").unwrap();
    let audience = |client: &&str| Audience {
        client_id: (*client).to_owned(),
        through: Through::Registration(OidcProviderArn::new(&account, name)),
    };
    Provider::OpenIdConnect(OpenIdConnect {
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        thumbprints: Vec::new(),
        audiences: clients.iter().map(audience).collect(),
    })
}

fn claims(issuer: &str, more: &Value) -> Value {
    let mut claims = json!({
        "iss": issuer,
        "aud": "app",
        "sub": "user",
        "iat": NOW - 10,
        "exp": NOW + 3600,
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, v| !v.is_null());
    claims
}

/// What a client is told, the empty text where its login is good.
fn told(result: Result<Verified, LoginError>) -> String {
    result.map_or_else(|error| error.client_text(), |_| String::new())
}
