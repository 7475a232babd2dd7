//! Policies asked what they would say: which statement decides, by the code that decides. Nobody's request is answered here.

use std::collections::BTreeSet;

use super::Call;
use super::iam_roles::RoleError;
use super::session_policies::{OF_GUESTS, texts_of};
use crate::model::iam_role::Role;
use crate::policy::{
    AccessDecision, AccessRequest, Context, MAX_CHARACTERS, Policy, PolicyError, PolicyKind,
    Position, Statement, evaluate, position_of,
};

/// How many answers are given at once: actions times resources.
const MOST: usize = 10_000;

/// A policy, and what it is called.
#[derive(Debug)]
pub struct Named {
    /// A role's policy has its name; others are numbered.
    pub id: String,
    /// Whether it is a policy of the role.
    pub of_role: bool,
    text: String,
    policy: Policy,
}

/// What is to be simulated: what a role and more policies allow, narrowed to what each of the bounds allows.
#[derive(Debug, Default)]
pub struct Simulation {
    /// Of these any may allow.
    pub policies: Vec<Named>,
    /// So must one of each of these.
    pub bounds: Vec<Vec<Named>>,
    /// The circumstances.
    pub context: Context,
}

/// What came of one action on one resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Simulated {
    /// The action, as it was asked for.
    pub action: String,
    /// The resource, as it was asked for.
    pub resource: String,
    /// What the policies say together.
    pub outcome: Outcome,
    /// The statement that decided; none where none allows.
    pub by: Option<By>,
    /// Whether every bound allows it; `None` without bounds.
    pub within_bounds: Option<bool>,
    /// The keys of conditions that the circumstances lack, in lower case.
    pub missing: Vec<String>,
}

/// What policies say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Yes.
    Allowed,
    /// No: a statement denies it.
    ExplicitDeny,
    /// No: nothing allows it, or not within the bounds.
    ImplicitDeny,
}

impl Outcome {
    /// As IAM writes it.
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
pub struct By {
    /// What its policy is called.
    pub policy: String,
    /// Whether that is a policy of the role.
    pub of_role: bool,
    /// Its number in the policy, from 1 on.
    pub number: usize,
    /// Its id, where it has one.
    pub sid: Option<String>,
    /// Where it stands in the policy's text: from its first character to behind its last.
    pub place: Option<(Position, Position)>,
}

/// Why nothing can be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// There is no such role.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// What should be a policy is none; what it is called.
    #[error("{0}: {1}")]
    Policy(String, #[source] PolicyError),
    /// Too much is asked for at once.
    #[error("{0} actions and resources together are more than {MOST}")]
    TooMuch(usize),
}

impl Named {
    /// Reads a policy of this kind.
    pub fn read(kind: PolicyKind, id: String, text: &str) -> Result<Self, SimulateError> {
        match Policy::parse(kind, text.as_bytes(), MAX_CHARACTERS) {
            Ok(policy) => Ok(Self {
                id,
                of_role: false,
                text: text.to_owned(),
                policy,
            }),
            Err(error) => Err(SimulateError::Policy(id, error)),
        }
    }

    /// Reads several, numbered from 1 on behind `name`.
    pub fn all(kind: PolicyKind, name: &str, texts: &[String]) -> Result<Vec<Self>, SimulateError> {
        let numbered = texts.iter().enumerate();
        let read =
            |(at, text): (usize, &String)| Self::read(kind, format!("{name}.{}", at + 1), text);
        numbered.map(read).collect()
    }

    fn by(&self, number: usize) -> By {
        let sid = self
            .policy
            .statements()
            .get(number)
            .and_then(Statement::sid);
        By {
            policy: self.id.clone(),
            of_role: self.of_role,
            number: number + 1,
            sid: sid.map(str::to_owned),
            place: position_of(&self.text, number),
        }
    }
}

/// What narrows guests of the enhanced flow.
pub fn of_guests() -> Vec<Named> {
    let texts = OF_GUESTS.iter().filter_map(texts_of);
    let named = |(id, text): (&str, &str)| Named::read(PolicyKind::Session, id.to_owned(), text);
    texts
        .map(|pair| named(pair).expect("a policy of our own"))
        .collect()
}

impl Simulation {
    /// Adds the policies of a role, and its circumstances where nothing else was said.
    pub fn add_role(&mut self, role: &Role) -> Result<(), SimulateError> {
        for (name, text) in &role.policies {
            let mut named = Named::read(PolicyKind::Identity, name.clone(), text)?;
            named.of_role = true;
            self.policies.push(named);
        }
        for (key, value) in [
            ("aws:PrincipalArn", role.arn.as_str()),
            ("aws:PrincipalAccount", role.arn.account()),
            ("aws:PrincipalType", "AssumedRole"),
        ] {
            self.set_default(key, value);
        }
        Ok(())
    }

    fn set_default(&mut self, key: &str, value: &str) {
        if self.context.values(key).is_empty() {
            self.context.set(key, value);
        }
    }

    fn one(&self, action: &str, resource: &str) -> Simulated {
        let request = AccessRequest {
            action,
            resource,
            principal: None,
            context: &self.context,
        };
        let ask = |set: &[Named]| evaluate(&request, set.iter().map(|named| &named.policy));
        let own = ask(&self.policies);
        let mut decided = (own, self.policies.as_slice());
        let mut within = true;
        for bound in &self.bounds {
            let said = ask(bound);
            within &= said.is_allow();
            // As in `intersection`: a denial first, then a lack, and of several the first.
            let (all, denies) = (
                decided.0,
                matches!(said, AccessDecision::ExplicitDeny { .. }),
            );
            let is_denied = matches!(all, AccessDecision::ExplicitDeny { .. });
            if !is_denied && denies || all.is_allow() && !said.is_allow() {
                decided = (said, bound);
            }
        }
        let (outcome, by) = match decided.0 {
            AccessDecision::Allow { policy, statement } => (
                Outcome::Allowed,
                decided.1.get(policy).map(|it| it.by(statement)),
            ),
            AccessDecision::ExplicitDeny { policy, statement } => (
                Outcome::ExplicitDeny,
                decided.1.get(policy).map(|it| it.by(statement)),
            ),
            AccessDecision::ImplicitDeny => (Outcome::ImplicitDeny, None),
        };
        Simulated {
            action: action.to_owned(),
            resource: resource.to_owned(),
            outcome,
            by,
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

impl Call<'_> {
    /// What the policies say to each action on each resource, in that order.
    pub fn simulate(
        &self,
        mut simulation: Simulation,
        actions: &[String],
        resources: &[String],
    ) -> Result<Vec<Simulated>, SimulateError> {
        let count = actions.len().saturating_mul(resources.len());
        if count > MOST {
            return Err(SimulateError::TooMuch(count));
        }
        simulation.set_default("aws:CurrentTime", &self.now.to_string());
        simulation.set_default("aws:EpochTime", &self.now.as_second().to_string());
        let each = actions
            .iter()
            .flat_map(|action| resources.iter().map(move |resource| (action, resource)));
        Ok(each
            .map(|(action, resource)| simulation.one(action, resource))
            .collect())
    }
}
