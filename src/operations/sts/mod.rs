//! The Security Token Service, 2011-06-15: one file an operation.

use serde::Serialize;

use crate::app::Call;
use crate::app::access::caller::{assumed_role_arn, session_role_id};
use crate::app::credentials::assume_role::{Assumption, assume};
use crate::error::{Code, Error};
use crate::operations::answer::EpochSeconds;

pub(super) mod assume_role;
pub(super) mod assume_role_with_saml;
pub(super) mod assume_role_with_web_identity;
pub(super) mod get_caller_identity;

/// The common part of the answers of operations that give a role.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed {
    credentials: StsCredentials,
    assumed_role_user: AssumedRoleUser,
    /// How much of a session token is used, in percent.
    packed_policy_size: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StsCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: EpochSeconds,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

/// Credentials for a role in the form of the wire.
fn assumed(call: &Call<'_>, assumption: Assumption) -> Result<Assumed, Error> {
    let (issued, session) = assume(call, assumption)?;
    let role = session_role_id(&session.role, session.role_id.as_deref());
    Ok(Assumed {
        assumed_role_user: AssumedRoleUser {
            assumed_role_id: format!("{role}:{}", session.name),
            arn: assumed_role_arn(&session.role, &session.name),
        },
        packed_policy_size: issued.percent_used(),
        credentials: StsCredentials {
            access_key_id: issued.access_key_id,
            secret_access_key: issued.secret_key.to_string(),
            session_token: issued.session_token,
            expiration: EpochSeconds(session.expires),
        },
    })
}

/// The lifetime of the session: as requested (by default an hour), at most `longest` seconds.
/// The duration of a session for which the request has none, in seconds.
const DEFAULT_DURATION: i64 = 3600;

fn seconds(asked: Option<i64>, longest: i64) -> Result<i64, Error> {
    let seconds = asked.unwrap_or(DEFAULT_DURATION);
    if seconds > longest {
        return Err(Code::Validation.because(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// The refusal to assume a role. It doesn't reveal whether the role exists or trusts the caller.
fn not_authorized(action: &str) -> Error {
    Code::AccessDenied.because(format!("Not authorized to perform {action}"))
}
