//! What a role permits: its inline policies, the managed policies that are attached, and its permissions boundary, as they
//! are now. Sessions read them at each use, so that they follow every change.

use std::sync::Arc;

use crate::app::managed_policies::lookup;
use crate::model::iam_role::Role;
use crate::model::managed_policy::{ManagedPolicy, PolicyArn};
use crate::policy::{MAX_CHARACTERS, Policy, PolicyError, PolicyKind};
use crate::store::catalog::Snapshot;

/// A policy of a role.
#[derive(Debug, Clone)]
pub enum RolePolicy<'r> {
    /// An inline policy: its name and its document.
    Inline(&'r str, &'r str),
    /// A managed policy.
    Managed(Arc<ManagedPolicy>),
}

/// The policies of a role.
#[derive(Debug)]
pub struct RolePermissions<'r> {
    /// The inline policies, and then those that are attached: any of them may allow an action.
    pub policies: Vec<RolePolicy<'r>>,
    /// The permissions boundary: it must allow the action, too.
    pub boundary: Option<RolePolicy<'r>>,
}

/// Why a role permits nothing.
#[derive(Debug, thiserror::Error)]
pub enum NoPermissions {
    /// A managed policy that the role uses isn't there, or its record can't be read.
    #[error("the managed policy {0} is missing, or can't be read")]
    Missing(PolicyArn),
    /// A document can't be parsed, and might contain a deny.
    #[error("the policy {name} can't be parsed")]
    Unparsable {
        /// The policy's name.
        name: String,
        /// The cause.
        #[source]
        source: PolicyError,
    },
}

impl RolePolicy<'_> {
    /// The policy's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Inline(name, _) => name,
            Self::Managed(policy) => policy.arn.name(),
        }
    }

    /// The document; empty in a damaged record, which is no policy.
    pub fn document(&self) -> &str {
        match self {
            Self::Inline(_, document) => document,
            Self::Managed(policy) => policy.document().unwrap_or_default(),
        }
    }

    /// The policy, parsed.
    pub fn parse(&self) -> Result<Policy, NoPermissions> {
        let text = self.document().as_bytes();
        Policy::parse(PolicyKind::Identity, text, MAX_CHARACTERS).map_err(|source| {
            NoPermissions::Unparsable {
                name: self.name().to_owned(),
                source,
            }
        })
    }
}

/// The policies of a role in one view of the records.
pub(in crate::app) fn of_role<'r>(
    snapshot: &Snapshot,
    role: &'r Role,
) -> Result<RolePermissions<'r>, NoPermissions> {
    let managed = |arn: &PolicyArn| match lookup(snapshot, arn) {
        Ok(Some(policy)) => Ok(RolePolicy::Managed(policy)),
        Ok(None) | Err(_) => Err(NoPermissions::Missing(arn.clone())),
    };
    let inline = role.policies.iter();
    let inline = inline.map(|(name, text)| Ok(RolePolicy::Inline(name, text)));
    let policies = inline.chain(role.attached.iter().map(managed));
    Ok(RolePermissions {
        policies: policies.collect::<Result<_, _>>()?,
        boundary: role.boundary.as_ref().map(managed).transpose()?,
    })
}
