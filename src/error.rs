//! The one error of the wire. Only this module knows the names and statuses of errors. Which error of another module
//! becomes which of these is in `app::refusals`.

use std::borrow::Cow;
use std::error::Error as StdError;

/// The kind of an error, as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request can't be parsed.
    Serialization,
    /// The operation doesn't exist.
    UnknownOperation,
    /// The path exists, but not with this method.
    WrongMethod,
    /// The request is too large.
    RequestTooLarge,
    /// The request violates constraints of the service model.
    Validation,
    /// The request isn't signed.
    MissingAuthenticationToken,
    /// A part of the signature is missing.
    IncompleteSignature,
    /// The signature is wrong.
    InvalidSignature,
    /// The access key or the session token is unknown.
    UnrecognizedClient,
    /// The session has expired.
    ExpiredToken,
    /// No policy allows the signer to perform the action, or a policy denies it.
    AccessDenied,
    /// Too many requests arrive at once.
    TooManyRequests,
    /// A parameter is not valid.
    InvalidParameter,
    /// STS: a parameter contradicts another one, or the caller's session.
    InvalidParameterValue,
    /// The login, the identity or the pool doesn't allow the operation.
    NotAuthorized,
    /// The resource doesn't exist.
    ResourceNotFound,
    /// A login belongs to another identity.
    ResourceConflict,
    /// A developer's user belongs to another identity.
    DeveloperUserAlreadyRegistered,
    /// A limit on the number of resources is reached.
    LimitExceeded,
    /// Another request changed the same resource at the same time.
    ConcurrentModification,
    /// A login provider or an external STS can't be reached.
    ExternalService,
    /// The pool has no usable role for the identity.
    InvalidIdentityPoolConfiguration,
    /// A pool or an identity changed while the request ran; the request runs again, and no client sees this.
    Outdated,
    /// The server has a failure of its own.
    InternalError,
    /// STS: the token is not valid.
    InvalidIdentityToken,
    /// STS: the token has expired.
    ExpiredIdentityToken,
    /// STS: the token's issuer can't be reached.
    IdpCommunicationError,
    /// STS and IAM: a policy document is not valid.
    MalformedPolicyDocument,
    /// STS: the identity provider reports a failed authentication.
    IdpRejectedClaim,
    /// IAM: the entity doesn't exist.
    NoSuchEntity,
    /// IAM: an entity with this name exists already.
    EntityAlreadyExists,
    /// STS: policies and tags are too long for a session.
    PackedPolicyTooLarge,
    /// IAM: a parameter is not valid.
    InvalidInput,
    /// IAM: another entity depends on the entity.
    DeleteConflict,
}

/// The protocols and services with their own names of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The protocol AWS JSON 1.1.
    Json,
    /// The Query protocol of STS.
    Sts,
    /// The Query protocol of IAM.
    Iam,
    /// The protocol of container credentials.
    Container,
}

impl Code {
    /// The code's name and HTTP status in a dialect.
    pub const fn on_the_wire(self, dialect: Dialect) -> (&'static str, u16) {
        match dialect {
            Dialect::Json => self.in_json(),
            Dialect::Container => self.in_container(),
            Dialect::Sts | Dialect::Iam => self.in_query(matches!(dialect, Dialect::Iam)),
        }
    }

    const fn in_json(self) -> (&'static str, u16) {
        match self {
            Self::Serialization => ("SerializationException", 400),
            Self::UnknownOperation | Self::WrongMethod => ("UnknownOperationException", 400),
            Self::RequestTooLarge => ("RequestEntityTooLargeException", 413),
            Self::Validation => ("ValidationException", 400),
            Self::MissingAuthenticationToken => ("MissingAuthenticationTokenException", 400),
            Self::IncompleteSignature => ("IncompleteSignatureException", 400),
            Self::InvalidSignature => ("InvalidSignatureException", 400),
            Self::UnrecognizedClient => ("UnrecognizedClientException", 400),
            Self::ExpiredToken | Self::ExpiredIdentityToken => ("ExpiredTokenException", 400),
            Self::AccessDenied => ("AccessDeniedException", 400),
            Self::TooManyRequests => ("TooManyRequestsException", 400),
            Self::InvalidParameter
            | Self::InvalidParameterValue
            | Self::InvalidInput
            | Self::MalformedPolicyDocument
            | Self::PackedPolicyTooLarge => ("InvalidParameterException", 400),
            Self::NotAuthorized | Self::InvalidIdentityToken | Self::IdpRejectedClaim => {
                ("NotAuthorizedException", 400)
            }
            Self::ResourceNotFound | Self::NoSuchEntity => ("ResourceNotFoundException", 400),
            Self::ResourceConflict | Self::EntityAlreadyExists | Self::DeleteConflict => {
                ("ResourceConflictException", 400)
            }
            Self::DeveloperUserAlreadyRegistered => {
                ("DeveloperUserAlreadyRegisteredException", 400)
            }
            Self::LimitExceeded => ("LimitExceededException", 400),
            Self::ConcurrentModification => ("ConcurrentModificationException", 400),
            Self::ExternalService | Self::IdpCommunicationError => {
                ("ExternalServiceException", 400)
            }
            Self::InvalidIdentityPoolConfiguration => {
                ("InvalidIdentityPoolConfigurationException", 400)
            }
            Self::InternalError | Self::Outdated => ("InternalErrorException", 500),
        }
    }

    const fn in_query(self, iam: bool) -> (&'static str, u16) {
        match self {
            Self::Serialization => ("MalformedInput", 400),
            Self::UnknownOperation | Self::WrongMethod => ("InvalidAction", 400),
            Self::RequestTooLarge => ("RequestEntityTooLarge", 413),
            Self::Validation | Self::InvalidParameter => ("ValidationError", 400),
            Self::InvalidParameterValue => ("InvalidParameterValue", 400),
            Self::MissingAuthenticationToken => ("MissingAuthenticationToken", 403),
            Self::IncompleteSignature => ("IncompleteSignature", 400),
            Self::InvalidSignature => ("SignatureDoesNotMatch", 403),
            Self::UnrecognizedClient => ("InvalidClientTokenId", 403),
            Self::ExpiredToken => ("ExpiredToken", 403),
            Self::AccessDenied | Self::NotAuthorized => ("AccessDenied", 403),
            Self::TooManyRequests => ("Throttling", 400),
            Self::ResourceNotFound | Self::NoSuchEntity => ("NoSuchEntity", 404),
            Self::ResourceConflict
            | Self::DeveloperUserAlreadyRegistered
            | Self::EntityAlreadyExists => ("EntityAlreadyExists", 409),
            Self::DeleteConflict => ("DeleteConflict", 409),
            Self::LimitExceeded => ("LimitExceeded", 409),
            Self::ConcurrentModification => ("ConcurrentModification", 409),
            Self::ExternalService | Self::IdpCommunicationError => ("IDPCommunicationError", 400),
            Self::InvalidIdentityPoolConfiguration | Self::InvalidInput => ("InvalidInput", 400),
            Self::InternalError | Self::Outdated => (
                if iam {
                    "ServiceFailure"
                } else {
                    "InternalFailure"
                },
                500,
            ),
            Self::InvalidIdentityToken => ("InvalidIdentityToken", 400),
            Self::IdpRejectedClaim => ("IDPRejectedClaim", 403),
            Self::ExpiredIdentityToken => ("ExpiredTokenException", 400),
            Self::MalformedPolicyDocument => ("MalformedPolicyDocument", 400),
            Self::PackedPolicyTooLarge => ("PackedPolicyTooLarge", 400),
        }
    }

    /// The names are those that clients of container credentials know from other servers. A refusal is 404 only for a path
    /// that this server doesn't have, because some SDKs hide the text of a 404.
    const fn in_container(self) -> (&'static str, u16) {
        match self {
            Self::UnknownOperation => ("UnknownPath", 404),
            Self::WrongMethod => ("MethodNotAllowed", 405),
            Self::InvalidIdentityToken
            | Self::MissingAuthenticationToken
            | Self::IncompleteSignature
            | Self::InvalidSignature
            | Self::UnrecognizedClient
            | Self::IdpRejectedClaim => ("InvalidIdentityToken", 401),
            Self::ExpiredToken | Self::ExpiredIdentityToken => ("ExpiredToken", 401),
            Self::AccessDenied
            | Self::NotAuthorized
            | Self::ResourceNotFound
            | Self::NoSuchEntity
            | Self::InvalidIdentityPoolConfiguration
            | Self::ResourceConflict
            | Self::EntityAlreadyExists
            | Self::DeleteConflict
            | Self::DeveloperUserAlreadyRegistered
            | Self::PackedPolicyTooLarge => ("AccessDenied", 403),
            Self::TooManyRequests | Self::LimitExceeded => ("Throttling", 429),
            Self::Serialization
            | Self::RequestTooLarge
            | Self::Validation
            | Self::InvalidParameter
            | Self::InvalidParameterValue
            | Self::InvalidInput
            | Self::MalformedPolicyDocument => ("InvalidRequest", 400),
            Self::ExternalService
            | Self::IdpCommunicationError
            | Self::ConcurrentModification
            | Self::InternalError
            | Self::Outdated => ("ServiceUnavailable", 503),
        }
    }

    /// An error with a text for the client.
    pub fn because(self, text: impl Into<Cow<'static, str>>) -> Error {
        Error {
            code: self,
            text: Some(text.into()),
            source: None,
        }
    }

    /// An error that the real service answers without a text.
    pub const fn bare(self) -> Error {
        Error {
            code: self,
            text: None,
            source: None,
        }
    }
}

/// The error that a client gets.
#[derive(Debug)]
pub struct Error {
    /// The kind of the error.
    pub code: Code,
    /// The text for the client.
    pub text: Option<Cow<'static, str>>,
    /// The cause, for the log only.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// The error with its cause, for the log.
    #[must_use]
    pub fn from_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The error for an operation that declares no [`Code::ExternalService`]: a login that can't be checked is refused.
    #[must_use]
    pub fn without_outside(mut self) -> Self {
        if self.code == Code::ExternalService {
            self.code = Code::NotAuthorized;
            self.text = Some("Invalid login token. Couldn't verify signed token.".into());
        }
        self
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, _) = self.code.on_the_wire(Dialect::Json);
        formatter.write_str(name)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
