//! Container credentials of an identity: GetId and GetCredentialsForIdentity in one call.

use jiff::SignedDuration;

use super::{ContainerCredentials, bad_lifetime, denied};
use crate::app::credentials::lifetime::{bounded_end, requested};
use crate::app::credentials::{assume_role, external_sts};
use crate::app::roles::choice::{RoleChoice, choose_named};
use crate::app::sign_in::bare_token;
use crate::app::{Call, pools, roles, sign_in};
use crate::error::Error;
use crate::model::pool::Pool;
use crate::model::provider::OWN;

/// The credentials of the identity of this token, which is made if no identity has the login.
pub(super) async fn credentials(
    call: &Call<'_>,
    pool: &str,
    (name, seconds): (Option<&str>, Option<i64>),
    token: &str,
) -> Result<ContainerCredentials, Error> {
    let pool = pools::find(call, pool)?;
    let key = bare_token::key_of_token(call, &pool, token)?.ok_or_else(denied)?;
    // A developer's token names its identity. Another token is a login, as in GetId.
    let presented = match key.as_str() {
        OWN => Some(bare_token::identity_of_own(call, token).await?),
        _ => None,
    };
    let proofs = bare_token::verify(call, &pool, (key, token), presented.as_ref()).await?;
    // The role is chosen before an identity is made or linked.
    let choice = choose_named(&pool, &proofs, name)?;
    let lifetime = lifetime(call, &pool, &choice, seconds)?;
    let verified = sign_in::sign_in(call, &pool, presented.as_ref(), &proofs).await?;
    let end = bounded_end(&pool, &proofs, call.now);
    let (role, identity) = (choice.role.clone(), Some(verified.id.clone()));
    let assumption = assume_role::enhanced(call, &pool, verified, choice, lifetime, end).await?;
    let credentials = external_sts::issue_or_reuse(call, assumption).await?;
    Ok(ContainerCredentials {
        credentials,
        role,
        identity,
    })
}

/// The lifetime that the request names, which is never shortened silently.
fn lifetime(
    call: &Call<'_>,
    pool: &Pool,
    choice: &RoleChoice,
    seconds: Option<i64>,
) -> Result<Option<SignedDuration>, Error> {
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    let role = roles::find_by_arn(call, &choice.role)?;
    let lifetime = requested(pool, role.as_deref(), seconds);
    lifetime.map(Some).ok_or_else(bad_lifetime)
}
