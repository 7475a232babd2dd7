//! Container credentials: the credentials that every AWS SDK fetches with one GET and one token. They are no operation of a
//! service model. Each takes the same steps as the operations that the SDKs would call otherwise.

use crate::app::Call;
use crate::app::credentials::external_sts::TemporaryCredentials;
use crate::app::rates::RequestWork;
use crate::error::{Code, Error};
use crate::model::ids::{IdentityId, RoleArn};

mod of_guest;
mod of_identity;
mod of_role;

/// The one text for everything that is denied, so that a caller can't find out which pools and roles exist.
const DENIED: &str = "Access denied: there is no such pool or role, or it doesn't accept the issuer of this token, or it isn't \
                      given to this identity. An administrator finds the reason with `cognate explain`.";

/// A request for container credentials.
#[derive(Clone, Copy)]
pub(crate) enum ContainerRequest<'r> {
    /// The identity of the token in a pool, in the role that the pool has for it, or in the role with this name.
    Identity {
        /// The id of the pool.
        pool: &'r str,
        /// The name of the role.
        role: Option<&'r str>,
        /// The lifetime of the credentials.
        seconds: Option<i64>,
        /// The ID token.
        token: &'r str,
    },
    /// A new guest of a pool.
    Guest {
        /// The id of the pool.
        pool: &'r str,
    },
    /// The role with this name, if its trust policy allows the token.
    Role {
        /// The name of the role.
        role: &'r str,
        /// The lifetime of the credentials.
        seconds: Option<i64>,
        /// The ID token.
        token: &'r str,
    },
}

/// Credentials and their role.
pub(crate) struct ContainerCredentials {
    /// The credentials.
    pub(crate) credentials: TemporaryCredentials,
    /// The role.
    pub(crate) role: RoleArn,
    /// The identity; `None` for a workload that is none.
    pub(crate) identity: Option<IdentityId>,
}

impl ContainerRequest<'_> {
    /// The name of the operation, in the log, the metrics and the events.
    pub(crate) const fn operation(&self) -> &'static str {
        match self {
            Self::Identity { .. } => "GetContainerCredentials",
            Self::Guest { .. } => "GetGuestContainerCredentials",
            Self::Role { .. } => "GetRoleContainerCredentials",
        }
    }

    /// The work that the request causes. A guest is made each time; where there are routes, another STS may be asked, too.
    pub(crate) fn works(&self, call: &Call<'_>) -> &'static [RequestWork] {
        match self {
            Self::Guest { .. } if call.routes.is_empty() => &[RequestWork::NewGuest],
            Self::Guest { .. } => &[RequestWork::NewGuest, RequestWork::Expensive],
            Self::Identity { .. } | Self::Role { .. } => &[RequestWork::Expensive],
        }
    }

    /// Makes all checks and gives the credentials.
    pub(crate) async fn run(&self, call: &Call<'_>) -> Result<ContainerCredentials, Error> {
        let given = match *self {
            Self::Identity {
                pool,
                role,
                seconds,
                token,
            } => of_identity::credentials(call, pool, (role, seconds), token).await,
            Self::Guest { pool } => of_guest::credentials(call, pool).await,
            Self::Role {
                role,
                seconds,
                token,
            } => of_role::credentials(call, role, seconds, token).await,
        };
        given.map_err(refused)
    }
}

/// The refusal in one text, whatever is denied.
fn refused(error: Error) -> Error {
    match error.code {
        Code::AccessDenied
        | Code::NotAuthorized
        | Code::ResourceNotFound
        | Code::ResourceConflict
        | Code::InvalidIdentityPoolConfiguration => denied().from_source(error),
        Code::InternalError | Code::ExternalService | Code::IdpCommunicationError => {
            let text = error.text.clone();
            let text = text.unwrap_or("The service is unavailable. Try again later.".into());
            error.code.because(text).from_source(error)
        }
        _ => error,
    }
}

fn denied() -> Error {
    Code::AccessDenied.because(DENIED)
}

/// The refusal of a lifetime.
fn bad_lifetime() -> Error {
    Code::Validation.because(
        "The seconds in the path must be at least 900 and at most the longest duration that the pool and the role allow.",
    )
}
