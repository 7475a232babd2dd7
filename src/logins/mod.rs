//! Verifying a login: from what a client shows to who it is. Which providers a pool trusts, and whose identity a login
//! is, is decided elsewhere.
//!
//! Nothing here is believed before it is checked, and everything is checked at the moment of the call. A kind of
//! provider is a file and a variant of [`Provider`].

pub mod amazon;
mod claims;
mod error;
pub mod facebook;
#[cfg(test)]
mod fake;
mod id_token;
mod issuer_keys;
pub mod jwks;
pub mod jws;
mod jwt;
mod key_sets;
pub mod oauth1;
mod oidc;
mod remote;
pub mod saml;
#[cfg(test)]
mod tests;
mod told;
pub mod twitter;
mod user_pool;
mod user_status;
mod verdicts;
mod vouching;
mod watch;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use self::amazon::Amazon;
pub use self::error::LoginError;
pub use self::facebook::Facebook;
use self::id_token::Issuer;
pub use self::issuer_keys::NoKeys;
pub use self::jwt::NotAToken;
use self::key_sets::KeySets;
pub use self::oidc::{Audience, OpenIdConnect, Through};
pub use self::remote::{FetchError, jwks_uri};
pub use self::saml::Saml;
pub use self::twitter::Twitter;
pub use self::user_pool::{Client, UserPool};
use self::user_status::UserStatus;
pub use self::user_status::{NoSuchUser, NotTold};
use self::verdicts::Verdicts;
pub use self::vouching::{NoAnswer, NotAnAccessToken, NotVouched, TokenRefused, Vouched};
pub use self::watch::{Checked, Trail, Unwatched, Watch, What, reasons};
use crate::model::identity::Login;
use crate::model::provider::ProviderKind;
use crate::outgoing::Outgoing;
use crate::sigv4::SecretKey;

/// What a pool trusts under one `Logins` key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// An OpenID Connect issuer, Google and Apple included.
    OpenIdConnect(OpenIdConnect),
    /// A Cognito user pool.
    UserPool(UserPool),
    /// Facebook.
    Facebook(Facebook),
    /// Login with Amazon.
    Amazon(Amazon),
    /// Twitter or Digits.
    Twitter(Twitter),
    /// A SAML provider.
    Saml(Saml),
}

/// What the operator decides about logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Whether a token that names the client it was issued to (`azp`) is for that client whatever its audience, as the
    /// service has it. Otherwise both must be the pool's.
    pub authorized_party_alone: bool,
    /// How long a token may be good for, from `iat` (from now without one) to `exp`.
    pub max_lifetime: Duration,
}

impl Default for Rules {
    /// Both the client and the audience; 24 hours.
    fn default() -> Self {
        Self {
            authorized_party_alone: false,
            max_lifetime: Duration::from_hours(24),
        }
    }
}

/// A login that was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The provider and the user there.
    pub login: Login,
    /// The registered client that the token is for.
    pub audience: String,
    /// All claims of the token; of an access token, `iss`, `aud` and `sub`.
    pub claims: Map<String, Value>,
    /// When the token ends; `None` of an access token whose provider doesn't tell.
    pub expires: Option<Timestamp>,
    /// What `amr` says of the login, behind `authenticated`: the provider, and the user at the provider.
    pub amr: [String; 2],
}

/// Verifies logins, and keeps what that needs: the issuers' keys, for a minute what providers said of access tokens, and
/// which SAML responses were shown where.
#[derive(Debug)]
pub struct Logins {
    rules: Rules,
    key_sets: KeySets,
    outgoing: Arc<Outgoing>,
    verdicts: Arc<Verdicts>,
    user_status: UserStatus,
    replays: saml::Replays,
}

impl Logins {
    /// Knows no keys yet, and fetches them through `outgoing`.
    pub fn new(rules: Rules, outgoing: Arc<Outgoing>) -> Self {
        Self {
            rules,
            key_sets: KeySets::new(Arc::clone(&outgoing)),
            user_status: UserStatus::new(Arc::clone(&outgoing)),
            outgoing,
            verdicts: Arc::default(),
            replays: saml::Replays::default(),
        }
    }

    /// The same, reading the keys of these issuers, by their URLs, from JWK sets in files and never from the network. A
    /// file that changes is read again within five minutes, and at once for an unknown key.
    #[must_use]
    pub fn with_key_files(mut self, files: HashMap<String, PathBuf>) -> Self {
        self.key_sets.use_files(files);
        self
    }

    /// The same, asking user pools about their users with this access key.
    #[must_use]
    pub fn with_user_pool_key(mut self, id: String, secret: SecretKey) -> Self {
        self.user_status.use_key(id, secret);
        self
    }

    /// Checks `token`, shown at `now` under the `Logins` key `key`, where the pool trusts `provider`. `None` is a key
    /// that the pool has nothing under: it is refused as the service would, and nothing is fetched for it.
    pub async fn verify(
        &self,
        key: &str,
        provider: Option<&Provider>,
        token: &str,
        now: Timestamp,
    ) -> Result<Verified, LoginError> {
        self.verify_watched(key, provider, token, now, &mut Unwatched)
            .await
    }

    /// As [`Logins::verify`], telling `watch` of each check.
    pub async fn verify_watched<W: Watch>(
        &self,
        key: &str,
        provider: Option<&Provider>,
        token: &str,
        now: Timestamp,
        watch: &mut W,
    ) -> Result<Verified, LoginError> {
        let issuer: Option<&dyn Issuer> = match provider {
            Some(Provider::OpenIdConnect(provider)) => Some(provider),
            Some(Provider::UserPool(provider)) => Some(provider),
            Some(Provider::Facebook(provider)) => {
                return self.verify_access_token(provider, token, now, watch).await;
            }
            Some(Provider::Amazon(provider)) => {
                return self.verify_access_token(provider, token, now, watch).await;
            }
            Some(Provider::Twitter(provider)) => {
                return self.verify_access_token(provider, token, now, watch).await;
            }
            Some(Provider::Saml(provider)) => return self.verify_saml(provider, token, now, watch),
            // Known by its name, so nothing needs to be read to say that the pool doesn't have it.
            None if ProviderKind::of(key) != ProviderKind::OpenIdConnect => {
                return Err(LoginError::Unsupported);
            }
            None => None,
        };
        let verified = self.verify_id_token(key, issuer, token, now, watch).await?;
        if let Some(Provider::UserPool(pool)) = provider
            && pool.is_asked(&verified.audience)
        {
            let welcome = self.user_status.check(pool, &verified, now).await;
            watch.made("user", welcome, |it| told::user(it.as_ref().err()))?;
        }
        Ok(verified)
    }
}
