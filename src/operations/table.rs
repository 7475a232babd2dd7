//! The whole API on one page.

use super::cognito_identity as identity;
use super::{Entry, admin, entry, iam, sts};

/// Every operation, by service and name.
pub static ALL: &[Entry] = &[
    entry::<identity::create_identity_pool::CreateIdentityPool>(),
    entry::<identity::delete_identities::DeleteIdentities>(),
    entry::<identity::delete_identity_pool::DeleteIdentityPool>(),
    entry::<identity::describe_identity::DescribeIdentity>(),
    entry::<identity::describe_identity_pool::DescribeIdentityPool>(),
    entry::<identity::get_credentials_for_identity::GetCredentialsForIdentity>(),
    entry::<identity::get_id::GetId>(),
    entry::<identity::get_identity_pool_roles::GetIdentityPoolRoles>(),
    entry::<identity::get_open_id_token::GetOpenIdToken>(),
    entry::<identity::get_open_id_token_for_developer_identity::GetOpenIdTokenForDeveloperIdentity>(
    ),
    entry::<identity::get_principal_tag_attribute_map::GetPrincipalTagAttributeMap>(),
    entry::<identity::list_identities::ListIdentities>(),
    entry::<identity::list_identity_pools::ListIdentityPools>(),
    entry::<identity::list_tags_for_resource::ListTagsForResource>(),
    entry::<identity::lookup_developer_identity::LookupDeveloperIdentity>(),
    entry::<identity::merge_developer_identities::MergeDeveloperIdentities>(),
    entry::<identity::set_identity_pool_roles::SetIdentityPoolRoles>(),
    entry::<identity::set_principal_tag_attribute_map::SetPrincipalTagAttributeMap>(),
    entry::<identity::tag_resource::TagResource>(),
    entry::<identity::unlink_developer_identity::UnlinkDeveloperIdentity>(),
    entry::<identity::unlink_identity::UnlinkIdentity>(),
    entry::<identity::untag_resource::UntagResource>(),
    entry::<identity::update_identity_pool::UpdateIdentityPool>(),
    entry::<sts::assume_role_with_web_identity::AssumeRoleWithWebIdentity>(),
    entry::<sts::get_caller_identity::GetCallerIdentity>(),
    entry::<iam::oidc_providers::AddClientIDToOpenIDConnectProvider>(),
    entry::<iam::oidc_providers::CreateOpenIDConnectProvider>(),
    entry::<iam::oidc_providers::DeleteOpenIDConnectProvider>(),
    entry::<iam::oidc_providers::GetOpenIDConnectProvider>(),
    entry::<iam::oidc_providers::ListOpenIDConnectProviders>(),
    entry::<iam::oidc_providers::RemoveClientIDFromOpenIDConnectProvider>(),
    entry::<iam::oidc_providers::UpdateOpenIDConnectProviderThumbprint>(),
    entry::<admin::create_access_key::CreateAccessKey>(),
    entry::<admin::delete_access_key::DeleteAccessKey>(),
    entry::<admin::explain_login::ExplainLogin>(),
    entry::<admin::list_access_keys::ListAccessKeys>(),
    entry::<admin::list_keys::ListKeys>(),
    entry::<admin::rotate_keys::RotateKeys>(),
    entry::<admin::rotate_root_key::RotateRootKey>(),
    entry::<admin::update_access_key::UpdateAccessKey>(),
];
