//! The role of a sign-in in GetCredentialsForIdentity.

use crate::app::sign_in::logins::Proof;
use crate::model::ids::RoleArn;
use crate::model::pool::{Pool, Roles};
use crate::model::roles::{Chosen, MappedBy, NotChosen, RoleMapping};

/// Why a sign-in gets no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRole {
    /// The pool names no role for the sign-in, or the role doesn't trust the identity.
    #[error("the pool has no role for this")]
    NotConfigured,
    /// No role mapping offers the role that the caller asked for, which the variant holds.
    #[error("no mapping offers the role {0}")]
    NotOffered(String),
    /// The role mapping of this provider matches no role, or several, and is configured to deny then.
    #[error("the role mapping of {0} is ambiguous")]
    Ambiguous(String),
}

/// A chosen role, and the authority that named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleChoice {
    /// The role.
    pub role: RoleArn,
    /// Whether only the token names the role, and not the pool: then the built-in IAM must have it.
    pub by_token_alone: bool,
}

/// Chooses the role for `proofs`, or for a guest if there are none. `asked` is the role that the caller asks for. The
/// first login with a role mapping decides.
pub fn choose(pool: &Pool, proofs: &[Proof], asked: Option<&str>) -> Result<RoleChoice, NoRole> {
    let roles = &pool.roles;
    let not_offered = || NoRole::NotOffered(asked.unwrap_or_default().to_owned());
    let Some((proof, key, mapping)) = mapping(pool, proofs) else {
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
        Ok(Chosen::OfToken(role)) => Ok(RoleChoice {
            by_token_alone: !names(roles, &role),
            role,
        }),
        Ok(Chosen::Authenticated) => of_pool(roles, true),
        Err(NotChosen::NotOffered) => Err(not_offered()),
        Err(NotChosen::Ambiguous) => Err(NoRole::Ambiguous(key.clone())),
    }
}

/// Chooses the role with this name: the role that the pool gives without being asked, or one that the role mapping offers.
/// `None` asks for no role. A name that two of them have is refused.
pub fn choose_named(
    pool: &Pool,
    proofs: &[Proof],
    name: Option<&str>,
) -> Result<RoleChoice, NoRole> {
    let usual = choose(pool, proofs, None);
    let Some(name) = name else { return usual };
    let usual = usual.ok().filter(|choice| choice.role.name() == name);
    let mut found: Vec<_> = usual.iter().map(|choice| choice.role.clone()).collect();
    let offered = mapping(pool, proofs).map(|(proof, _, mapping)| mapping.offered(&proof.claims));
    for role in offered.into_iter().flatten() {
        if role.name() == name && !found.contains(&role) {
            found.push(role);
        }
    }
    match (found.as_slice(), usual) {
        ([_], Some(usual)) => Ok(usual),
        ([role], None) => choose(pool, proofs, Some(role.as_str())),
        _ => Err(NoRole::NotOffered(name.to_owned())),
    }
}

/// The first role mapping that applies to a login, with the login and the mapping's key.
fn mapping<'p>(
    pool: &'p Pool,
    proofs: &'p [Proof],
) -> Option<(&'p Proof, &'p String, &'p RoleMapping)> {
    proofs.iter().find_map(|proof| {
        let keys = proof.keys.iter();
        let mut found = keys.filter_map(|key| Some((key, pool.roles.mappings.get(key)?)));
        found.next().map(|(key, mapping)| (proof, key, mapping))
    })
}

fn of_pool_itself(role: RoleArn) -> RoleChoice {
    RoleChoice {
        role,
        by_token_alone: false,
    }
}

fn of_pool(roles: &Roles, authenticated: bool) -> Result<RoleChoice, NoRole> {
    let role = if authenticated {
        &roles.authenticated
    } else {
        &roles.unauthenticated
    };
    role.clone()
        .map(of_pool_itself)
        .ok_or(NoRole::NotConfigured)
}

/// Whether the pool itself names a role for authenticated identities.
fn names(roles: &Roles, role: &RoleArn) -> bool {
    let in_rules = roles.mappings.values().any(|mapping| match &mapping.by {
        MappedBy::Rules(all) => all.iter().any(|rule| rule.role == *role),
        MappedBy::Token => false,
    });
    in_rules || roles.authenticated.as_ref() == Some(role)
}
