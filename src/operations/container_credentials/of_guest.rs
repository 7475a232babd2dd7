//! Container credentials of a guest: GetId and GetCredentialsForIdentity without logins, in one call.

use super::ContainerCredentials;
use crate::app::credentials::{assume_role, external_sts};
use crate::app::roles::choice::choose;
use crate::app::{Call, pools, sign_in};
use crate::error::Error;

/// The credentials of a new guest of this pool. A guest has no token by which a later call could find it again.
pub(super) async fn credentials(
    call: &Call<'_>,
    pool: &str,
) -> Result<ContainerCredentials, Error> {
    let pool = pools::find(call, pool)?;
    // Nothing is made for a pool that has no role for guests.
    let choice = choose(&pool, &[], None)?;
    let verified = sign_in::sign_in_new_guest(call, &pool).await?;
    let (role, identity) = (choice.role.clone(), Some(verified.id.clone()));
    let assumption = assume_role::enhanced(call, &pool, verified, choice, None, None).await?;
    let credentials = external_sts::issue(call, assumption).await?;
    Ok(ContainerCredentials {
        credentials,
        role,
        identity,
    })
}
