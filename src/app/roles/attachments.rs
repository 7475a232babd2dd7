//! The managed policies that a role uses: attached policies and the permissions boundary.

use super::{find, not_found, routed};
use crate::app::managed_policies::{self, not_attachable, write_of_use};
use crate::app::{Call, records};
use crate::error::{Code, Error};
use crate::model::iam_role::Role;
use crate::model::managed_policy::PolicyArn;
use crate::store::record::{PutOutcome, RecordWrite};

/// How many managed policies may be attached to a role.
const ATTACHED: usize = 10;

/// Attaches the managed policy with this ARN. One that is attached already is no error.
pub async fn attach(call: &Call<'_>, name: &str, arn: &str) -> Result<(), Error> {
    begin_use(call, name, arn, "Policy", |role, arn| {
        if role.attached.contains(arn) {
            return Ok(());
        }
        if role.attached.len() >= ATTACHED {
            return Err(Code::LimitExceeded.because(format!(
                "Cannot exceed quota for PoliciesPerRole: {ATTACHED}"
            )));
        }
        role.attached.push(arn.clone());
        Ok(())
    })
    .await
}

/// Detaches the managed policy with this ARN.
pub async fn detach(call: &Call<'_>, name: &str, arn: &str) -> Result<(), Error> {
    let arn = managed_policies::parse(arn)?;
    super::change(call, name, |role| {
        let at = role.attached.iter().position(|attached| *attached == arn);
        let at = at.ok_or_else(|| managed_policies::not_found(&arn))?;
        role.attached.remove(at);
        Ok(())
    })
    .await
}

/// Makes the managed policy with this ARN the permissions boundary. It replaces any other.
pub async fn set_boundary(call: &Call<'_>, name: &str, arn: &str) -> Result<(), Error> {
    begin_use(call, name, arn, BOUNDARY, |role, arn| {
        role.boundary = Some(arn.clone());
        Ok(())
    })
    .await
}

/// Removes the permissions boundary. A role without one is no error.
pub async fn remove_boundary(call: &Call<'_>, name: &str) -> Result<(), Error> {
    super::change(call, name, |role| {
        role.boundary = None;
        Ok(())
    })
    .await
}

/// IAM's word for the ARN of a permissions boundary.
const BOUNDARY: &str = "Scope ARN:";

/// Changes a role so that it uses a policy.
async fn begin_use(
    call: &Call<'_>,
    name: &str,
    arn: &str,
    what: &str,
    change: impl Fn(&mut Role, &PolicyArn) -> Result<(), Error>,
) -> Result<(), Error> {
    let arn = managed_policies::parse(arn)?;
    loop {
        let before = find(call, name)?;
        let snapshot = call.app.records.snapshot()?;
        let of_policy = write_of_use(&snapshot, &arn)?;
        let of_policy = of_policy.ok_or_else(|| not_attachable(what, &arn))?;
        let mut role = before.as_ref().clone();
        change(&mut role, &arn)?;
        if role == *before {
            return Ok(());
        }
        let mut writes = vec![RecordWrite::replace(&role, role.version)];
        writes.extend(of_policy);
        match records::put_all(call, writes).await? {
            PutOutcome::Stored(_) => {
                routed::warn(&role, &call.routes);
                return Ok(());
            }
            PutOutcome::Absent(0) => return Err(not_found(name)),
            // Whether the policy is still there is found out again.
            PutOutcome::Absent(_) | PutOutcome::Conflict(_) | PutOutcome::LimitReached(_) => {}
        }
    }
}

/// The writes that a new role's permissions boundary needs beside that of the role.
pub(super) fn of_new(call: &Call<'_>, role: &Role) -> Result<Vec<RecordWrite>, Error> {
    let Some(arn) = &role.boundary else {
        return Ok(Vec::new());
    };
    let snapshot = call.app.records.snapshot()?;
    let writes = write_of_use(&snapshot, arn)?;
    writes.ok_or_else(|| not_attachable(BOUNDARY, arn))
}
