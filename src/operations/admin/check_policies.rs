//! CheckPolicies.

use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::app::access::unset_keys::{self, UnsetKeyFinding};
use crate::error::Error;
use crate::operations::{Access, Operation, Service};

/// Lists the stored statements that depend on condition keys that this server never knows.
#[derive(Deserialize)]
pub(crate) struct CheckPolicies {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CheckPoliciesOutput {
    findings: Vec<FindingOutput>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FindingOutput {
    policy: String,
    statement: usize,
    key: String,
    consequence: &'static str,
}

impl Operation for CheckPolicies {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "CheckPolicies";
    const ACCESS: Access = Access::Signed;
    type Output = CheckPoliciesOutput;

    async fn run(self, call: &Call<'_>) -> Result<CheckPoliciesOutput, Error> {
        let findings = unset_keys::list(call.app)?.into_iter();
        Ok(CheckPoliciesOutput {
            findings: findings.map(output).collect(),
        })
    }
}

fn output(finding: UnsetKeyFinding) -> FindingOutput {
    FindingOutput {
        consequence: finding.consequence(),
        policy: finding.policy,
        statement: finding.statement,
        key: finding.key,
    }
}
