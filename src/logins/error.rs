//! Why a login is refused, and what the client is told. What it is told is the service's own words: the reasons behind
//! them are sources, for the log.

use std::sync::Arc;

use super::issuer_keys::NoKeys;
use super::jws::Refused;
use super::jwt::NotAToken;
use super::saml::{self, NotAResponse, NotForUs, Replayed};
use super::user_status::{NoSuchUser, NotTold};
use super::vouching::{NoAnswer, NotAnAccessToken, TokenRefused};

/// Why a login is refused.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The value is no ID token.
    #[error("the login isn't an ID token")]
    NotAToken(#[source] NotAToken),
    /// A required claim that is missing, of the wrong type, empty or too long.
    #[error("the token has no usable claim {0}")]
    MissingClaim(&'static str),
    /// Another issuer than the provider's.
    #[error("the token's issuer isn't the provider's")]
    IssuerMismatch,
    /// Its time is over; both in seconds since 1970.
    #[error("the token expired")]
    Expired {
        /// The moment of the call.
        now: i64,
        /// The token's `exp`.
        exp: i64,
    },
    /// Its time hasn't come.
    #[error("the token is from the future")]
    NotYetValid,
    /// It is good for longer than the configuration allows.
    #[error("the token's lifetime is longer than allowed")]
    LivesTooLong,
    /// The pool has no such provider, or not with the token's client.
    #[error("the pool doesn't take tokens of this provider or client")]
    Unsupported,
    /// No key of the provider vouches for it.
    #[error("the token's signature can't be verified")]
    Unverifiable(#[source] Refused),
    /// The value is no SAML response, or nobody vouches for it.
    #[error("the login isn't a signed SAML response")]
    NotAResponse(#[source] NotAResponse),
    /// The SAML response is signed, and says nothing that counts here.
    #[error("the SAML response isn't good here")]
    NotForUs(#[source] NotForUs),
    /// The SAML response was used elsewhere.
    #[error("the SAML response can't be taken again")]
    Replayed(#[from] Replayed),
    /// The SAML provider's metadata are good no longer.
    #[error("the time of the SAML provider's metadata is over")]
    MetadataExpired,
    /// The provider's keys can't be had: a failure outside, neither the token's fault nor a yes.
    #[error("the keys of {provider} can't be had")]
    Unreachable {
        /// The provider's `Logins` key.
        provider: String,
        /// What happened.
        source: NoKeys,
    },
    /// The value is no access token.
    #[error("the login isn't an access token")]
    NotAnAccessToken(#[source] NotAnAccessToken),
    /// The provider says that the access token is no good: expired, revoked, made up.
    #[error("the provider refuses the access token")]
    Refused(#[source] TokenRefused),
    /// The provider can't be asked about the access token: a failure outside, as [`LoginError::Unreachable`] is.
    #[error("{provider} says nothing of the access token")]
    NoAnswer {
        /// The provider's `Logins` key.
        provider: String,
        /// What happened.
        source: Arc<NoAnswer>,
    },
    /// The user pool doesn't know the user any more, or has shut them out.
    #[error("the user pool doesn't let the user in")]
    NoSuchUser(#[source] NoSuchUser),
    /// The user pool can't be asked about the user: a failure outside, as [`LoginError::Unreachable`] is.
    #[error("{provider} can't be asked about the user")]
    NotTold {
        /// The user pool's `Logins` key.
        provider: String,
        /// What happened.
        source: NotTold,
    },
    /// Too many calls wait for the provider's keys: neither the token's fault nor the provider's. Asking again may do.
    #[error("too many calls wait for the keys of {provider}")]
    Crowded {
        /// The provider's `Logins` key.
        provider: String,
    },
}

impl From<saml::Refused> for LoginError {
    fn from(refused: saml::Refused) -> Self {
        match refused {
            saml::Refused::NotAResponse(why) => Self::NotAResponse(why),
            saml::Refused::NotForUs(NotForUs::Expired { now, end }) => {
                Self::Expired { now, exp: end }
            }
            saml::Refused::NotForUs(NotForUs::NotYetValid) => Self::NotYetValid,
            saml::Refused::NotForUs(NotForUs::Issuer) => Self::IssuerMismatch,
            saml::Refused::NotForUs(why) => Self::NotForUs(why),
        }
    }
}

impl LoginError {
    /// The sentence for the client, to the byte what the service says.
    pub fn client_text(&self) -> String {
        let invalid = match self {
            Self::NotAToken(_) | Self::LivesTooLong => {
                "Not a valid OpenId Connect identity token.".to_owned()
            }
            Self::MissingClaim(claim) => format!("Missing a required claim: {claim}"),
            Self::IssuerMismatch => "Issuer doesn't match providerName".to_owned(),
            Self::Expired { now, exp } => format!("Token expired: {now} >= {exp}"),
            Self::NotYetValid => "Token used before valid.".to_owned(),
            Self::NotAResponse(NotAResponse::NotSigned(_))
            | Self::MetadataExpired
            | Self::Unverifiable(_) => "Couldn't verify signed token.".to_owned(),
            Self::NotForUs(NotForUs::Audience | NotForUs::Recipient) | Self::Unsupported => {
                return "Token is not from a supported provider of this identity pool.".to_owned();
            }
            Self::NotAnAccessToken(_) | Self::Refused(_) => {
                return "Invalid login token.".to_owned();
            }
            Self::NotAResponse(_) | Self::NotForUs(_) => "Not a valid SAML response.".to_owned(),
            Self::Replayed(_) => "The SAML response was used before.".to_owned(),
            Self::NoSuchUser(_) => "The user is disabled or no longer there.".to_owned(),
            Self::Unreachable { provider, .. }
            | Self::NoAnswer { provider, .. }
            | Self::NotTold { provider, .. } => {
                return format!("The identity provider {provider} can't be reached.");
            }
            Self::Crowded { .. } => return "Rate exceeded".to_owned(),
        };
        format!("Invalid login token. {invalid}")
    }

    /// Whether it is a failure outside: whoever should have said whether the login is good said nothing.
    pub fn is_outside(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::NoAnswer { .. } | Self::NotTold { .. }
        )
    }
}
