//! Registered login providers: one file a kind.

pub mod oidc;
pub mod saml;
