//! Login providers: the records of registered providers, the secrets of pools' apps, and the users of SAML responses.

pub mod consumer_secrets;
pub mod oidc;
pub mod saml;
pub mod saml_identity;
pub mod saml_keys;
