//! Resources: the names that authorisation decides about.

use std::fmt;

use crate::model::ids::{AccountId, OidcProviderArn, PoolId, Region, RoleArn, SamlProviderArn};
use crate::model::managed_policy::PolicyArn;

/// The canonical name of what an action acts on. It is made of parsed ids only, so that a policy decides about the name
/// under which the operation finds its object, whatever the request spells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource(String);

impl Resource {
    /// All resources, `*`: for an action without a resource of its own, and for input that isn't the name of anything.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// An identity pool of `account`.
    pub fn pool(id: &PoolId, account: &AccountId) -> Self {
        Self(id.arn(account))
    }

    /// The identity pools of a region.
    pub fn pools(region: &Region, account: &AccountId) -> Self {
        Self(format!(
            "arn:aws:cognito-identity:{region}:{account}:identitypool/"
        ))
    }

    /// A role.
    pub fn role(arn: &RoleArn) -> Self {
        Self(arn.to_string())
    }

    /// A managed policy.
    pub fn managed_policy(arn: &PolicyArn) -> Self {
        Self(arn.to_string())
    }

    /// The roles of `account` below `path`; all resources if `path` can't be the beginning of a role's path.
    pub fn roles_below(path: &str, account: &AccountId) -> Self {
        let of_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=,.@-".contains(&byte);
        if path.starts_with('/') && !path.contains("//") && path.bytes().all(of_path) {
            Self(format!("arn:aws:iam::{account}:role{path}"))
        } else {
            Self::any()
        }
    }

    /// An OpenID Connect provider.
    pub fn oidc_provider(arn: &OidcProviderArn) -> Self {
        Self(arn.to_string())
    }

    /// A SAML provider.
    pub fn saml_provider(arn: &SamlProviderArn) -> Self {
        Self(arn.to_string())
    }

    /// The user that the access key with this name signs as. The service model checks the characters of names.
    pub fn user(name: &str, account: &AccountId) -> Self {
        Self(format!("arn:aws:iam::{account}:user/{name}"))
    }

    /// The account as a whole.
    pub fn account(account: &AccountId) -> Self {
        Self(format!("arn:aws:iam::{account}:root"))
    }

    /// The name, as policies are evaluated on it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_a_path_names_roles() {
        let account = AccountId::parse("123456789012").unwrap();
        let named = |path: &str| Resource::roles_below(path, &account).to_string();
        assert_eq!(named("/"), "arn:aws:iam::123456789012:role/");
        assert_eq!(named("/te"), "arn:aws:iam::123456789012:role/te");
        for path in ["", "team", "//", "/a b", "/*", "/é"] {
            assert_eq!(named(path), "*", "{path}");
        }
    }
}
