//! Why a login is refused, and the text for the client. The text is the service's own; the causes are sources, for the
//! log.

use std::sync::Arc;

use super::access_token::{AccessTokenFormatError, IntrospectionFailure, TokenRejected};
use super::id_token::jws::JwsError;
use super::id_token::{IdTokenFormatError, UserRejected, UserStatusError};
use super::jwks::JwksError;
use super::saml::{AssertionError, ResponseError, SamlError};
use super::single_use::SingleUseError;
use crate::blocking::PoolFull;

/// Why a login is refused.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The value isn't an ID token.
    #[error("the login isn't an ID token")]
    NotAToken(#[source] IdTokenFormatError),
    /// A required claim is missing, of the wrong type, empty or too long.
    #[error("the token has no usable claim {0}")]
    MissingClaim(&'static str),
    /// The issuer isn't the provider's.
    #[error("the token's issuer isn't the provider's")]
    IssuerMismatch,
    /// The token has expired; both times are in seconds since 1970.
    #[error("the token expired")]
    Expired {
        /// The time of the call.
        now: i64,
        /// The token's `exp`.
        exp: i64,
    },
    /// The token isn't valid yet.
    #[error("the token isn't valid yet")]
    NotYetValid,
    /// The token's lifetime is longer than the configuration allows for its issuer.
    #[error(
        "the token's lifetime is longer than {} hours and 5 minutes: set max_token_lifetime_hours of its issuer",
        longest / 3600
    )]
    LivesTooLong {
        /// The longest lifetime in seconds, without the leeway.
        longest: i64,
    },
    /// The pool doesn't have the provider, or not with the token's client.
    #[error("the pool doesn't accept tokens of this provider or client")]
    Unsupported,
    /// No key of the provider verifies the token's signature.
    #[error("the token's signature can't be verified")]
    Unverifiable(#[source] JwsError),
    /// The value isn't a signed SAML response.
    #[error("the login isn't a signed SAML response")]
    NotAResponse(#[source] ResponseError),
    /// The assertion of the SAML response isn't accepted.
    #[error("the SAML response's assertion isn't accepted")]
    Assertion(#[source] AssertionError),
    /// The SAML response was presented elsewhere, or may have been.
    #[error("the SAML response can't be used again")]
    Replayed(#[from] SingleUseError),
    /// The SAML provider's metadata have expired.
    #[error("the SAML provider's metadata have expired")]
    MetadataExpired,
    /// The provider's keys aren't available: an external failure that decides nothing about the token.
    #[error("the keys of {provider} aren't available")]
    Unreachable {
        /// The provider's `Logins` key.
        provider: String,
        /// The cause.
        source: JwksError,
    },
    /// The value isn't an access token.
    #[error("the login isn't an access token")]
    NotAnAccessToken(#[source] AccessTokenFormatError),
    /// The provider rejects the access token: it is expired, revoked or invented.
    #[error("the provider refuses the access token")]
    Rejected(#[source] TokenRejected),
    /// The provider gives no answer about the access token: an external failure like [`LoginError::Unreachable`].
    #[error("{provider} gives no answer about the access token")]
    IntrospectionFailed {
        /// The provider's `Logins` key.
        provider: String,
        /// The cause.
        source: Arc<IntrospectionFailure>,
    },
    /// The user is deleted or disabled in the user pool.
    #[error("the user may not sign in at the user pool")]
    UserRejected(#[source] UserRejected),
    /// The user pool gives no answer about the user: an external failure like [`LoginError::Unreachable`].
    #[error("{provider} gives no answer about the user")]
    UserStatusUnknown {
        /// The user pool's `Logins` key.
        provider: String,
        /// The cause.
        source: UserStatusError,
    },
    /// Too many calls wait for the provider's keys. Neither the token nor the provider failed; a retry may succeed.
    #[error("too many calls wait for the keys of {provider}")]
    TooManyWaiters {
        /// The provider's `Logins` key.
        provider: String,
    },
    /// Too many expensive checks wait for a turn. The login wasn't checked; a retry may succeed.
    #[error("the login can't be checked now")]
    Overloaded(#[from] PoolFull),
}

impl From<SamlError> for LoginError {
    fn from(error: SamlError) -> Self {
        match error {
            SamlError::Response(error) => Self::NotAResponse(error),
            SamlError::Assertion(AssertionError::Expired { now, end }) => {
                Self::Expired { now, exp: end }
            }
            SamlError::Assertion(AssertionError::NotYetValid) => Self::NotYetValid,
            SamlError::Assertion(AssertionError::Issuer) => Self::IssuerMismatch,
            SamlError::Assertion(error) => Self::Assertion(error),
        }
    }
}

impl LoginError {
    /// The text for the client, byte for byte the service's.
    pub fn client_text(&self) -> String {
        let invalid = match self {
            Self::NotAToken(_) => "Not a valid OpenId Connect identity token.".to_owned(),
            Self::LivesTooLong { longest } => format!(
                "Not a valid OpenId Connect identity token: its lifetime is longer than {} hours.",
                longest / 3600
            ),
            Self::MissingClaim(claim) => format!("Missing a required claim: {claim}"),
            Self::IssuerMismatch => "Issuer doesn't match providerName".to_owned(),
            Self::Expired { now, exp } => format!("Token expired: {now} >= {exp}"),
            Self::NotYetValid => "Token used before valid.".to_owned(),
            Self::NotAResponse(ResponseError::Signature(_))
            | Self::MetadataExpired
            | Self::Unverifiable(_) => "Couldn't verify signed token.".to_owned(),
            Self::Assertion(AssertionError::Audience | AssertionError::Recipient)
            | Self::Unsupported => {
                return "Token is not from a supported provider of this identity pool.".to_owned();
            }
            Self::NotAnAccessToken(_) | Self::Rejected(_) => {
                return "Invalid login token.".to_owned();
            }
            Self::NotAResponse(_) | Self::Assertion(_) => "Not a valid SAML response.".to_owned(),
            Self::Replayed(_) => "The SAML response was used before.".to_owned(),
            Self::UserRejected(_) => "The user is disabled or no longer there.".to_owned(),
            Self::Unreachable { provider, .. }
            | Self::IntrospectionFailed { provider, .. }
            | Self::UserStatusUnknown { provider, .. } => {
                return format!("The identity provider {provider} can't be reached.");
            }
            Self::TooManyWaiters { .. } | Self::Overloaded(_) => return "Rate exceeded".to_owned(),
        };
        format!("Invalid login token. {invalid}")
    }

    /// Whether this server refuses for lack of capacity: nothing was decided about the login.
    pub fn is_overload(&self) -> bool {
        matches!(self, Self::TooManyWaiters { .. } | Self::Overloaded(_))
    }

    /// Whether it is an external failure: a provider gave no answer that decides about the login.
    pub fn is_external(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::IntrospectionFailed { .. }
                | Self::UserStatusUnknown { .. }
        )
    }
}
