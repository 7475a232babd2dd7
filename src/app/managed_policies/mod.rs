//! Managed policies: finding and changing them (compare-and-swap on the version). Which roles use them is in the roles'
//! records. A change of a role that begins to use a policy also writes the policy's record, unchanged, so that it and a
//! deletion of the policy at the same time, also by another server, can't both succeed.

use std::collections::HashMap;
use std::sync::Arc;

use super::{App, Call, records, refusals};
use crate::credentials::access_key_id;
use crate::error::{Code, Error};
use crate::model::iam_role::Role;
use crate::model::managed_policy::{MOST_VERSIONS, ManagedPolicy, PolicyArn, key};
use crate::policy::{Policy, PolicyKind};
use crate::store::StoreError;
use crate::store::catalog::{Snapshot, Unreadable};
use crate::store::record::{PutOutcome, RecordKind, RecordWrite};

pub mod of_aws;

/// How many managed policies there may be.
const POLICIES: usize = 1500;

/// The most characters of a document, without white space.
const CHARACTERS: usize = 6144;

/// How many roles use a policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PolicyUsage {
    /// The roles that it is attached to.
    pub attachments: usize,
    /// The roles that have it as their permissions boundary.
    pub boundaries: usize,
}

/// The policy with exactly this ARN, of this server or of AWS.
pub(in crate::app) fn lookup(
    snapshot: &Snapshot,
    arn: &PolicyArn,
) -> Result<Option<Arc<ManagedPolicy>>, Unreadable> {
    let found = if arn.is_of_aws() {
        of_aws::all().iter().find(|policy| policy.arn == *arn)
    } else {
        snapshot.managed_policy(&key(arn))?
    };
    Ok(found.filter(|policy| policy.arn == *arn).cloned())
}

/// The record of the policy with this ARN, if there is one.
pub fn record(call: &Call<'_>, arn: &PolicyArn) -> Result<Option<Arc<ManagedPolicy>>, StoreError> {
    let snapshot = call.app.records.snapshot()?;
    Ok(lookup(&snapshot, arn)?)
}

/// The policy with this ARN.
pub fn find(call: &Call<'_>, arn: &str) -> Result<Arc<ManagedPolicy>, Error> {
    let parsed = parse(arn)?;
    let found = record(call, &parsed)?;
    found.ok_or_else(|| not_found(&parsed))
}

/// The policy of this server with this name, whatever its path, if there is one.
pub fn named(call: &Call<'_>, name: &str) -> Result<Option<Arc<ManagedPolicy>>, StoreError> {
    let snapshot = call.app.records.snapshot()?;
    let found = snapshot.managed_policy(&name.to_ascii_lowercase());
    Ok(found?.cloned())
}

/// The policies of this server, ordered by key.
pub fn list(call: &Call<'_>) -> Result<Vec<Arc<ManagedPolicy>>, Error> {
    let snapshot = call.app.records.snapshot()?;
    Ok(snapshot.managed_policies().cloned().collect())
}

/// An ARN in a request.
pub fn parse(arn: &str) -> Result<PolicyArn, Error> {
    PolicyArn::parse(arn).ok_or_else(|| {
        let shown: String = arn.chars().filter(|one| !one.is_control()).collect();
        Code::InvalidInput.because(format!("ARN {shown} is not valid."))
    })
}

/// How many roles use each policy.
pub fn usage(call: &Call<'_>) -> Result<HashMap<PolicyArn, PolicyUsage>, StoreError> {
    let snapshot = call.app.records.snapshot()?;
    let mut all: HashMap<PolicyArn, PolicyUsage> = HashMap::new();
    for role in snapshot.roles() {
        for arn in &role.attached {
            all.entry(arn.clone()).or_default().attachments += 1;
        }
        if let Some(arn) = &role.boundary {
            all.entry(arn.clone()).or_default().boundaries += 1;
        }
    }
    Ok(all)
}

/// A unique id for a new policy.
pub fn new_id(app: &App) -> String {
    access_key_id("ANPA", app.ambient.as_ref())
}

/// Checks a document that is to be a version of a managed policy.
pub fn check_document(document: &str) -> Result<(), Error> {
    Policy::parse_new(PolicyKind::Identity, document.as_bytes(), CHARACTERS)
        .map(drop)
        .map_err(refusals::managed_policy)
}

/// Adds a policy. The caller checks its document.
pub async fn add(call: &Call<'_>, policy: &ManagedPolicy) -> Result<(), Error> {
    match records::put(call, RecordWrite::add(policy, POLICIES)).await? {
        PutOutcome::Stored(_) => Ok(()),
        PutOutcome::Conflict(_) | PutOutcome::Absent(_) => {
            Err(Code::EntityAlreadyExists.because(format!(
                "A policy called {} already exists. Duplicate names are not allowed.",
                policy.arn.name()
            )))
        }
        PutOutcome::LimitReached(_) => Err(Code::LimitExceeded.because(format!(
            "Cannot exceed quota for PoliciesPerAccount: {POLICIES}"
        ))),
    }
}

/// Changes the policy with this ARN, and returns it as it is then. `change` runs again whenever another request changes the
/// policy at the same time.
pub async fn change(
    call: &Call<'_>,
    arn: &str,
    change: impl Fn(&mut ManagedPolicy) -> Result<(), Error>,
) -> Result<ManagedPolicy, Error> {
    loop {
        let found = find(call, arn)?;
        refuse_of_aws(&found.arn)?;
        let mut policy = found.as_ref().clone();
        change(&mut policy)?;
        match records::put(call, RecordWrite::replace(&policy, policy.version)).await? {
            PutOutcome::Stored(_) => return Ok(policy),
            PutOutcome::Conflict(_) | PutOutcome::LimitReached(_) => {}
            PutOutcome::Absent(_) => return Err(not_found(&policy.arn)),
        }
    }
}

/// Adds a version to the policy with this ARN, and puts it into force if it is the default.
pub async fn add_version(
    call: &Call<'_>,
    arn: &str,
    document: &str,
    is_default: bool,
) -> Result<ManagedPolicy, Error> {
    check_document(document)?;
    change(call, arn, |policy| {
        if policy.versions.len() >= MOST_VERSIONS {
            return Err(Code::LimitExceeded.because(format!(
                "A managed policy can have up to {MOST_VERSIONS} versions. Before you create a new version, you must \
                 delete an existing version."
            )));
        }
        policy.add_version(document, is_default, call.now);
        Ok(())
    })
    .await
}

/// Puts the version with this id into force.
pub async fn set_default(call: &Call<'_>, arn: &str, id: &str) -> Result<(), Error> {
    change(call, arn, |policy| {
        let version = policy.find_version(id);
        let version = version.ok_or_else(|| version_not_found(&policy.arn, id))?;
        policy.default_version = version.number;
        policy.updated = call.now;
        Ok(())
    })
    .await
    .map(drop)
}

/// Removes the version with this id, which must not be in force.
pub async fn remove_version(call: &Call<'_>, arn: &str, id: &str) -> Result<(), Error> {
    change(call, arn, |policy| {
        let version = policy.find_version(id);
        let version = version.ok_or_else(|| version_not_found(&policy.arn, id))?;
        let number = version.number;
        if number == policy.default_version {
            return Err(
                Code::DeleteConflict.because("Cannot delete the default version of a policy.")
            );
        }
        policy.versions.retain(|version| version.number != number);
        Ok(())
    })
    .await
    .map(drop)
}

/// Removes the policy with this ARN. No role may use it, and it may have one version only.
pub async fn remove(call: &Call<'_>, arn: &str) -> Result<(), Error> {
    let arn = parse(arn)?;
    loop {
        let snapshot = call.app.records.snapshot()?;
        let policy = lookup(&snapshot, &arn).map_err(StoreError::from)?;
        let policy = policy.ok_or_else(|| not_found(&arn))?;
        refuse_of_aws(&arn)?;
        // A role that can't be read may use the policy.
        let readable = snapshot.check_readable(RecordKind::Role);
        readable.map_err(StoreError::from)?;
        if snapshot.roles().any(|role| uses(role, &arn)) {
            return Err(
                Code::DeleteConflict.because("Cannot delete a policy attached to entities.")
            );
        }
        if policy.versions.len() > 1 {
            return Err(Code::DeleteConflict.because(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                 versions. The default version is deleted with the policy.",
            ));
        }
        let write = RecordWrite::delete(RecordKind::ManagedPolicy, policy.key(), policy.version);
        match records::put(call, write).await? {
            PutOutcome::Stored(_) => return Ok(()),
            PutOutcome::Conflict(_) | PutOutcome::LimitReached(_) => {}
            PutOutcome::Absent(_) => return Err(not_found(&arn)),
        }
    }
}

fn uses(role: &Role, arn: &PolicyArn) -> bool {
    role.attached.contains(arn) || role.boundary.as_ref() == Some(arn)
}

/// The write that a change which makes a role use this policy needs beside that of the role. Only a policy of this server
/// needs one. `None` if there is no such policy.
pub(in crate::app) fn write_of_use(
    snapshot: &Snapshot,
    arn: &PolicyArn,
) -> Result<Option<Vec<RecordWrite>>, StoreError> {
    let found = lookup(snapshot, arn)?;
    Ok(found.map(|policy| {
        if arn.is_of_aws() {
            Vec::new()
        } else {
            vec![RecordWrite::replace(policy.as_ref(), policy.version)]
        }
    }))
}

fn refuse_of_aws(arn: &PolicyArn) -> Result<(), Error> {
    if arn.is_of_aws() {
        return Err(Code::InvalidInput.because(format!(
            "Policy {arn} is managed by AWS and can't be changed: create a policy of your own with CreatePolicy."
        )));
    }
    Ok(())
}

/// The refusal of an ARN that no policy has.
pub fn not_found(arn: &PolicyArn) -> Error {
    Code::NoSuchEntity.because(format!("Policy {arn} was not found.{}", hint(arn)))
}

/// The refusal of an ARN that no policy has which could be attached; `what` is IAM's word for the ARN's purpose.
pub(in crate::app) fn not_attachable(what: &str, arn: &PolicyArn) -> Error {
    Code::NoSuchEntity.because(format!(
        "{what} {arn} does not exist or is not attachable.{}",
        hint(arn)
    ))
}

/// The refusal of a version that the policy doesn't have.
pub fn version_not_found(arn: &PolicyArn, id: &str) -> Error {
    Code::NoSuchEntity.because(format!(
        "Policy {arn} version {id} does not exist or is not attachable."
    ))
}

/// The sentence for a policy of AWS that this server doesn't have.
fn hint(arn: &PolicyArn) -> String {
    if arn.is_of_aws() {
        format!(
            " Of the policies that AWS manages, this server has {}. For others, create a policy with CreatePolicy.",
            of_aws::names()
        )
    } else {
        String::new()
    }
}
