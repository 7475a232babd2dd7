//! Logins by ID token: OpenID Connect providers and Cognito user pools. What differs between them is in
//! `IdTokenIssuer`; the checks and their order are in `checks`.

mod checks;
mod claims;
mod findings;
pub mod jws;
mod jwt;
mod openid_connect;
mod user_pool;
mod user_status;

#[cfg(test)]
pub(super) use self::claims::IdTokenClaims;
pub use self::jwt::IdTokenFormatError;
#[cfg(test)]
pub(super) use self::jwt::UnverifiedIdToken;
pub use self::openid_connect::{Audience, AudienceSource, OpenIdConnect};
pub use self::user_pool::{TrustedClient, UserPool};
pub(super) use self::user_status::UserStatus;
pub use self::user_status::{UserRejected, UserStatusError};
use super::jwks::{JwksSource, JwsAlgorithm};

/// An issuer of ID tokens, and what its tokens are checked against.
pub(super) trait IdTokenIssuer: Sync {
    /// The issuer's `Logins` key.
    fn name(&self) -> &str;
    /// Whether `iss` of the issuer's tokens may be `issuer`.
    fn is_issuer(&self, issuer: &str) -> bool;
    /// The clients that the pool accepts tokens for.
    fn clients(&self) -> Vec<&str>;
    /// The algorithms that the issuer's tokens may be signed with.
    fn algorithms(&self) -> &'static [JwsAlgorithm];
    /// Where the issuer's keys are published.
    fn jwks_source(&self) -> JwksSource;
    /// The name of the user in `amr`.
    fn user(&self, client: &str, subject: &str) -> String;
}
