//! The Security Token Service, 2011-06-15: one file an operation.

pub(super) mod assume_role_with_web_identity;
pub(super) mod get_caller_identity;
