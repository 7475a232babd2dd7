//! Web identities: tokens that callers present to the STS, and what a verified one is.

mod verification;

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

pub(super) use self::verification::accept;
pub use self::verification::{check, verify};
use crate::app::access::condition_keys::CallerKeys;
use crate::app::rates::RateExceeded;
use crate::credentials::{SessionIdentity, SessionOrigin};
use crate::logins::LoginError;
use crate::model::iam_role::Role;
use crate::model::pool::Pool;
use crate::model::tags::{TagError, Tags};
use crate::store::StoreError;
use crate::tokens::OwnTokenError;

/// Why the STS refuses a token.
#[derive(Debug, thiserror::Error)]
pub enum WebIdentityError {
    /// The token is not a valid token of this server.
    #[error(transparent)]
    NotOwn(OwnTokenError),
    /// No provider is registered for the token's issuer, which the variant holds.
    #[error("no provider is registered for the token's issuer")]
    NoProvider(String),
    /// The token fails the checks of its registered provider.
    #[error(transparent)]
    Login(LoginError),
    /// The token is valid, but its identity was removed or has entered another epoch.
    #[error("the token's identity was removed or has changed since")]
    Outdated,
    /// The role trusts no client of the token's public provider.
    #[error("the role trusts no client of the token's provider")]
    NotTrusted,
    /// The provider's registration changed while the token was verified.
    #[error("the provider's registration changed")]
    RegistrationChanged,
    /// The token is valid, but its login is revoked in a pool.
    #[error("the token's login is revoked in a pool")]
    Revoked,
    /// The calls for the pool of the token's identity are too many.
    #[error(transparent)]
    RateExceeded(#[from] RateExceeded),
    /// The token's claims for the STS are not valid session tags.
    #[error("the token's session tags are not valid: {0}")]
    Tags(#[from] TagError),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The subject of a verified token.
#[derive(Debug)]
pub struct WebIdentity {
    /// The issuer, as trust policies name it: `cognito-identity.amazonaws.com` for this server, otherwise the ARN of the
    /// registered provider.
    pub provider: String,
    /// The subject.
    pub subject: String,
    /// The audience: the pool, or the client.
    pub audience: String,
    /// The tags for the session.
    pub tags: Tags,
    /// The time at which the session must have ended, if anything bounds it.
    pub not_after: Option<Timestamp>,
    /// The issuer's kind, and what only tokens of that kind have.
    pub source: TokenSource,
}

/// The kind of a token's issuer.
#[derive(Debug)]
pub enum TokenSource {
    /// This server issued the token, for an identity.
    ThisServer {
        /// The identity, as it now is.
        identity: SessionIdentity,
        /// The pool of the identity.
        pool: Arc<Pool>,
    },
    /// Another provider issued the token, or answers for it.
    IdentityProvider {
        /// The issuer without its scheme.
        name: String,
        /// The unique id of the provider's registration; `None` for a public provider without one.
        registration: Option<Uuid>,
        /// The claims of the token.
        claims: Map<String, Value>,
        /// The condition keys that the session keeps.
        lasting: IndexMap<String, String>,
    },
}

/// A token that is presented to the STS.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a> {
    /// The token.
    pub token: &'a str,
    /// The provider that issued the token, if it is an access token.
    pub provider_id: Option<&'a str>,
    /// The role that is asked for, if the built-in IAM has it. Its trust policy names the clients of public providers.
    pub role: Option<&'a Role>,
}

impl WebIdentity {
    /// The condition keys of the token's owner.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>
    pub fn caller_keys(&self) -> CallerKeys {
        match &self.source {
            TokenSource::ThisServer { identity, .. } => {
                CallerKeys::of_identity(identity, &self.tags)
            }
            TokenSource::IdentityProvider { name, claims, .. } => CallerKeys::of_token(
                &self.provider,
                name,
                claims,
                self.lasting_keys(),
                &self.tags,
            ),
        }
    }

    /// The origin of the session.
    pub fn origin(&self) -> SessionOrigin {
        match &self.source {
            TokenSource::ThisServer { identity, .. } => SessionOrigin::Identity(identity.clone()),
            TokenSource::IdentityProvider {
                name,
                registration: Some(registration),
                ..
            } => SessionOrigin::WebIdentity {
                provider: name.clone(),
                registration: *registration,
                client: self.audience.clone(),
                subject: self.subject.clone(),
            },
            TokenSource::IdentityProvider { name, .. } => SessionOrigin::PublicProvider {
                provider: name.clone(),
                subject: self.subject.clone(),
            },
        }
    }

    /// The condition keys of another issuer's token that the session keeps.
    pub fn lasting_keys(&self) -> IndexMap<String, String> {
        match &self.source {
            TokenSource::ThisServer { .. } => IndexMap::new(),
            TokenSource::IdentityProvider { lasting, .. } => lasting.clone(),
        }
    }
}
