//! The operations: the trait that each request type implements, and the table of all operations. Each has a file of its
//! own, except in IAM, which has a file for each resource. HTTP requests and responses are in `wire`.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::access::authorise::{self, FurtherPermission, IdentitySessions};
use crate::app::access::condition_keys::RequestKeys;
use crate::app::access::resource::Resource;
use crate::app::rates::RequestWork;
use crate::app::{Call, roles};
use crate::error::{Code, Error};
use crate::model::json::JsonError;

mod admin;
mod answer;
mod cognito_identity;
pub(crate) mod container_credentials;
mod iam;
pub mod models;
pub mod seeds;
mod sts;
mod table;

pub use table::ALL;

/// A request type that can answer itself.
///
/// Before `run`, the pipeline checks the signature (if one is required), the types, the constraints of the service model and
/// the authorisation. `run` checks what needs state.
pub trait Operation: DeserializeOwned + Send + 'static {
    /// The service of the operation.
    const SERVICE: Service;
    /// The name of the operation, as on the wire.
    const NAME: &'static str;
    /// Whether a signature is required.
    const ACCESS: Access;
    /// The answer of the operation; it is serialised as `null` if the model has no output.
    type Output: Serialize + Send + 'static;

    /// Whether sessions of pools' identities may call the operation at all.
    const IDENTITY_SESSIONS: IdentitySessions = match Self::SERVICE {
        Service::Sts => IdentitySessions::Accepted,
        Service::CognitoIdentity | Service::Iam | Service::Cognate => IdentitySessions::Refused,
    };

    /// A member that known clients leave out, and the sentence that the refusal then adds to the text of the real service.
    const MISSING_MEMBER: Option<(&'static str, &'static str)> = None;

    /// The resource that the operation acts on, for authorisation.
    fn resource(&self, _call: &Call<'_>) -> Resource {
        Resource::any()
    }

    /// The permissions that the operation requires in addition to the one with its own name, because it makes or widens
    /// a principal.
    fn further_permissions(&self, _call: &Call<'_>) -> Result<Vec<FurtherPermission>, Error> {
        Ok(Vec::new())
    }

    /// Sets the condition keys of the input, for authorisation.
    fn request_keys(&self, _keys: &mut RequestKeys) {}

    /// The name of the role that the operation acts on, if it acts on one. The role's ARN, which has a path, is in its record
    /// only.
    fn role_name(&self) -> Option<&str> {
        None
    }

    /// Whether the operation changes what a role permits, so that policies may depend on the permissions boundary that the role
    /// has (`iam:PermissionsBoundary`).
    const ON_BOUNDARY: bool = false;

    /// The work that the request causes for a caller without a signature. It is expensive unless the operation says otherwise.
    fn work(&self, _call: &Call<'_>) -> RequestWork {
        RequestWork::Expensive
    }

    /// Runs the operation.
    fn run(self, call: &Call<'_>) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// The services that this server implements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon Cognito Identity, 2014-06-30.
    CognitoIdentity,
    /// The Security Token Service, 2011-06-15.
    Sts,
    /// Identity and Access Management, 2010-05-08.
    Iam,
    /// The operations that only Cognate has.
    Cognate,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 4] = [Self::CognitoIdentity, Self::Sts, Self::Iam, Self::Cognate];

    /// The prefix of the names of this service's actions.
    pub const fn action_prefix(self) -> &'static str {
        match self {
            Self::CognitoIdentity => "cognito-identity",
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Cognate => "cognate",
        }
    }

    /// The service that a signature names. Cognate's own operations are signed like those of Cognito Identity.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::CognitoIdentity | Self::Cognate => "cognito-identity",
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }
}

/// The callers that an operation accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every caller is accepted; a signature is ignored.
    Public,
    /// The caller must sign, and policies must allow the action.
    Signed,
    /// The caller must sign; policies are not evaluated.
    AnySigner,
}

/// An operation without its types (type erasure).
pub struct Entry {
    /// The service of the operation.
    pub service: Service,
    /// The name of the operation.
    pub name: &'static str,
    /// The callers that the operation accepts.
    pub access: Access,
    /// Whether sessions of pools' identities may call the operation at all.
    pub identity_sessions: IdentitySessions,
    /// As [`Operation::MISSING_MEMBER`].
    pub missing_member: Option<(&'static str, &'static str)>,
    /// Deserialises a JSON value that conforms to the service model. A request that runs again is prepared again.
    pub prepare: fn(&Value) -> Result<Box<dyn Prepared>, Error>,
}

/// A deserialised request, ready to run.
pub trait Prepared: Send {
    /// As [`Operation::work`].
    fn work(&self, call: &Call<'_>) -> RequestWork;

    /// Checks that the signer may perform `SERVICE:NAME` on [`Operation::resource`].
    fn authorise<'c>(&'c self, call: &'c Call<'c>) -> Running<'c, ()>;

    /// As [`Operation::run`].
    fn run<'c>(self: Box<Self>, call: &'c Call<'c>) -> Running<'c, Box<dyn OperationAnswer>>;
}

/// A boxed future of an operation.
pub type Running<'c, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'c>>;

/// An operation's answer without its type (type erasure).
pub trait OperationAnswer: Send {
    /// As JSON text in UTF-8; `null` where the model has no output.
    fn text(&self) -> Result<Vec<u8>, Error>;

    /// As a JSON value; `Null` where the model has no output.
    fn value(&self) -> Result<Value, Error>;
}

impl<T: Serialize + Send> OperationAnswer for T {
    fn text(&self) -> Result<Vec<u8>, Error> {
        // Most answers fit, also those with a token.
        let mut text = Vec::with_capacity(2048);
        serde_json::to_writer(&mut text, self).map_err(unfit)?;
        Ok(text)
    }

    fn value(&self) -> Result<Value, Error> {
        serde_json::to_value(self).map_err(unfit)
    }
}

impl<O: Operation> Prepared for O {
    fn work(&self, call: &Call<'_>) -> RequestWork {
        Operation::work(self, call)
    }

    fn authorise<'c>(&'c self, call: &'c Call<'c>) -> Running<'c, ()> {
        let action = format!("{}:{}", O::SERVICE.action_prefix(), O::NAME);
        let mut keys = RequestKeys::default();
        self.request_keys(&mut keys);
        let (role, resource) = (self.role_name().map(str::to_owned), self.resource(call));
        let further = self.further_permissions(call);
        Box::pin(async move {
            let resource = match &role {
                Some(name) => roles::resource(call, name)?,
                None => resource,
            };
            if let (Some(name), true) = (&role, O::ON_BOUNDARY)
                && let Some(role) = roles::record(call, name)?
                && let Some(boundary) = &role.boundary
            {
                keys.set_boundary(boundary.as_str());
            }
            authorise::check_session(call, &action, &resource, O::IDENTITY_SESSIONS)?;
            authorise::check(call, &action, &resource, keys)?;
            for permission in further? {
                authorise::check_further(call, &action, permission)?;
            }
            Ok(())
        })
    }

    fn run<'c>(self: Box<Self>, call: &'c Call<'c>) -> Running<'c, Box<dyn OperationAnswer>> {
        Box::pin(async move {
            let answer = Operation::run(*self, call).await?;
            Ok(Box::new(answer) as Box<dyn OperationAnswer>)
        })
    }
}

/// The entry of an operation.
const fn entry<O: Operation>() -> Entry {
    Entry {
        service: O::SERVICE,
        name: O::NAME,
        access: O::ACCESS,
        identity_sessions: O::IDENTITY_SESSIONS,
        missing_member: O::MISSING_MEMBER,
        prepare: |value| {
            let request = O::deserialize(value).map_err(unfit)?;
            Ok(Box::new(request))
        },
    }
}

/// The refusal of a type that doesn't fit the service model. This is a bug of the server, which no request should reveal.
fn unfit(error: serde_json::Error) -> Error {
    Code::InternalError
        .because("Internal Server Error")
        .from_source(JsonError::from(error))
}
