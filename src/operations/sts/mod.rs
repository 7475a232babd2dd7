//! The Security Token Service, 2011-06-15: one file an operation.

use serde::Serialize;

use crate::app::Call;
use crate::app::access::caller::{assumed_role_arn, session_role_id};
use crate::app::credentials::assume_role::{Assumption, assume};
use crate::error::{Code, Error};
use crate::operations::answer::Seconds;

pub(super) mod assume_role;
pub(super) mod assume_role_with_saml;
pub(super) mod assume_role_with_web_identity;
pub(super) mod get_caller_identity;

/// What every operation that gives a role answers.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed {
    credentials: Credentials,
    assumed_role_user: AssumedRoleUser,
    /// How much of a session token is used, in percent.
    packed_policy_size: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: Seconds,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

/// Credentials for a role, as the STS answers them.
fn assumed(call: &Call<'_>, assumption: Assumption) -> Result<Assumed, Error> {
    let (issued, session) = assume(call, assumption)?;
    let role = session_role_id(&session.role, session.role_id.as_deref());
    Ok(Assumed {
        assumed_role_user: AssumedRoleUser {
            assumed_role_id: format!("{role}:{}", session.name),
            arn: assumed_role_arn(&session.role, &session.name),
        },
        packed_policy_size: issued.percent_used(),
        credentials: Credentials {
            access_key_id: issued.access_key_id,
            secret_access_key: issued.secret_key.to_string(),
            session_token: issued.session_token,
            expiration: Seconds(session.expires),
        },
    })
}

/// How long the session lasts: what was asked for, an hour otherwise, `longest` seconds at most.
fn seconds(asked: Option<i64>, longest: i64) -> Result<i64, Error> {
    let seconds = asked.unwrap_or(3600);
    if seconds > longest {
        return Err(Code::Validation.because(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// The role isn't there, or doesn't trust whoever asks, or they may not ask: which one isn't said.
fn not_authorized(action: &str) -> Error {
    Code::AccessDenied.because(format!("Not authorized to perform {action}"))
}
