//! Which role a sign-in gets in GetCredentialsForIdentity.

use super::sign_in::logins::Proof;
use crate::model::ids::RoleArn;
use crate::model::pool::{Pool, Roles};
use crate::model::roles::{Chosen, MappedBy, NotChosen};

/// Why there is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRole {
    /// The pool has none for this, or not that one, or the role doesn't let the identity in.
    #[error("the pool has no role for this")]
    NotConfigured,
    /// No mapping offers the role that was asked for; the role.
    #[error("no mapping offers the role {0}")]
    NotOffered(String),
    /// The mapping of this provider names no role, or several, and is to refuse that.
    #[error("the role mapping of {0} is ambiguous")]
    Ambiguous(String),
}

/// A role, and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The role.
    pub role: RoleArn,
    /// Whether only the token names it, and not the pool: then the built-in IAM must know it.
    pub by_token_alone: bool,
}

/// The role for `proofs`; for none of them, a guest's. `asked` is the role that the caller wants. Of several logins the
/// first with a mapping counts.
pub fn choose(pool: &Pool, proofs: &[Proof], asked: Option<&str>) -> Result<Choice, NoRole> {
    let roles = &pool.roles;
    let mapping = proofs.iter().find_map(|proof| {
        let keys = proof.keys.iter();
        let mut found = keys.filter_map(|key| Some((key, roles.mappings.get(key)?)));
        found.next().map(|(key, mapping)| (proof, key, mapping))
    });
    let not_offered = || NoRole::NotOffered(asked.unwrap_or_default().to_owned());
    let Some((proof, key, mapping)) = mapping else {
        return match asked {
            Some(_) => Err(not_offered()),
            None => of_pool(roles, !proofs.is_empty()),
        };
    };
    let wanted = match asked.map(RoleArn::parse) {
        Some(None) => return Err(not_offered()),
        other => other.flatten(),
    };
    match mapping.choose(&proof.claims, wanted.as_ref()) {
        Ok(Chosen::OfPool(role)) => Ok(of_pool_itself(role.clone())),
        Ok(Chosen::OfToken(role)) => Ok(Choice {
            by_token_alone: !names(roles, &role),
            role,
        }),
        Ok(Chosen::Authenticated) => of_pool(roles, true),
        Err(NotChosen::NotOffered) => Err(not_offered()),
        Err(NotChosen::Ambiguous) => Err(NoRole::Ambiguous(key.clone())),
    }
}

fn of_pool_itself(role: RoleArn) -> Choice {
    Choice {
        role,
        by_token_alone: false,
    }
}

fn of_pool(roles: &Roles, authenticated: bool) -> Result<Choice, NoRole> {
    let role = if authenticated {
        &roles.authenticated
    } else {
        &roles.unauthenticated
    };
    role.clone()
        .map(of_pool_itself)
        .ok_or(NoRole::NotConfigured)
}

/// Whether the pool names a role for whoever is signed in.
fn names(roles: &Roles, role: &RoleArn) -> bool {
    let in_rules = roles.mappings.values().any(|mapping| match &mapping.by {
        MappedBy::Rules(all) => all.iter().any(|rule| rule.role == *role),
        MappedBy::Token => false,
    });
    in_rules || roles.authenticated.as_ref() == Some(role)
}
