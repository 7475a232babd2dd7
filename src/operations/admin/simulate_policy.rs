//! SimulatePolicy.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::app::Call;
use crate::app::simulate::{Named, Simulated, Simulation, of_guests};
use crate::error::Error;
use crate::operations::{Access, Operation, Service};
use crate::policy::{Context, PolicyKind};

/// Tells what sessions of a role may do, and which statement decides; as far as a session policy and the scope-down of
/// guests leave it.
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
    results: Vec<SimulationResult>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SimulationResult {
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
        let role = call.role(&self.role_name).await?;
        let mut simulation = Simulation::default();
        let mut context = Context::default();
        for (key, value) in &self.context {
            context.set(key, value.as_str());
        }
        simulation.context = context;
        simulation.add_role(&role)?;
        if let Some(text) = &self.session_policy {
            let policy = Named::read(PolicyKind::Session, "the session policy".to_owned(), text)?;
            simulation.bounds.push(vec![policy]);
        }
        if self.guest == Some(true) {
            simulation.bounds.push(of_guests());
        }
        let mut resources = self.resources;
        if resources.is_empty() {
            resources.push("*".to_owned());
        }
        let all = call.simulate(simulation, &self.actions, &resources)?;
        Ok(SimulatePolicyOutput {
            results: all.into_iter().map(result).collect(),
        })
    }
}

fn result(one: Simulated) -> SimulationResult {
    let number = one.by.as_ref().map(|by| by.number);
    let (policy, sid) = one.by.map(|by| (by.policy, by.sid)).unzip();
    SimulationResult {
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
