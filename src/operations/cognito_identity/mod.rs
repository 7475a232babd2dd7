//! Amazon Cognito Identity, 2014-06-30: one file an operation.

pub(super) mod create_identity_pool;
pub(super) mod delete_identity_pool;
pub(super) mod describe_identity;
pub(super) mod describe_identity_pool;
pub(super) mod get_credentials_for_identity;
pub(super) mod get_id;
pub(super) mod get_identity_pool_roles;
pub(super) mod get_open_id_token;
pub(super) mod list_identity_pools;
mod pool_members;
pub(super) mod set_identity_pool_roles;
pub(super) mod update_identity_pool;

use indexmap::IndexMap;

use crate::app::Call;
use crate::model::ids::Region;

/// The `Logins` of a request, in its order: tokens by provider.
type Logins = IndexMap<String, String>;

/// The ARN of a pool that a request names, for authorisation.
fn pool_arn(call: &Call<'_>, pool_id: &str) -> String {
    let region = call.region.as_ref().map_or("", Region::as_str);
    let account = &call.app.config.account_id;
    format!("arn:aws:cognito-identity:{region}:{account}:identitypool/{pool_id}")
}
