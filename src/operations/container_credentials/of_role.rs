//! Container credentials of a role, for workloads that are no identities: AssumeRoleWithWebIdentity in one GET.

use super::{ContainerCredentials, bad_lifetime, denied};
use crate::app::credentials::assume_role::assume_or_reuse;
use crate::app::credentials::external_sts::TemporaryCredentials;
use crate::app::credentials::web_identity::{self, PresentedToken};
use crate::app::{Call, roles};
use crate::error::Error;
use crate::model::credentials_duration::SHORTEST;
use crate::operations::sts::assume_role_with_web_identity::AssumeRoleWithWebIdentity;

/// The name of the sessions.
const SESSION_NAME: &str = "ContainerCredentials";

/// The credentials of the role with this name, if its trust policy allows it.
pub(super) async fn credentials(
    call: &Call<'_>,
    name: &str,
    seconds: Option<i64>,
    token: &str,
) -> Result<ContainerCredentials, Error> {
    let role = roles::record(call, name)?;
    let role = role.filter(|role| role.arn.name() == name);
    let role = role.ok_or_else(denied)?;
    if seconds.is_some_and(|seconds| !(SHORTEST..=role.max_session_duration).contains(&seconds)) {
        return Err(bad_lifetime());
    }
    let presented = PresentedToken {
        token,
        provider_id: None,
        role: Some(role.as_ref()),
    };
    let mut who = web_identity::verify(call, presented).await?;
    let request = AssumeRoleWithWebIdentity::for_role(role.arn.to_string(), SESSION_NAME, seconds);
    let assumption = request.assumption(call, &mut who)?;
    let role = assumption.role.clone();
    let shared = assume_or_reuse(call, assumption)?;
    let credentials = TemporaryCredentials::from(shared.as_ref());
    Ok(ContainerCredentials {
        credentials,
        role,
        identity: None,
    })
}
