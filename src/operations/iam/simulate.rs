//! Policy simulation. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Paging, refuse_members};
use crate::app::access::resource::Resource;
use crate::app::access::simulate::{
    self, MatchedStatement, SimulatedPolicy, Simulation, SimulationResult,
};
use crate::app::{Call, roles};
use crate::error::{Code, Error};
use crate::model::ids::RoleArn;
use crate::operations::{Access, Operation, Service};
use crate::policy::{Context, PolicyKind, Position};

/// Simulates the policies of a role, and names the statements that decide.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SimulatePrincipalPolicy {
    policy_source_arn: String,
    #[serde(default)]
    policy_input_list: Vec<String>,
    #[serde(default)]
    permissions_boundary_policy_input_list: Vec<String>,
    action_names: Vec<String>,
    #[serde(default)]
    resource_arns: Vec<String>,
    resource_policy: Option<String>,
    resource_owner: Option<String>,
    caller_arn: Option<String>,
    #[serde(default)]
    context_entries: Vec<ContextEntry>,
    resource_handling_option: Option<String>,
    #[serde(default)]
    policy_exclusion_list: Vec<Value>,
    marker: Option<String>,
    max_items: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContextEntry {
    context_key_name: Option<String>,
    #[serde(default)]
    context_key_values: Vec<String>,
    context_key_type: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SimulatePrincipalPolicyOutput {
    evaluation_results: Vec<EvaluationResult>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EvaluationResult {
    eval_action_name: String,
    eval_resource_name: String,
    eval_decision: &'static str,
    matched_statements: Vec<StatementOutput>,
    missing_context_values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions_boundary_decision_detail: Option<Boundary>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatementOutput {
    source_policy_id: String,
    source_policy_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_position: Option<PositionOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_position: Option<PositionOutput>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PositionOutput {
    line: usize,
    column: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Boundary {
    allowed_by_permissions_boundary: bool,
}

impl Operation for SimulatePrincipalPolicy {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = "SimulatePrincipalPolicy";
    const ACCESS: Access = Access::Signed;
    type Output = SimulatePrincipalPolicyOutput;

    fn resource(&self, _call: &Call<'_>) -> Resource {
        let role = RoleArn::parse(&self.policy_source_arn);
        role.map_or_else(Resource::any, |role| Resource::role(&role))
    }

    async fn run(self, call: &Call<'_>) -> Result<SimulatePrincipalPolicyOutput, Error> {
        let arn = RoleArn::parse(&self.policy_source_arn).ok_or_else(|| {
            let arn = &self.policy_source_arn;
            Code::InvalidInput.because(format!(
                "Invalid Entity Arn: {arn} does not clearly define entity type and name."
            ))
        })?;
        let role = roles::find_by_arn(call, &arn)?;
        let role = role.ok_or_else(|| roles::not_found(arn.name()))?;
        let mut simulation = self.simulation()?;
        simulation.add_role(&role)?;
        self.answer(call, simulation)
    }
}

impl SimulatePrincipalPolicy {
    fn simulation(&self) -> Result<Simulation, Error> {
        refuse_members(&[
            ("ResourcePolicy", self.resource_policy.is_some()),
            ("ResourceOwner", self.resource_owner.is_some()),
            ("CallerArn", self.caller_arn.is_some()),
            (
                "ResourceHandlingOption",
                self.resource_handling_option.is_some(),
            ),
            (
                "PolicyExclusionList",
                !self.policy_exclusion_list.is_empty(),
            ),
        ])?;
        let mut context = Context::default();
        for entry in &self.context_entries {
            entry.set(&mut context)?;
        }
        let bounds = &self.permissions_boundary_policy_input_list;
        let bounds = SimulatedPolicy::read_all(
            PolicyKind::Identity,
            "PermissionsBoundaryPolicyInputList",
            bounds,
        )?;
        let policies = SimulatedPolicy::read_all(
            PolicyKind::Identity,
            "PolicyInputList",
            &self.policy_input_list,
        )?;
        Ok(Simulation {
            policies,
            bounds: if bounds.is_empty() {
                Vec::new()
            } else {
                vec![bounds]
            },
            context,
        })
    }

    fn answer(
        self,
        call: &Call<'_>,
        simulation: Simulation,
    ) -> Result<SimulatePrincipalPolicyOutput, Error> {
        let mut resources = self.resource_arns;
        if resources.is_empty() {
            resources.push("*".to_owned());
        }
        let all = simulate::run(call, simulation, &self.action_names, &resources)?;
        let paging = Paging {
            marker: self.marker,
            max_items: self.max_items,
        };
        let numbered = all.into_iter().enumerate();
        let page = paging.page(numbered.map(|(at, one)| (format!("{at:06}"), one)));
        Ok(SimulatePrincipalPolicyOutput {
            evaluation_results: page.items.into_iter().map(result).collect(),
            is_truncated: page.next.is_some(),
            marker: page.next,
        })
    }
}

impl ContextEntry {
    fn set(&self, context: &mut Context) -> Result<(), Error> {
        let key = self.context_key_name.as_deref().unwrap_or_default();
        let is_list = self.context_key_type.as_deref();
        let is_list = is_list.is_some_and(|kind| kind.ends_with("List"));
        match self.context_key_values.as_slice() {
            _ if key.is_empty() => {}
            values if is_list => {
                context.set_all(key, values.iter().map(String::as_str));
                return Ok(());
            }
            [value] => {
                context.set(key, value.as_str());
                return Ok(());
            }
            _ => {}
        }
        Err(Code::InvalidInput.because(format!(
            "The context entry {key} has no name, or not one value, or is of a type that isn't a list."
        )))
    }
}

fn result(one: SimulationResult) -> EvaluationResult {
    EvaluationResult {
        eval_action_name: one.action,
        eval_resource_name: one.resource,
        eval_decision: one.outcome.name(),
        matched_statements: one.matched.into_iter().map(matched).collect(),
        missing_context_values: one.missing,
        permissions_boundary_decision_detail: one.within_bounds.map(|within| Boundary {
            allowed_by_permissions_boundary: within,
        }),
    }
}

fn matched(statement: MatchedStatement) -> StatementOutput {
    let output = |position: Position| PositionOutput {
        line: position.line,
        column: position.column,
    };
    let (start, end) = statement.position.unzip();
    StatementOutput {
        source_policy_id: statement.policy,
        source_policy_type: if statement.of_role { "role" } else { "none" },
        start_position: start.map(output),
        end_position: end.map(output),
    }
}
