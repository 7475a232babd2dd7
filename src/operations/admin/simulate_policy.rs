//! SimulatePolicy.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::app::access::simulate::{
    self, SimulatedPolicy, Simulation, SimulationResult, of_guests,
};
use crate::app::{Call, roles};
use crate::error::Error;
use crate::operations::{Access, Operation, Service};
use crate::policy::{Context, PolicyKind};

/// Simulates the policies of a role, limited by a session policy and by the scope-down of guests, and names the statement
/// that decides.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SimulatePolicy {
    role_name: String,
    actions: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    context: IndexMap<String, String>,
    session_policy: Option<String>,
    guest: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SimulatePolicyOutput {
    results: Vec<ResultOutput>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResultOutput {
    action: String,
    resource: String,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within_bounds: Option<bool>,
    missing_keys: Vec<String>,
}

impl Operation for SimulatePolicy {
    const SERVICE: Service = Service::Cognate;
    const NAME: &'static str = "SimulatePolicy";
    const ACCESS: Access = Access::Signed;
    type Output = SimulatePolicyOutput;

    fn role_name(&self) -> Option<&str> {
        Some(&self.role_name)
    }

    async fn run(self, call: &Call<'_>) -> Result<SimulatePolicyOutput, Error> {
        let role = roles::find(call, &self.role_name)?;
        let mut simulation = Simulation::default();
        let mut context = Context::default();
        for (key, value) in &self.context {
            context.set(key, value.as_str());
        }
        simulation.context = context;
        simulation.add_role(call, &role)?;
        if let Some(text) = &self.session_policy {
            let policy =
                SimulatedPolicy::read(PolicyKind::Session, "the session policy".to_owned(), text)?;
            simulation.bounds.push(vec![policy]);
        }
        if self.guest == Some(true) {
            simulation.bounds.push(of_guests());
        }
        let mut resources = self.resources;
        if resources.is_empty() {
            resources.push("*".to_owned());
        }
        let all = simulate::run(call, simulation, &self.actions, &resources)?;
        Ok(SimulatePolicyOutput {
            results: all.into_iter().map(result).collect(),
        })
    }
}

fn result(one: SimulationResult) -> ResultOutput {
    let number = one.matched.as_ref().map(|statement| statement.number);
    let matched = one
        .matched
        .map(|statement| (statement.policy, statement.sid));
    let (policy, sid) = matched.unzip();
    ResultOutput {
        action: one.action,
        resource: one.resource,
        decision: one.outcome.name(),
        policy,
        statement: number,
        sid: sid.flatten(),
        within_bounds: one.within_bounds,
        missing_keys: one.missing,
    }
}
