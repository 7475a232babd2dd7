//! Amazon Cognito Identity, 2014-06-30: one file an operation.

pub(super) mod create_identity_pool;
pub(super) mod delete_identities;
pub(super) mod delete_identity_pool;
pub(super) mod describe_identity;
pub(super) mod describe_identity_pool;
pub(super) mod get_credentials_for_identity;
pub(super) mod get_id;
pub(super) mod get_identity_pool_roles;
pub(super) mod get_open_id_token;
pub(super) mod get_open_id_token_for_developer_identity;
pub(super) mod get_principal_tag_attribute_map;
mod identity_description;
pub(super) mod list_identities;
pub(super) mod list_identity_pools;
pub(super) mod list_tags_for_resource;
pub(super) mod lookup_developer_identity;
pub(super) mod merge_developer_identities;
pub(super) mod pages;
pub(super) mod pool_members;
mod role_mappings;
pub(super) mod set_identity_pool_roles;
pub(super) mod set_principal_tag_attribute_map;
pub(super) mod tag_resource;
mod tagging;
pub(super) mod unlink_developer_identity;
pub(super) mod unlink_identity;
pub(super) mod untag_resource;
pub(super) mod update_identity_pool;

use indexmap::IndexMap;

use crate::app::Call;
use crate::app::access::resource::Resource;
use crate::model::ids::PoolId;

/// The `Logins` of a request, in its order: tokens by provider.
type Logins = IndexMap<String, String>;

/// The pool that a request names, for authorisation.
pub(super) fn pool_resource(call: &Call<'_>, pool_id: &str) -> Resource {
    let account = &call.app.config.account_id;
    PoolId::parse(pool_id).map_or_else(Resource::any, |id| Resource::pool(&id, account))
}
