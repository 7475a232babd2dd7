//! Refusals of logins and sign-ins.

use crate::app::providers::consumer_secrets::NotAConsumer;
use crate::app::sign_in::SignInError;
use crate::app::sign_in::bare_token::BareTokenError;
use crate::app::sign_in::explain::LoginRefusal;
use crate::app::sign_in::logins::ProofError;
use crate::app::{identities, refusals};
use crate::error::{Code, Error};
use crate::logins::LoginError;

impl From<NotAConsumer> for Error {
    fn from(error: NotAConsumer) -> Self {
        let NotAConsumer(provider) = error;
        Code::InvalidParameter.because(format!(
            "The value of {provider} is consumerKey;consumerSecret."
        ))
    }
}

impl From<LoginError> for Error {
    fn from(error: LoginError) -> Self {
        let code = match &error {
            failure if failure.is_external() => Code::ExternalService,
            failure if failure.is_overload() => Code::TooManyRequests,
            _ => Code::NotAuthorized,
        };
        code.because(error.client_text()).from_source(error)
    }
}

impl From<ProofError> for Error {
    fn from(error: ProofError) -> Self {
        let refused = |text: &'static str| Code::NotAuthorized.because(text);
        match error {
            ProofError::NoProviders(pool) => Code::NotAuthorized.because(format!(
                "Identity pool - {pool} does not have identity providers configured."
            )),
            ProofError::DeveloperProvider => refused("Please provide a valid public provider"),
            ProofError::CognitoToken => {
                refused("Invalid login token. Can't pass in a Cognito token.")
            }
            ProofError::NotCognitoToken => refused("Invalid login token. Not a Cognito token."),
            ProofError::Login(error) => error.into(),
            ProofError::Outdated => refusals::outdated(),
            ProofError::Store(error) => error.into(),
        }
    }
}

impl From<BareTokenError> for Error {
    fn from(error: BareTokenError) -> Self {
        match error.0 {
            ProofError::Login(error) => {
                let code = match &error {
                    failure if failure.is_external() => Code::ExternalService,
                    failure if failure.is_overload() => Code::TooManyRequests,
                    LoginError::Expired { .. } => Code::ExpiredIdentityToken,
                    _ => Code::InvalidIdentityToken,
                };
                code.because(error.client_text()).from_source(error)
            }
            ProofError::NotCognitoToken => {
                Code::InvalidIdentityToken.because("Invalid login token. Not a Cognito token.")
            }
            other => other.into(),
        }
    }
}

impl From<SignInError> for Error {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::NoGuests => Code::NotAuthorized
                .because("Unauthenticated access is not supported for this identity pool."),
            SignInError::Proof(error) => error.into(),
            SignInError::Tag(error) => Code::InvalidParameter.because(error.sentence()),
            SignInError::Conflict => refusals::logins_conflict(),
            SignInError::DeveloperUserRegistered => Code::DeveloperUserAlreadyRegistered
                .because("This developer user identifier is already registered with Cognito."),
            SignInError::LoginsDontMatch => Code::NotAuthorized.because(
                "Logins don't match. Please include at least one valid login for this identity or \
                 identity pool.",
            ),
            SignInError::Forbidden(id) => Code::NotAuthorized.because(format!(
                "Access to Identity '{}' is forbidden.",
                id.reveal()
            )),
            SignInError::NoIdentity(id) => identities::not_found(&id.reveal()),
            SignInError::Outdated => refusals::outdated(),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<LoginRefusal> for Error {
    fn from(error: LoginRefusal) -> Self {
        match error {
            LoginRefusal::SignIn(error) => error.into(),
            LoginRefusal::NoRole(error) => error.into(),
        }
    }
}
