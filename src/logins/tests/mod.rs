//! Logins against an issuer on loopback, from the token to the result.

mod issuers;
mod refusals;
mod verified;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fake::{FakeIssuer, TestKey, outgoing, pools};
use super::id_token::{Audience, AudienceSource, OpenIdConnect, TrustedClient, UserPool};
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
    provider: OpenIdConnect,
    logins: Logins,
}

impl Scene {
    async fn new() -> Self {
        Self::under(LoginRules::default()).await
    }

    async fn under(rules: LoginRules) -> Self {
        let key = TestKey::rsa("a");
        let issuer = FakeIssuer::with([&key]).await;
        let provider = registered(&issuer.base, &["app", "app2"]);
        let logins = Logins::new(rules, outgoing(&[]), pools());
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

    async fn verify(&self, token: &str) -> Result<VerifiedLogin, LoginError> {
        self.verify_at(token, now()).await
    }

    async fn verify_at(&self, token: &str, now: Timestamp) -> Result<VerifiedLogin, LoginError> {
        verify(&self.logins, self.name(), Some(&self.provider), token, now).await
    }

    /// The text for a client with a token of these claims, empty if the login is valid.
    async fn text(&self, more: &Value) -> String {
        outcome(self.verify(&self.token(more)).await)
    }
}

/// A provider that was registered with these clients.
fn registered(issuer: &str, clients: &[&str]) -> OpenIdConnect {
    let (_, name) = issuer.split_once("://").unwrap();
    let account = AccountId::parse("123456789012").unwrap();
    let audience = |client: &&str| Audience {
        client_id: (*client).to_owned(),
        source: AudienceSource::Registration(OidcProviderArn::new(&account, name)),
    };
    OpenIdConnect {
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        thumbprints: Vec::new(),
        audiences: clients.iter().map(audience).collect(),
    }
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

/// Verifies a token without a report.
async fn verify(
    logins: &Logins,
    key: &str,
    provider: Option<&dyn LoginProvider>,
    token: &str,
    now: Timestamp,
) -> Result<VerifiedLogin, LoginError> {
    let attempt = LoginAttempt { key, token, now };
    logins
        .verify(provider, &attempt, &mut Report::disabled())
        .await
}

/// The text for the client, empty if the login is valid.
fn outcome(result: Result<VerifiedLogin, LoginError>) -> String {
    result.map_or_else(|error| error.client_text(), |_| String::new())
}
