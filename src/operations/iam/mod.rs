//! Identity and Access Management, 2010-05-08: one file a resource.

pub(super) mod oidc_providers;
pub(super) mod saml_providers;
