//! Verifying logins: from a token or a SAML response to the user at its provider. Which providers a pool trusts, and
//! which identity a login belongs to, is decided elsewhere.
//!
//! A provider is one file with a verifier that implements [`LoginProvider`] and a constructor from a pool's settings;
//! `app::sign_in::logins` has the one `match` that selects it by its `Logins` key.

pub mod access_token;
mod error;
#[cfg(test)]
mod fake;
pub mod id_token;
pub mod jwks;
pub mod report;
pub mod saml;
pub mod single_use;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value};

use self::access_token::IntrospectionCache;
pub use self::error::LoginError;
use self::id_token::UserStatus;
use self::jwks::JwksCache;
use self::report::Report;
use self::single_use::SingleUse;
use crate::blocking::{PoolFull, WorkPools};
use crate::model::identity::Login;
use crate::model::provider::ProviderKind;
use crate::outgoing::Outgoing;
use crate::sigv4::SecretKey;

/// A provider that a pool trusts under one `Logins` key.
#[async_trait]
pub trait LoginProvider: Debug + Send + Sync {
    /// Checks a login of this provider, and adds each check to `report`.
    async fn verify(
        &self,
        logins: &Logins,
        attempt: &LoginAttempt<'_>,
        report: &mut Report,
    ) -> Result<VerifiedLogin, LoginError>;
}

/// A login as a client presents it.
#[derive(Clone, Copy)]
pub struct LoginAttempt<'a> {
    /// The `Logins` key.
    pub key: &'a str,
    /// The value under the key: a token or a SAML response.
    pub token: &'a str,
    /// The time of the call.
    pub now: Timestamp,
}

/// The operator's rules for logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRules {
    /// Whether `azp` alone decides, as in the service, if a token has it. Otherwise `aud` and `azp` must both be clients
    /// of the pool.
    pub authorized_party_alone: bool,
    /// The longest lifetime of a token, from `iat` (from now without it) to `exp`.
    pub max_lifetime: Duration,
    /// The longest lifetimes of single issuers, by `iss`.
    pub issuer_lifetimes: HashMap<String, Duration>,
}

impl LoginRules {
    /// The longest lifetime of a token of this issuer.
    pub fn longest_lifetime(&self, issuer: &str) -> Duration {
        let own = self.issuer_lifetimes.get(issuer).copied();
        own.unwrap_or(self.max_lifetime)
    }
}

impl Default for LoginRules {
    /// `aud` and `azp` must both pass; 24 hours.
    fn default() -> Self {
        Self {
            authorized_party_alone: false,
            max_lifetime: Duration::from_hours(24),
            issuer_lifetimes: HashMap::new(),
        }
    }
}

/// A login that was verified.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedLogin {
    /// The provider and the user there.
    pub login: Login,
    /// The registered client that the token is for.
    pub audience: String,
    /// All claims of the token; of an access token, `iss`, `aud` and `sub`.
    pub claims: Map<String, Value>,
    /// When the token ends; `None` for an access token of a provider that doesn't state it.
    pub expires: Option<Timestamp>,
    /// The entries of `amr` after `authenticated`: the provider, and the user at the provider.
    pub amr: [String; 2],
    /// The proof, if one relying party alone may use it; the caller claims it.
    pub single_use: Option<SingleUse>,
}

/// Verifies logins. It caches issuers' keys and the answers of providers about access tokens.
#[derive(Debug)]
pub struct Logins {
    rules: LoginRules,
    jwks: JwksCache,
    outgoing: Arc<Outgoing>,
    introspections: Arc<IntrospectionCache>,
    user_status: UserStatus,
    pools: WorkPools,
}

impl Logins {
    /// A verifier with empty caches, which fetches through `outgoing`. Signatures and expensive checks run on the threads of
    /// `pools`.
    pub fn new(rules: LoginRules, outgoing: Arc<Outgoing>, pools: WorkPools) -> Self {
        Self {
            rules,
            jwks: JwksCache::new(Arc::clone(&outgoing), pools.clone()),
            pools,
            user_status: UserStatus::new(Arc::clone(&outgoing)),
            outgoing,
            introspections: Arc::default(),
        }
    }

    /// Reads the keys of these issuers, by their URLs, from JWK sets in files and never from the network. A changed file
    /// is read again within five minutes, and at once for an unknown key.
    #[must_use]
    pub fn with_key_files(mut self, files: HashMap<String, PathBuf>) -> Self {
        self.jwks.use_files(files);
        self
    }

    /// Takes the keys of this issuer, by its URL, from a JWK set of this process and never from the network.
    #[must_use]
    pub fn with_own_issuer(mut self, issuer: String, key_set: Arc<[u8]>) -> Self {
        self.jwks.use_own(issuer, key_set);
        self
    }

    /// Measures the cached keys of issuers.
    pub fn measure(&self, now: Timestamp) {
        self.jwks.measure(now);
    }

    /// Asks user pools about their users with this access key.
    pub fn use_user_pool_key(&self, id: String, secret: SecretKey) {
        self.user_status.use_key(id, secret);
    }

    /// Runs an expensive check on a thread of the pool, with a report of its own that becomes a part of `report`.
    async fn run_expensive<T: Send + 'static>(
        &self,
        report: &mut Report,
        check: impl FnOnce(&mut Report) -> T + Send + 'static,
    ) -> Result<T, PoolFull> {
        let mut part = report.new_part();
        let work = move || {
            let outcome = check(&mut part);
            (outcome, part)
        };
        let (outcome, part) = self.pools.expensive.run(work).await?;
        report.append(part);
        Ok(outcome)
    }

    /// Checks a login of `provider`, and adds each check to `report`. `None` is an issuer that the pool doesn't trust:
    /// the login is refused as the service would refuse it, and nothing is fetched.
    pub async fn verify(
        &self,
        provider: Option<&dyn LoginProvider>,
        attempt: &LoginAttempt<'_>,
        report: &mut Report,
    ) -> Result<VerifiedLogin, LoginError> {
        match provider {
            Some(provider) => provider.verify(self, attempt, report).await,
            None if ProviderKind::of(attempt.key).has_id_tokens() => {
                let by_name = ProviderKind::of(attempt.key) != ProviderKind::OpenIdConnect;
                let refused = self.verify_id_token(None, attempt, report).await;
                refused.map_err(|error| match error {
                    // Without an issuer to compare, the fixed name of a provider decides.
                    LoginError::NotAToken(_) if by_name => LoginError::Unsupported,
                    other => other,
                })
            }
            // The values of other kinds name no issuer that could be compared.
            None => Err(LoginError::Unsupported),
        }
    }
}
