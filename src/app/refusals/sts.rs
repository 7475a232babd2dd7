//! Refusals of tokens and SAML responses that are presented to the STS.

use crate::app::credentials::web_identity::WebIdentityError;
use crate::app::providers::saml_identity::SamlIdentityError;
use crate::app::refusals;
use crate::error::{Code, Error};
use crate::logins::LoginError;
use crate::logins::saml::{AssertionError, ResponseError};
use crate::tokens::OwnTokenError;

impl From<WebIdentityError> for Error {
    fn from(error: WebIdentityError) -> Self {
        match error {
            WebIdentityError::NotOwn(OwnTokenError::Expired { now, expires }) => {
                expired(now, expires)
            }
            WebIdentityError::NotOwn(OwnTokenError::Malformed) => not_a_jwt(),
            WebIdentityError::NotOwn(OwnTokenError::Overloaded(error)) => error.into(),
            WebIdentityError::NotOwn(OwnTokenError::Issuer | OwnTokenError::Signature) => {
                unverifiable()
            }
            WebIdentityError::NoProvider(issuer) => {
                let issuer: String = issuer
                    .chars()
                    .filter(char::is_ascii_graphic)
                    .take(255)
                    .collect();
                let issuer = issuer.strip_prefix("https://").unwrap_or(&issuer);
                Code::InvalidIdentityToken.because(format!(
                    "No OpenIDConnect provider found in your account for https://{issuer}"
                ))
            }
            WebIdentityError::Login(error) => match &error {
                LoginError::Expired { now, exp } => expired(*now, *exp),
                failure if failure.is_external() => Code::IdpCommunicationError
                    .because(error.client_text())
                    .from_source(error),
                failure if failure.is_overload() => Code::TooManyRequests
                    .because(error.client_text())
                    .from_source(error),
                LoginError::Unsupported => {
                    Code::InvalidIdentityToken.because("Incorrect token audience")
                }
                LoginError::Unverifiable(_) => unverifiable().from_source(error),
                LoginError::MissingClaim(claim) => Code::InvalidIdentityToken
                    .because(format!("Missing a required claim: {claim}"))
                    .from_source(error),
                LoginError::LivesTooLong { longest } => Code::InvalidIdentityToken
                    .because(format!(
                        "The ID Token provided is not a valid JWT: its lifetime is longer than {} hours.",
                        longest / 3600
                    ))
                    .from_source(error),
                LoginError::Rejected(_) | LoginError::NotAnAccessToken(_) => {
                    Code::InvalidIdentityToken
                        .because("The access token provided is not valid")
                        .from_source(error)
                }
                _ => not_a_jwt().from_source(error),
            },
            WebIdentityError::Tags(error) => Code::InvalidIdentityToken
                .because("The tags in the identity token are not valid")
                .from_source(error),
            WebIdentityError::NotTrusted
            | WebIdentityError::Outdated
            | WebIdentityError::Revoked => Code::AccessDenied
                .because("Not authorized to perform sts:AssumeRoleWithWebIdentity"),
            WebIdentityError::RegistrationChanged => refusals::outdated(),
            WebIdentityError::RateExceeded(error) => error.into(),
            WebIdentityError::Store(error) => error.into(),
        }
    }
}

impl From<SamlIdentityError> for Error {
    fn from(error: SamlIdentityError) -> Self {
        let invalid = |text: &'static str| Code::InvalidIdentityToken.because(text);
        match error {
            SamlIdentityError::NoProvider => invalid("Specified provider doesn't exist"),
            SamlIdentityError::Login(error) => refused_saml(error),
            SamlIdentityError::Late => Code::ExpiredIdentityToken
                .because("Token must be redeemed within 5 minutes of issuance"),
            SamlIdentityError::NoSessionName => {
                invalid("RoleSessionName is required in AuthnResponse")
            }
            SamlIdentityError::SessionName => {
                invalid("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
            }
            SamlIdentityError::SessionDuration => {
                invalid("SessionDuration in AuthnResponse must be one of 900 to 43200 seconds")
            }
            SamlIdentityError::Tags(error) => {
                invalid("The tags in AuthnResponse are not valid").from_source(error)
            }
            SamlIdentityError::SourceIdentity => invalid(
                "SourceIdentity in AuthnResponse is not available on this server: nothing would come of it.",
            ),
            SamlIdentityError::Store(error) => error.into(),
        }
    }
}

/// The refusal of a SAML response that is not valid.
fn refused_saml(error: LoginError) -> Error {
    if error.is_overload() {
        return error.into();
    }
    let invalid = |text: &'static str| Code::InvalidIdentityToken.because(text);
    match &error {
        LoginError::Expired { .. } => Code::ExpiredIdentityToken.because("Response has expired"),
        LoginError::NotYetValid => invalid("Response is not yet valid"),
        LoginError::IssuerMismatch => invalid("Issuer not present in specified provider"),
        LoginError::Assertion(AssertionError::Audience | AssertionError::Recipient) => {
            invalid("Response does not contain the required audience")
        }
        LoginError::NotAResponse(ResponseError::Encoding) => invalid("Invalid base64 SAMLResponse"),
        LoginError::NotAResponse(ResponseError::Status) => Code::IdpRejectedClaim
            .because("The identity provider reported that authentication failed"),
        LoginError::NotAResponse(ResponseError::Signature(_)) | LoginError::MetadataExpired => {
            invalid("Response signature invalid")
        }
        LoginError::Replayed(_) => invalid("The SAML response was used before"),
        _ => invalid("Your request included an invalid SAML response"),
    }
    .from_source(error)
}

fn expired(now: i64, expires: i64) -> Error {
    Code::ExpiredIdentityToken.because(format!(
        "Token expired: current date/time {now} must be before the expiration date/time {expires}"
    ))
}

fn not_a_jwt() -> Error {
    Code::InvalidIdentityToken
        .because("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
}

fn unverifiable() -> Error {
    Code::InvalidIdentityToken.because(
        "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity \
         documentation for requirements",
    )
}
