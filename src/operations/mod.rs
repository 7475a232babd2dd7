//! The operations: the trait that each request type keeps, and the table of all of them. One file an operation, but for
//! IAM, where it is one a resource. How a request arrives and how the answer leaves is the business of `wire`.

use std::future::Future;
use std::pin::Pin;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::access::authorise;
use crate::app::{Call, roles};
use crate::error::{Code, Error};
use crate::model::json::JsonError;
use crate::policy::Context;

mod admin;
mod answer;
mod cognito_identity;
mod iam;
mod sts;
mod table;

pub use table::ALL;

/// A request type that knows how to answer itself.
///
/// When `run` begins, the pipeline has checked the signature (if it wants one), the types, the constraints of the service
/// model and whether the signer may do this; what needs state is checked by `run`.
pub trait Operation: DeserializeOwned + Send + 'static {
    /// Whose operation it is.
    const SERVICE: Service;
    /// Its name, as on the wire.
    const NAME: &'static str;
    /// Whether it wants a signature.
    const ACCESS: Access;
    /// Its answer; one that is written as `null` where the model has no output.
    type Output: Serialize + Send + 'static;

    /// The ARN of what it acts on, for authorisation.
    fn resource(&self, _call: &Call<'_>) -> String {
        "*".to_owned()
    }

    /// The condition keys of what the request itself says, for authorisation.
    fn context(&self, _context: &mut Context) {}

    /// The name of the role that it acts on, where it acts on one: its ARN, which has a path, is in its record only.
    fn role_name(&self) -> Option<&str> {
        None
    }

    /// Does it.
    fn run(self, call: &Call<'_>) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// The services whose operations there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon Cognito Identity, 2014-06-30.
    CognitoIdentity,
    /// The Security Token Service, 2011-06-15.
    Sts,
    /// Identity and Access Management, 2010-05-08.
    Iam,
    /// Cognate's own.
    Cognate,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CognitoIdentity, Self::Sts, Self::Iam, Self::Cognate];

    /// What stands before the colon in the name of an action of this service.
    pub const fn action_prefix(self) -> &'static str {
        match self {
            Self::CognitoIdentity => "cognito-identity",
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Cognate => "cognate",
        }
    }

    /// The service that a signature names: Cognate's own operations are signed as Cognito Identity's are.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::CognitoIdentity | Self::Cognate => "cognito-identity",
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }
}

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; a signature is ignored.
    Public,
    /// Whoever signs, and may.
    Signed,
    /// Whoever signs, whatever any policy says.
    AnySigner,
}

/// An operation, its types forgotten.
pub struct Entry {
    /// Whose operation it is.
    pub service: Service,
    /// Its name.
    pub name: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Takes a JSON value that conforms to the service model for a request.
    pub prepare: fn(Value) -> Result<Box<dyn Prepared>, Error>,
}

/// A request that was read, and can be run.
pub trait Prepared: Send {
    /// Checks that the signer may do it: `SERVICE:NAME` on [`Operation::resource`].
    fn authorise<'c>(&'c self, call: &'c Call<'c>) -> Running<'c, ()>;

    /// As [`Operation::run`].
    fn run<'c>(self: Box<Self>, call: &'c Call<'c>) -> Running<'c, Box<dyn Answer>>;
}

/// Something under way.
pub type Running<'c, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'c>>;

/// An operation's answer, its type forgotten.
pub trait Answer: Send {
    /// As JSON text; `null` where the model has no output.
    fn text(&self) -> Result<String, Error>;

    /// As a JSON value; `Null` where the model has no output.
    fn value(&self) -> Result<Value, Error>;
}

impl<T: Serialize + Send> Answer for T {
    fn text(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(unfit)
    }

    fn value(&self) -> Result<Value, Error> {
        serde_json::to_value(self).map_err(unfit)
    }
}

impl<O: Operation> Prepared for O {
    fn authorise<'c>(&'c self, call: &'c Call<'c>) -> Running<'c, ()> {
        let action = format!("{}:{}", O::SERVICE.action_prefix(), O::NAME);
        let mut context = Context::default();
        self.context(&mut context);
        let (role, resource) = (self.role_name().map(str::to_owned), self.resource(call));
        Box::pin(async move {
            let resource = match role {
                Some(name) => roles::arn_of(call, &name).await?,
                None => resource,
            };
            authorise::check(call, &action, &resource, context).await
        })
    }

    fn run<'c>(self: Box<Self>, call: &'c Call<'c>) -> Running<'c, Box<dyn Answer>> {
        Box::pin(async move {
            let answer = Operation::run(*self, call).await?;
            Ok(Box::new(answer) as Box<dyn Answer>)
        })
    }
}

/// The entry of an operation.
const fn entry<O: Operation>() -> Entry {
    Entry {
        service: O::SERVICE,
        name: O::NAME,
        access: O::ACCESS,
        prepare: |value| {
            let request: O = serde_json::from_value(value).map_err(unfit)?;
            Ok(Box::new(request))
        },
    }
}

/// A type of ours that doesn't fit the service model: our own mistake, which no request should bring to light.
fn unfit(error: serde_json::Error) -> Error {
    Code::InternalError
        .because("Internal Server Error")
        .from_source(JsonError::from(error))
}
