//! The test issuer of `cognate dev`: an OpenID Connect issuer without passwords, with keys of its own that end with the
//! process. Who may trust it is decided in `app`, and `wire` serves it.

mod codes;
mod key;
mod redirect;
#[cfg(test)]
mod tests;
mod user;

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use self::codes::Codes;
pub use self::codes::{CodeError, CodeRedemption, Grant};
use self::key::TestKey;
pub use self::key::TestKeyError;
use self::redirect::AllowedOrigins;
pub use self::user::{TestUser, TestUserError};

/// The path of the issuer below the public URL.
pub const PATH: &str = "/dev/issuer";

/// The lifetime of the ID tokens of users who sign in on the page.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// The longest lifetime of an ID token.
pub const LONGEST_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The test issuer of this process.
#[derive(Debug)]
pub struct TestIssuer {
    url: String,
    key: TestKey,
    origins: AllowedOrigins,
    codes: Mutex<Codes>,
}

impl TestIssuer {
    /// The issuer below `public_url`, with a new key. It serves the web `origins` besides those on this machine.
    pub fn new(public_url: &str, origins: &[String]) -> Result<Self, TestKeyError> {
        Ok(Self {
            url: format!("{public_url}{PATH}"),
            key: TestKey::make()?,
            origins: AllowedOrigins::new(public_url, origins),
            codes: Mutex::default(),
        })
    }

    /// The issuer's URL, the claim `iss` of its tokens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name in `Logins` and in ARNs: the URL without its scheme.
    pub fn name(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, name)| name)
    }

    /// The discovery document, built from the public URL.
    pub fn discovery(&self) -> Value {
        let url = &self.url;
        json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/keys"),
            "scopes_supported": ["openid"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// The key set.
    pub fn key_set(&self) -> Value {
        json!({ "keys": [self.key.jwk()] })
    }

    /// The key set as text, for the verifier of this process, which never asks its own listener.
    pub fn key_set_text(&self) -> Arc<[u8]> {
        self.key_set().to_string().into_bytes().into()
    }

    /// An ID token of `user` for the client `client_id`.
    pub fn id_token(
        &self,
        user: &TestUser,
        client_id: &str,
        nonce: Option<&str>,
        lifetime: SignedDuration,
        now: Timestamp,
    ) -> String {
        let issued = now.as_second();
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), self.url.as_str().into());
        claims.insert("sub".to_owned(), user.subject().into());
        claims.insert("aud".to_owned(), client_id.into());
        claims.insert("iat".to_owned(), issued.into());
        claims.insert("auth_time".to_owned(), issued.into());
        claims.insert("exp".to_owned(), (issued + lifetime.as_secs()).into());
        if let Some(nonce) = nonce {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        claims.extend(user.claims().clone());
        self.key.sign(&Value::Object(claims))
    }

    /// Whether a browser may be sent to this URL with a code: its origin is on this machine or named.
    pub fn may_redirect_to(&self, url: &str) -> bool {
        self.origins.allow_redirect(url)
    }

    /// Whether pages of this origin, as the header `Origin` has it, may use the issuer.
    pub fn serves_origin(&self, origin: &str) -> bool {
        self.origins.allow(origin)
    }

    /// Whether the issuer's own page may be at this origin, as the header `Origin` has it.
    pub fn has_page_at(&self, origin: &str) -> bool {
        self.origins.allow(origin) || self.origins.is_own(origin)
    }

    /// Keeps what a user agreed to under a code, which `random` bytes make.
    pub fn issue_code(&self, random: [u8; 32], grant: Grant, now: Timestamp) -> String {
        self.lock().issue(random, grant, now)
    }

    /// What a user agreed to, once, for the client that proves to have asked (PKCE).
    pub fn redeem(
        &self,
        redemption: &CodeRedemption<'_>,
        now: Timestamp,
    ) -> Result<Grant, CodeError> {
        self.lock().redeem(redemption, now)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Codes> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
