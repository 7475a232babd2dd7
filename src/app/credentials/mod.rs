//! Temporary credentials: how a caller assumes a role, with a token of this server, of another issuer or with a SAML
//! response, at the built-in STS or at another one.

pub mod assume_role;
pub mod explain;
pub mod external_sts;
pub mod lifetime;
pub mod open_id_token;
mod public_provider;
pub mod session_policies;
pub mod web_identity;
