//! The one error of the wire. Only this module knows the names and statuses of errors. Which error of another module
//! becomes which of these is in `app::refusals`.

use std::borrow::Cow;
use std::error::Error as StdError;

/// What went wrong, as a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request can't be read.
    Serialization,
    /// There is no such operation.
    UnknownOperation,
    /// The request is too large.
    RequestTooLarge,
    /// The request violates constraints of the service model.
    Validation,
    /// The request isn't signed.
    MissingAuthenticationToken,
    /// The signature lacks a part.
    IncompleteSignature,
    /// The signature is wrong.
    InvalidSignature,
    /// Nobody has this access key, or this session token.
    UnrecognizedClient,
    /// The session is over.
    ExpiredToken,
    /// The signer may not do this.
    AccessDenied,
    /// There are too many requests at once.
    TooManyRequests,
    /// A parameter makes no sense here.
    InvalidParameter,
    /// The login, the identity or the pool doesn't allow this.
    NotAuthorized,
    /// There is no such thing.
    ResourceNotFound,
    /// A login belongs to another identity.
    ResourceConflict,
    /// A developer's user belongs to another identity.
    DeveloperUserAlreadyRegistered,
    /// There are as many as there may be.
    LimitExceeded,
    /// Somebody else changed the same thing meanwhile.
    ConcurrentModification,
    /// A login provider gave no answer.
    ExternalService,
    /// The pool has no role for this.
    InvalidIdentityPoolConfiguration,
    /// The server can't do its work now.
    InternalError,
    /// STS: the token is no good.
    InvalidIdentityToken,
    /// STS: the token has expired.
    ExpiredIdentityToken,
    /// STS: the token's issuer gave no answer.
    IdpCommunicationError,
    /// STS and IAM: a policy is no good.
    MalformedPolicyDocument,
    /// STS: the identity provider itself says that nobody logged in.
    IdpRejectedClaim,
    /// IAM: there is no such thing.
    NoSuchEntity,
    /// IAM: there is one already.
    EntityAlreadyExists,
    /// STS: policies and tags are too long for a session.
    PackedPolicyTooLarge,
    /// IAM: a parameter is no good.
    InvalidInput,
    /// IAM: something depends on it.
    DeleteConflict,
}

/// The protocols and services in which a code has names of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// AWS JSON 1.1.
    Json,
    /// The Query protocol of STS.
    Sts,
    /// The Query protocol of IAM.
    Iam,
}

impl Code {
    /// The code's name and HTTP status.
    pub const fn on_the_wire(self, dialect: Dialect) -> (&'static str, u16) {
        match dialect {
            Dialect::Json => self.in_json(),
            Dialect::Sts | Dialect::Iam => self.in_query(matches!(dialect, Dialect::Iam)),
        }
    }

    const fn in_json(self) -> (&'static str, u16) {
        match self {
            Self::Serialization => ("SerializationException", 400),
            Self::UnknownOperation => ("UnknownOperationException", 400),
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
            Self::InternalError => ("InternalErrorException", 500),
        }
    }

    const fn in_query(self, iam: bool) -> (&'static str, u16) {
        match self {
            Self::Serialization => ("MalformedInput", 400),
            Self::UnknownOperation => ("InvalidAction", 400),
            Self::RequestTooLarge => ("RequestEntityTooLarge", 413),
            Self::Validation | Self::InvalidParameter => ("ValidationError", 400),
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
            Self::InternalError => (
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

/// An error on its way to a client.
#[derive(Debug)]
pub struct Error {
    /// What went wrong.
    pub code: Code,
    /// What the client is told about it.
    pub text: Option<Cow<'static, str>>,
    /// What the log is told about it.
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// With what led to it, for the log.
    #[must_use]
    pub fn from_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The same of an operation that declares no failure outside: a login that can't be checked isn't verified.
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
