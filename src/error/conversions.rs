//! What each error of the house becomes on the wire.

use std::error::Error as StdError;

use super::{Code, Error};
use crate::app::access_keys::{AccessKeyError, MOST as ACCESS_KEYS};
use crate::app::assume_role::{EnhancedError, TooMuch};
use crate::app::authorise::{AuthoriseError, Why};
use crate::app::change::{ChangeError, OIDC_PROVIDERS};
use crate::app::find::FindError;
use crate::app::iam_roles::{ROLES, RoleError, TAGS};
use crate::app::keys::KeysError;
use crate::app::merge::{MergeError, RevokeError, UnlinkError};
use crate::app::providers::consumer_secrets::NotAConsumer;
use crate::app::providers::saml_identity::SamlIdentityError;
use crate::app::role_choice::NoRole;
use crate::app::root_key::RootKeyError;
use crate::app::routed::{NotGiven, RoutedError};
use crate::app::saml_providers::{SAML_PROVIDERS, SamlProviderError};
use crate::app::session_policies::NotNarrowed;
use crate::app::sign_in::SignInError;
use crate::app::sign_in::explain::LoginRefusal;
use crate::app::sign_in::logins::ProofError;
use crate::app::simulate::SimulateError;
use crate::app::trust::TrustError;
use crate::app::web_identity::WebIdentityError;
use crate::credentials::routes::StsError;
use crate::logins::LoginError;
use crate::logins::saml::{AssertionError, ResponseError};
use crate::model::key_ring::NotRotated;
use crate::policy::{MAX_CHARACTERS, PolicyError};
use crate::store::StoreError;
use crate::tokens::NotOwn;

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Code::InternalError
            .because("Internal Server Error")
            .from_source(error)
    }
}

impl From<FindError> for Error {
    fn from(error: FindError) -> Self {
        match error {
            FindError::NoPool(id) => {
                Code::ResourceNotFound.because(format!("IdentityPool '{id}' not found."))
            }
            FindError::NoIdentity(id) => {
                Code::ResourceNotFound.because(format!("Identity '{id}' not found."))
            }
            FindError::Store(error) => error.into(),
        }
    }
}

impl From<ChangeError> for Error {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::TooManyPools => Code::LimitExceeded
                .because("The maximum number of identity pools has been reached."),
            ChangeError::TooManyProviders => Code::LimitExceeded.because(format!(
                "Cannot exceed quota for OpenIdConnectProvidersPerAccount: {OIDC_PROVIDERS}"
            )),
            ChangeError::ProviderExists => {
                Code::EntityAlreadyExists.because("The provider already exists.")
            }
            ChangeError::NoProvider(arn) => Code::NoSuchEntity
                .because(format!("OpenIDConnect Provider not found for arn {arn}")),
            ChangeError::Changed => Code::ConcurrentModification
                .because("Another request changed the same thing meanwhile. Try again."),
            ChangeError::Find(error) => error.into(),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<NotAConsumer> for Error {
    fn from(error: NotAConsumer) -> Self {
        let NotAConsumer(provider) = error;
        Code::InvalidParameter.because(format!(
            "The value of {provider} is consumerKey;consumerSecret."
        ))
    }
}

impl From<SamlProviderError> for Error {
    fn from(error: SamlProviderError) -> Self {
        match error {
            SamlProviderError::Metadata(error) => {
                Code::InvalidInput.because(format!("Could not parse metadata: {error}."))
            }
            SamlProviderError::Outdated => {
                Code::InvalidInput.because("Could not parse metadata: validUntil is over.")
            }
            SamlProviderError::Exists(name) => Code::EntityAlreadyExists
                .because(format!("Provider with name {name} already exists.")),
            SamlProviderError::TooMany => Code::LimitExceeded.because(format!(
                "Cannot exceed quota for SAMLProvidersPerAccount: {SAML_PROVIDERS}"
            )),
            SamlProviderError::NoProvider(arn) => {
                Code::NoSuchEntity.because(format!("Manifest not found for arn {arn}"))
            }
            SamlProviderError::Changed => ChangeError::Changed.into(),
            SamlProviderError::Store(error) => error.into(),
        }
    }
}

impl From<RoleError> for Error {
    fn from(error: RoleError) -> Self {
        let malformed =
            |error: &dyn StdError| Code::MalformedPolicyDocument.because(error.to_string());
        match error {
            RoleError::NoRole(name) => {
                Code::NoSuchEntity.because(format!("The role with name {name} cannot be found."))
            }
            RoleError::NoPolicy(name) => Code::NoSuchEntity
                .because(format!("The role policy with name {name} cannot be found.")),
            RoleError::Exists(name) => {
                Code::EntityAlreadyExists.because(format!("Role with name {name} already exists."))
            }
            RoleError::TooMany => Code::LimitExceeded
                .because(format!("Cannot exceed quota for RolesPerAccount: {ROLES}")),
            RoleError::TooManyTags => {
                Code::LimitExceeded.because(format!("Cannot exceed quota for TagsPerRole: {TAGS}"))
            }
            RoleError::HasPolicies => {
                Code::DeleteConflict.because("Cannot delete entity, must delete policies first.")
            }
            RoleError::Policy(PolicyError::TooLong { .. }) | RoleError::PoliciesTooLong => {
                Code::LimitExceeded.because(format!(
                    "Maximum policy size of {MAX_CHARACTERS} bytes exceeded for the role"
                ))
            }
            RoleError::Trust(TrustError::Policy(PolicyError::TooLong { limit })) => {
                Code::LimitExceeded
                    .because(format!("Cannot exceed quota for ACLSizePerRole: {limit}"))
            }
            RoleError::Trust(error) => malformed(&error),
            RoleError::Policy(error) => malformed(&error),
            RoleError::Store(error) => error.into(),
        }
    }
}

impl From<SimulateError> for Error {
    fn from(error: SimulateError) -> Self {
        match error {
            SimulateError::Role(error) => error.into(),
            SimulateError::Policy(..) | SimulateError::TooMuch(_) => {
                Code::InvalidInput.because(format!("{error}."))
            }
        }
    }
}

impl From<LoginError> for Error {
    fn from(error: LoginError) -> Self {
        let code = match &error {
            failure if failure.is_external() => Code::ExternalService,
            LoginError::TooManyWaiters { .. } => Code::TooManyRequests,
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
            ProofError::Store(error) => error.into(),
        }
    }
}

impl From<SignInError> for Error {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::NoGuests => Code::NotAuthorized
                .because("Unauthenticated access is not supported for this identity pool."),
            SignInError::Proof(error) => error.into(),
            SignInError::Tag(error) => Code::InvalidParameter.because(format!("{error}.")),
            SignInError::Conflict => conflict(),
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
            SignInError::Find(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}

/// Logins of different identities.
fn conflict() -> Error {
    Code::ResourceConflict.because("Logins are already linked to another account")
}

impl From<MergeError> for Error {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::NoUser => {
                Code::ResourceNotFound.because("Developer user identifier not found.")
            }
            MergeError::Conflict => conflict(),
            MergeError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeError> for Error {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Find(error) => error.into(),
            RevokeError::Store(error) => error.into(),
        }
    }
}

impl From<UnlinkError> for Error {
    fn from(error: UnlinkError) -> Self {
        match error {
            UnlinkError::NotLinked => {
                Code::ResourceConflict.because("The login is not linked to this identity.")
            }
            UnlinkError::Revoked(id) => SignInError::Forbidden(id).into(),
            UnlinkError::Find(error) => error.into(),
            UnlinkError::Store(error) => error.into(),
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

impl From<NoRole> for Error {
    fn from(error: NoRole) -> Self {
        match &error {
            NoRole::NotConfigured => Code::InvalidIdentityPoolConfiguration.because(
                "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
            ),
            NoRole::NotOffered(role) => {
                Code::NotAuthorized.because(format!("Access to Role '{role}' is forbidden."))
            }
            NoRole::Ambiguous(provider) => Code::NotAuthorized.because(format!(
                "The ambiguous role mapping rules for: {provider} denied this request."
            )),
        }
        .from_source(error)
    }
}

impl From<NotGiven> for Error {
    fn from(error: NotGiven) -> Self {
        let refused = match &error {
            // What else an STS would refuse.
            NotGiven::TooMuch(_) => NoRole::NotConfigured.into(),
            NotGiven::Routed { source, .. } => match source {
                RoutedError::EndsTooSoon => Code::NotAuthorized
                    .because("Invalid login token. Token expires too soon for this role."),
                RoutedError::Guests
                | RoutedError::NotFilled(_)
                | RoutedError::Sts(StsError::Refused(..)) => NoRole::NotConfigured.into(),
                RoutedError::Sts(StsError::Throttled(_) | StsError::Crowded) => {
                    Code::TooManyRequests.because("Rate exceeded")
                }
                RoutedError::Sts(
                    StsError::Outgoing(_)
                    | StsError::Answer(_)
                    | StsError::Trouble(..)
                    | StsError::TooLong(_)
                    | StsError::Over,
                ) => Code::ExternalService.because("The STS of the role can't be reached."),
            },
        };
        refused.from_source(error)
    }
}

impl From<EnhancedError> for Error {
    fn from(error: EnhancedError) -> Self {
        match error {
            EnhancedError::NoRole(error) => error.into(),
            EnhancedError::Store(error) => error.into(),
        }
    }
}

impl From<NotNarrowed> for Error {
    fn from(error: NotNarrowed) -> Self {
        match error {
            NotNarrowed::Policy(PolicyError::TooLong { limit }) => Code::Validation.because(format!(
                "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have \
                 length less than or equal to {limit}"
            )),
            NotNarrowed::Policy(error) => Code::MalformedPolicyDocument.because(error.to_string()),
            NotNarrowed::Unknown(arn) => {
                Code::MalformedPolicyDocument.because(format!("Policy ARN {arn} is not valid"))
            }
        }
    }
}

impl From<TooMuch> for Error {
    fn from(error: TooMuch) -> Self {
        Code::PackedPolicyTooLarge
            .because("Packed policy consumes more than 100% of allotted space, please use a smaller policy")
            .from_source(error)
    }
}

impl From<WebIdentityError> for Error {
    fn from(error: WebIdentityError) -> Self {
        match error {
            WebIdentityError::NotOwn(NotOwn::Expired { now, expires }) => expired(now, expires),
            WebIdentityError::NotOwn(NotOwn::Malformed) => not_a_jwt(),
            WebIdentityError::NotOwn(NotOwn::Issuer | NotOwn::Signature) => unverifiable(),
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
                LoginError::TooManyWaiters { .. } => Code::TooManyRequests
                    .because(error.client_text())
                    .from_source(error),
                LoginError::Unsupported => {
                    Code::InvalidIdentityToken.because("Incorrect token audience")
                }
                LoginError::Unverifiable(_) => unverifiable().from_source(error),
                _ => not_a_jwt().from_source(error),
            },
            WebIdentityError::Tags => {
                Code::InvalidIdentityToken.because("The tags in the identity token are not valid")
            }
            WebIdentityError::Outdated => Code::AccessDenied
                .because("Not authorized to perform sts:AssumeRoleWithWebIdentity"),
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
            SamlIdentityError::Tags => invalid("The tags in AuthnResponse are not valid"),
            SamlIdentityError::SourceIdentity => invalid(
                "SourceIdentity in AuthnResponse is not available on this server: nothing would come of it.",
            ),
            SamlIdentityError::Store(error) => error.into(),
        }
    }
}

/// A SAML response that is taken to the STS and isn't good.
fn refused_saml(error: LoginError) -> Error {
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

impl From<KeysError> for Error {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::NotRotated(NotRotated::TooSoon(ready)) => Code::InvalidParameter.because(format!(
                "The next key has not been published long enough: copies of the key set without it may be kept until \
                 {ready}. Rotate then; if the current key is compromised, say so, and it is dropped at once."
            )),
            KeysError::NotRotated(NotRotated::NoSuchKey) => {
                Code::InvalidParameter.because("There is no key with this KeyId.")
            }
            KeysError::Changed => ChangeError::Changed.into(),
            KeysError::Store(error) => error.into(),
            other => Code::InternalError.because("Internal Server Error").from_source(other),
        }
    }
}

impl From<RootKeyError> for Error {
    fn from(error: RootKeyError) -> Self {
        match error {
            RootKeyError::Changed => ChangeError::Changed.into(),
            RootKeyError::Given => Code::InvalidParameter.because(
                "The root key of this server comes from its environment or configuration file: change it there and \
                 restart.",
            ),
            RootKeyError::Store(error) => error.into(),
            other => Code::InternalError.because("Internal Server Error").from_source(other),
        }
    }
}

impl From<AuthoriseError> for Error {
    fn from(error: AuthoriseError) -> Self {
        match error {
            AuthoriseError::Denied {
                who,
                action,
                resource,
                why,
            } => {
                let why = match why {
                    Why::Forbidden => {
                        "with an explicit deny in an identity-based policy".to_owned()
                    }
                    Why::NotAllowed => {
                        format!("because no identity-based policy allows the {action} action")
                    }
                    Why::Narrowed => {
                        format!("because no session policy allows the {action} action")
                    }
                };
                Code::AccessDenied.because(format!(
                    "User: {who} is not authorized to perform: {action} on resource: {resource} {why}"
                ))
            }
            AuthoriseError::Store(error) => error.into(),
        }
    }
}

impl From<AccessKeyError> for Error {
    fn from(error: AccessKeyError) -> Self {
        match error {
            AccessKeyError::Policy(error) => Code::InvalidParameter.because(error.to_string()),
            AccessKeyError::NameTaken => {
                Code::ResourceConflict.because("There is an access key with this name.")
            }
            AccessKeyError::TooMany => {
                Code::LimitExceeded.because(format!("There may be {ACCESS_KEYS} access keys."))
            }
            AccessKeyError::NoKey => {
                Code::ResourceNotFound.because("There is no access key with this id.")
            }
            AccessKeyError::Changed => ChangeError::Changed.into(),
            AccessKeyError::Store(error) => error.into(),
            AccessKeyError::Unreadable => Code::InternalError
                .because("Internal Server Error")
                .from_source(error),
        }
    }
}
