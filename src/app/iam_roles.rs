//! Roles of the built-in IAM: finding and changing them. What their policies say is for those who give roles and ask what
//! sessions may do.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Call;
use super::trust::{self, TrustError};
use crate::credentials::access_key_id;
use crate::model::iam_role::{Role, key};
use crate::model::ids::RoleArn;
use crate::policy::{MAX_CHARACTERS, Policy, PolicyError, PolicyKind};
use crate::store::{Added, Replaced, StoreError};

/// How many tags a role may have.
pub const TAGS: usize = 50;

/// How many roles there may be.
pub const ROLES: usize = 1000;

/// Why a role can't be found or changed.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// No role has this name.
    #[error("no such role")]
    NoRole(String),
    /// The role has no policy with this name.
    #[error("no such policy")]
    NoPolicy(String),
    /// There is a role with this name.
    #[error("a role has this name")]
    Exists(String),
    /// There are [`ROLES`].
    #[error("too many roles")]
    TooMany,
    /// It still has policies.
    #[error("the role still has policies")]
    HasPolicies,
    /// Its trust policy isn't taken.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A policy is none.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Its policies are longer than they may be, all together.
    #[error("the policies of the role are longer than {MAX_CHARACTERS} characters together")]
    PoliciesTooLong,
    /// It would have more than [`TAGS`] tags.
    #[error("too many tags")]
    TooManyTags,
    /// The store can't do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Call<'_> {
    /// The role with this name, whatever the case of its letters.
    pub async fn role(&self, name: &str) -> Result<Arc<Role>, RoleError> {
        let found = self.app.store.role(&key(name)).await?;
        found.ok_or_else(|| RoleError::NoRole(name.to_owned()))
    }

    /// The role with exactly this ARN, if the built-in IAM knows it.
    pub async fn known_role(&self, arn: &RoleArn) -> Result<Option<Arc<Role>>, StoreError> {
        let found = self.app.store.role(&key(arn.name())).await?;
        Ok(found.filter(|role| role.arn == *arn))
    }

    /// The ARN of the role with this name; of one that isn't there, the ARN that it would have without a path.
    pub async fn role_arn(&self, name: &str) -> Result<String, StoreError> {
        let found = self.app.store.role(&key(name)).await?;
        Ok(match found {
            Some(role) => role.arn.to_string(),
            None => format!("arn:aws:iam::{}:role/{name}", self.app.config.account_id),
        })
    }

    /// A unique id for a new role.
    pub fn new_role_id(&self) -> String {
        access_key_id("AROA", self.app.ambient.as_ref())
    }

    /// Adds a role whose policies were read.
    pub async fn add_role(&self, role: Role) -> Result<(), RoleError> {
        trust::read(&role.trust, &self.app.config.account_id)?;
        let name = role.arn.name().to_owned();
        match self.app.store.add_role(role, ROLES).await? {
            Added::Added => Ok(()),
            Added::Exists => Err(RoleError::Exists(name)),
            Added::LimitReached => Err(RoleError::TooMany),
        }
    }

    /// Changes the role with this name, whatever else changes it meanwhile; `change` may be asked more than once.
    pub async fn change_role(
        &self,
        name: &str,
        change: impl Fn(&mut Role) -> Result<(), RoleError>,
    ) -> Result<(), RoleError> {
        loop {
            let mut role = self.role(name).await?.as_ref().clone();
            change(&mut role)?;
            role.version += 1;
            match self.app.store.replace_role(role).await? {
                Replaced::Replaced => return Ok(()),
                Replaced::Changed => {}
                Replaced::Absent => return Err(RoleError::NoRole(name.to_owned())),
            }
        }
    }

    /// Removes the role with this name, which has no policies any more.
    pub async fn remove_role(&self, name: &str) -> Result<(), RoleError> {
        loop {
            let role = self.role(name).await?;
            if !role.policies.is_empty() {
                return Err(RoleError::HasPolicies);
            }
            let store = &self.app.store;
            match store.remove_role(&role.key(), role.version).await? {
                Replaced::Replaced => return Ok(()),
                Replaced::Changed => {}
                Replaced::Absent => return Err(RoleError::NoRole(name.to_owned())),
            }
        }
    }
}

/// Puts a policy on a role, in the place of the one with its name.
pub fn put_policy(role: &mut Role, name: &str, document: &str) -> Result<(), RoleError> {
    Policy::parse(PolicyKind::Identity, document.as_bytes(), MAX_CHARACTERS)?;
    role.policies.insert(name.to_owned(), document.to_owned());
    let counts = |character: &char| !character.is_ascii_whitespace();
    let all = role.policies.values().flat_map(|text| text.chars());
    if all.filter(counts).count() > MAX_CHARACTERS {
        return Err(RoleError::PoliciesTooLong);
    }
    Ok(())
}

/// Gives a role tags; those that it has under the same keys are replaced.
pub fn add_tags(role: &mut Role, tags: IndexMap<String, String>) -> Result<(), RoleError> {
    role.tags.extend(tags);
    if role.tags.len() > TAGS {
        return Err(RoleError::TooManyTags);
    }
    Ok(())
}
