//! Roles of the built-in IAM: finding and changing them (compare-and-swap on the version). Who may assume a role is in
//! [`trust_policy`], which role a login gets in [`choice`].

use std::sync::Arc;

use indexmap::IndexMap;

use super::access::resource::Resource;
use super::keys::access_keys;
use super::{App, Call, records, refusals};
use crate::credentials::access_key_id;
use crate::error::{Code, Error};
use crate::model::iam_role::{Role, key};
use crate::model::ids::RoleArn;
use crate::policy::{MAX_CHARACTERS, Policy, PolicyKind, Principal};
use crate::store::StoreError;
use crate::store::catalog::Snapshot;
use crate::store::record::{PutOutcome, RecordKind, RecordWrite};

pub mod attachments;
pub mod choice;
pub mod permissions;
pub(in crate::app) mod pins;
pub(in crate::app) mod routed;
#[cfg(test)]
mod trust_attacks;
pub mod trust_policy;

/// How many roles there may be.
const ROLES: usize = 1000;

/// The record of the role with this name, if there is one. Upper and lower case are the same.
pub fn record(call: &Call<'_>, name: &str) -> Result<Option<Arc<Role>>, StoreError> {
    let snapshot = call.app.records.snapshot()?;
    let found = snapshot.role(&key(name));
    Ok(found?.cloned())
}

/// The role with this name. Upper and lower case are the same.
pub fn find(call: &Call<'_>, name: &str) -> Result<Arc<Role>, Error> {
    let found = record(call, name)?;
    found.ok_or_else(|| not_found(name))
}

/// The role with exactly this ARN, if the built-in IAM has it.
pub fn find_by_arn(call: &Call<'_>, arn: &RoleArn) -> Result<Option<Arc<Role>>, StoreError> {
    find_in(call.app.records.snapshot()?.as_ref(), arn)
}

/// As [`find_by_arn`], in one view of the records.
pub(in crate::app) fn find_in(
    snapshot: &Snapshot,
    arn: &RoleArn,
) -> Result<Option<Arc<Role>>, StoreError> {
    let found = snapshot.role(&key(arn.name()))?;
    Ok(found.filter(|role| role.arn == *arn).cloned())
}

/// The role with this name, for authorisation. If there is no such role, its ARN without a path.
pub fn resource(call: &Call<'_>, name: &str) -> Result<Resource, StoreError> {
    if let Some(role) = record(call, name)? {
        return Ok(Resource::role(&role.arn));
    }
    let arn = RoleArn::parse(&format!(
        "arn:aws:iam::{}:role/{name}",
        call.app.config.account_id
    ));
    Ok(arn.map_or_else(Resource::any, |arn| Resource::role(&arn)))
}

/// All roles, ordered by key.
pub fn list(call: &Call<'_>) -> Result<Vec<Arc<Role>>, Error> {
    Ok(call.app.records.snapshot()?.roles().cloned().collect())
}

/// Sets the trust policy of a role, after checking it. The names of users in it mean the access keys that exist now.
pub fn set_trust(call: &Call<'_>, role: &mut Role, trust: &str) -> Result<(), Error> {
    let account = &call.app.config.account_id;
    let policy = trust_policy::read_new(call, &role.arn, trust)?;
    let mut users = IndexMap::new();
    for key in access_keys::list(call.app)? {
        let arn = Resource::user(&key.name, account).to_string();
        let mut statements = policy.statements().iter();
        // A statement about every principal names no user.
        if trust.contains(&arn) && statements.any(|one| one.is_about(Principal::Aws(&[&arn]))) {
            users.insert(arn, key.user_id());
        }
    }
    trust.clone_into(&mut role.trust);
    role.trusted_users = Some(users);
    Ok(())
}

/// A unique id for a new role.
pub fn new_id(app: &App) -> String {
    access_key_id("AROA", app.ambient.as_ref())
}

/// Adds a role, after checking its trust policy and its permissions boundary.
pub async fn add(call: &Call<'_>, mut role: Role) -> Result<(), Error> {
    let trust = role.trust.clone();
    set_trust(call, &mut role, &trust)?;
    let name = role.arn.name().to_owned();
    loop {
        let mut writes = vec![RecordWrite::add(&role, ROLES)];
        writes.extend(attachments::of_new(call, &role)?);
        match records::put_all(call, writes).await? {
            PutOutcome::Stored(_) => {
                routed::warn(&role, &call.routes);
                return Ok(());
            }
            PutOutcome::Conflict(0) | PutOutcome::Absent(0) => {
                return Err(Code::EntityAlreadyExists
                    .because(format!("Role with name {name} already exists.")));
            }
            PutOutcome::LimitReached(_) => {
                return Err(Code::LimitExceeded
                    .because(format!("Cannot exceed quota for RolesPerAccount: {ROLES}")));
            }
            // Another request changed or deleted the boundary: whether it is there is found out again.
            PutOutcome::Conflict(_) | PutOutcome::Absent(_) => {}
        }
    }
}

/// Changes the role with this name. `change` runs again whenever another request changes the role at the same time.
pub async fn change(
    call: &Call<'_>,
    name: &str,
    change: impl Fn(&mut Role) -> Result<(), Error>,
) -> Result<(), Error> {
    loop {
        let mut role = find(call, name)?.as_ref().clone();
        change(&mut role)?;
        match records::put(call, RecordWrite::replace(&role, role.version)).await? {
            PutOutcome::Stored(_) => return Ok(()),
            PutOutcome::Conflict(_) | PutOutcome::LimitReached(_) => {}
            PutOutcome::Absent(_) => return Err(not_found(name)),
        }
    }
}

/// Removes the role with this name, which must have no policies left.
pub async fn remove(call: &Call<'_>, name: &str) -> Result<(), Error> {
    loop {
        let role = find(call, name)?;
        if !role.attached.is_empty() {
            return Err(Code::DeleteConflict
                .because("Cannot delete entity, must detach all policies first."));
        }
        if !role.policies.is_empty() {
            return Err(
                Code::DeleteConflict.because("Cannot delete entity, must delete policies first.")
            );
        }
        let write = RecordWrite::delete(RecordKind::Role, role.key(), role.version);
        match records::put(call, write).await? {
            PutOutcome::Stored(_) => return Ok(()),
            PutOutcome::Conflict(_) | PutOutcome::LimitReached(_) => {}
            PutOutcome::Absent(_) => return Err(not_found(name)),
        }
    }
}

/// Puts a policy on a role. It replaces the policy with the same name.
pub fn put_policy(role: &mut Role, name: &str, document: &str) -> Result<(), Error> {
    Policy::parse_new(PolicyKind::Identity, document.as_bytes(), MAX_CHARACTERS)
        .map_err(refusals::role_policy)?;
    role.policies.insert(name.to_owned(), document.to_owned());
    let counts = |character: &char| !character.is_ascii_whitespace();
    let all = role.policies.values().flat_map(|text| text.chars());
    if all.filter(counts).count() > MAX_CHARACTERS {
        return Err(refusals::role_policies_too_long());
    }
    Ok(())
}

/// The path of a role: the part of the ARN before the name, with both slashes.
pub fn path(arn: &RoleArn) -> &str {
    let resource = arn.as_str().split_once(":role");
    let resource = resource.map_or("", |(_, resource)| resource);
    &resource[..resource.len() - arn.name().len()]
}

/// The refusal of a name that no role has.
pub fn not_found(name: &str) -> Error {
    Code::NoSuchEntity.because(format!("The role with name {name} cannot be found."))
}

/// The refusal of a policy name that the role doesn't have.
pub fn policy_not_found(name: &str) -> Error {
    Code::NoSuchEntity.because(format!("The role policy with name {name} cannot be found."))
}
