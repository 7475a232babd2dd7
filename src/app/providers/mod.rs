//! Login providers of pools: the records of registered providers, and the secrets of pools' apps.

pub mod consumer_secrets;
pub mod saml_identity;
