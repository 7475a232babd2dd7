//! The operations over HTTP, on the embedded store, in a world whose clock stands still: a module an operation, and
//! some for what all of them share.
#![expect(unreachable_pub, reason = "a test binary exports nothing")]
#![expect(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

mod service_model;
mod world;

mod access_keys;
mod access_tokens;
mod apply_configuration;
mod assume_role;
mod assume_role_with_saml;
mod assume_role_with_web_identity;
mod at_rest;
mod attacks;
mod audit;
mod catalogue;
mod ci;
mod condition_keys;
mod constraints;
mod consumers;
mod container_credentials;
mod coverage;
mod create_identity_pool;
mod credentials_duration;
mod decisions;
mod delete_identities;
mod delete_identity_pool;
mod describe_identity;
mod describe_identity_pool;
mod developer_tokens;
mod durability;
mod equal_calls;
mod expensive;
mod explain_login;
mod export_configuration;
mod front_door;
mod generations;
mod get_caller_identity;
mod get_credentials_for_identity;
mod get_id;
mod get_identity_handle;
mod get_identity_pool_roles;
mod get_identity_status;
mod get_open_id_token;
mod get_open_id_token_for_developer_identity;
mod get_pool_settings;
mod get_principal_tag_attribute_map;
mod key_changes;
mod key_files;
mod keys;
mod linking;
mod list_identities;
mod list_identity_pools;
mod list_identity_statuses;
mod list_tags_for_resource;
mod login_providers;
mod logins;
mod lookup_developer_identity;
mod managed_policies;
mod merge_developer_identities;
mod oidc_providers;
mod private_authority;
mod process;
mod provider_tags;
mod public_principals;
mod published_trust;
mod rates;
mod resources;
mod revocation;
mod role_mappings;
mod roles;
mod rotation;
mod routes;
mod saml;
mod saml_providers;
mod server_side_token_check;
mod sessions;
mod set_identity_pool_roles;
mod set_pool_settings;
mod set_principal_tag_attribute_map;
mod signatures;
mod simulate_policy;
mod slow_providers;
mod stored_data;
mod surface;
mod tag_resource;
mod tags;
mod test_issuer;
mod two_servers;
mod unlink_developer_identity;
mod unlink_identity;
mod untag_resource;
mod update_identity_pool;
