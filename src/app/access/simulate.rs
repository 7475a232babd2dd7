//! Policy simulation: what policies would decide, and by which statement. It uses the evaluator of authorisation, and
//! answers no request.

use std::collections::BTreeSet;

use crate::app::Call;
use crate::app::credentials::session_policies::{OF_GUESTS, texts_of};
use crate::app::roles::permissions::{self, RolePolicy};
use crate::error::{Code, Error};
use crate::model::iam_role::Role;
use crate::policy::{
    AccessDecision, AccessRequest, Context, MAX_CHARACTERS, Policy, PolicyKind, Position,
    Statement, evaluate, position_of,
};

/// How many results one simulation may have: actions times resources.
const MOST: usize = 10_000;

/// A policy with an id for the results.
#[derive(Debug)]
pub struct SimulatedPolicy {
    /// The id: the name of a role's inline or managed policy, or a number.
    pub id: String,
    /// Whether it is a policy of the role.
    pub of_role: bool,
    text: String,
    policy: Policy,
}

/// The input of a simulation: the policies of a role and further policies, limited by each of the bounds.
#[derive(Debug, Default)]
pub struct Simulation {
    /// The policies, of which any may allow an action.
    pub policies: Vec<SimulatedPolicy>,
    /// The bounds: in each of them, a policy must allow the action.
    pub bounds: Vec<Vec<SimulatedPolicy>>,
    /// The condition keys.
    pub context: Context,
}

/// The result for one action on one resource.
#[derive(Debug, PartialEq, Eq)]
pub struct SimulationResult {
    /// The action, as in the request.
    pub action: String,
    /// The resource, as in the request.
    pub resource: String,
    /// The decision of all policies together.
    pub outcome: SimulationOutcome,
    /// The statement that decided; `None` if no statement allows the action.
    pub matched: Option<MatchedStatement>,
    /// Whether every bound allows the action; `None` without bounds.
    pub within_bounds: Option<bool>,
    /// The condition keys that the context lacks, in lower case.
    pub missing: Vec<String>,
}

/// The decision of policies, in the terms of IAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimulationOutcome {
    /// The action is allowed.
    Allowed,
    /// A statement denies the action.
    ExplicitDeny,
    /// No statement allows the action, or a bound doesn't.
    ImplicitDeny,
}

impl SimulationOutcome {
    /// The name that IAM uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ExplicitDeny => "explicitDeny",
            Self::ImplicitDeny => "implicitDeny",
        }
    }
}

/// A statement that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedStatement {
    /// The id of its policy.
    pub policy: String,
    /// Whether that is a policy of the role.
    pub of_role: bool,
    /// The number of the statement in its policy, from 1.
    pub number: usize,
    /// The `Sid` of the statement, if it has one.
    pub sid: Option<String>,
    /// The position of its first character in the policy document, and the position after its last.
    pub position: Option<(Position, Position)>,
}

impl SimulatedPolicy {
    /// Parses a policy of this kind.
    pub fn read(kind: PolicyKind, id: String, text: &str) -> Result<Self, Error> {
        match Policy::parse(kind, text.as_bytes(), MAX_CHARACTERS) {
            Ok(policy) => Ok(Self {
                id,
                of_role: false,
                text: text.to_owned(),
                policy,
            }),
            Err(error) => Err(Code::InvalidInput.because(format!("{id}: {error}."))),
        }
    }

    fn of_role(policy: &RolePolicy<'_>) -> Result<Self, Error> {
        let name = policy.name().to_owned();
        let mut named = Self::read(PolicyKind::Identity, name, policy.document())?;
        named.of_role = true;
        Ok(named)
    }

    /// Parses several policies; their ids are `name` and a number from 1.
    pub fn read_all(kind: PolicyKind, name: &str, texts: &[String]) -> Result<Vec<Self>, Error> {
        let numbered = texts.iter().enumerate();
        let read =
            |(at, text): (usize, &String)| Self::read(kind, format!("{name}.{}", at + 1), text);
        numbered.map(read).collect()
    }

    fn statement(&self, number: usize) -> MatchedStatement {
        let sid = self
            .policy
            .statements()
            .get(number)
            .and_then(Statement::sid);
        MatchedStatement {
            policy: self.id.clone(),
            of_role: self.of_role,
            number: number + 1,
            sid: sid.map(str::to_owned),
            position: position_of(&self.text, number),
        }
    }
}

/// The session policies of guests in the enhanced flow.
pub fn of_guests() -> Vec<SimulatedPolicy> {
    let texts = OF_GUESTS.iter().filter_map(texts_of);
    let named =
        |(id, text): (&str, &str)| SimulatedPolicy::read(PolicyKind::Session, id.to_owned(), text);
    texts
        .map(|pair| named(pair).expect("a built-in policy is valid"))
        .collect()
}

impl Simulation {
    /// Adds the policies of a role, its permissions boundary unless the simulation has bounds already, and its condition keys
    /// as far as the context lacks them.
    pub fn add_role(&mut self, call: &Call<'_>, role: &Role) -> Result<(), Error> {
        let snapshot = call.app.records.snapshot()?;
        let permissions = permissions::of_role(&snapshot, role).map_err(|error| {
            Code::InvalidInput.because(format!(
                "Sessions of the role are denied everything: {error}."
            ))
        })?;
        for policy in &permissions.policies {
            self.policies.push(SimulatedPolicy::of_role(policy)?);
        }
        if let (Some(boundary), true) = (&permissions.boundary, self.bounds.is_empty()) {
            self.bounds.push(vec![SimulatedPolicy::of_role(boundary)?]);
        }
        for (key, value) in [
            ("aws:PrincipalArn", role.arn.as_str()),
            ("aws:PrincipalAccount", role.arn.account()),
            ("aws:PrincipalType", "AssumedRole"),
        ] {
            self.set_default(key, value);
        }
        for (key, value) in &role.tags {
            self.set_default(&format!("aws:PrincipalTag/{key}"), value);
        }
        Ok(())
    }

    fn set_default(&mut self, key: &str, value: &str) {
        if self.context.values(key).is_empty() {
            self.context.set(key, value);
        }
    }

    fn one(&self, action: &str, resource: &str) -> SimulationResult {
        let request = AccessRequest {
            action,
            resource,
            principal: None,
            context: &self.context,
        };
        let ask =
            |set: &[SimulatedPolicy]| evaluate(&request, set.iter().map(|named| &named.policy));
        let own = ask(&self.policies);
        let mut decided = (own, self.policies.as_slice());
        let mut within = true;
        for bound in &self.bounds {
            let decision = ask(bound);
            within &= decision.is_allow();
            // As in `intersection`: the first explicit deny decides, else the first implicit deny.
            let (all, denies) = (
                decided.0,
                matches!(decision, AccessDecision::ExplicitDeny { .. }),
            );
            let is_denied = matches!(all, AccessDecision::ExplicitDeny { .. });
            if !is_denied && denies || all.is_allow() && !decision.is_allow() {
                decided = (decision, bound);
            }
        }
        let (outcome, matched) = match decided.0 {
            AccessDecision::Allow { policy, statement } => (
                SimulationOutcome::Allowed,
                decided.1.get(policy).map(|it| it.statement(statement)),
            ),
            AccessDecision::ExplicitDeny { policy, statement } => (
                SimulationOutcome::ExplicitDeny,
                decided.1.get(policy).map(|it| it.statement(statement)),
            ),
            AccessDecision::ImplicitDeny => (SimulationOutcome::ImplicitDeny, None),
        };
        SimulationResult {
            action: action.to_owned(),
            resource: resource.to_owned(),
            outcome,
            matched,
            within_bounds: (!self.bounds.is_empty()).then_some(within),
            missing: self.missing(),
        }
    }

    fn missing(&self) -> Vec<String> {
        let all = self.policies.iter().chain(self.bounds.iter().flatten());
        let statements = all.flat_map(|named| named.policy.statements());
        let keys: BTreeSet<&str> = statements.flat_map(Statement::condition_keys).collect();
        let absent = keys
            .into_iter()
            .filter(|key| self.context.values(key).is_empty());
        absent.map(str::to_owned).collect()
    }
}

/// The results for each action on each resource, in that order.
pub fn run(
    call: &Call<'_>,
    mut simulation: Simulation,
    actions: &[String],
    resources: &[String],
) -> Result<Vec<SimulationResult>, Error> {
    let count = actions.len().saturating_mul(resources.len());
    if count > MOST {
        return Err(Code::InvalidInput.because(format!(
            "{count} actions and resources together are more than {MOST}."
        )));
    }
    simulation.set_default("aws:CurrentTime", &call.now.to_string());
    simulation.set_default("aws:EpochTime", &call.now.as_second().to_string());
    let each = actions
        .iter()
        .flat_map(|action| resources.iter().map(move |resource| (action, resource)));
    Ok(each
        .map(|(action, resource)| simulation.one(action, resource))
        .collect())
}
