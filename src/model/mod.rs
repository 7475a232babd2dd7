//! Plain records, checked ids, and the pure rules (the owner of a login, the choice of a role). No I/O, clock or store.

pub mod access_key;
pub mod access_key_uses;
pub mod aws_profile;
pub mod credentials_duration;
pub mod deployment;
pub mod guest_key;
pub mod iam_role;
pub mod identity;
pub mod ids;
pub mod issuer;
pub mod json;
pub mod key_ring;
pub mod login_client;
pub mod managed_policy;
pub mod merge;
pub mod origin;
pub mod pool;
pub mod principal_tags;
pub mod private_network;
pub mod provider;
pub mod role_pattern;
pub mod roles;
pub mod root_key;
pub mod seed;
pub mod sign_in;
pub mod tags;
