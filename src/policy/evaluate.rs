//! Weighing policies
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>). Not which policies
//! count for somebody.

use super::context::Context;
use super::document::Policy;
use super::principal::Principal;
use super::statement::Effect;

/// What somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// `service:Name`; the case of its letters doesn't matter.
    pub action: &'r str,
    /// The ARN that it acts on, or `*` where it acts on none in particular. Trust policies don't look at it.
    pub resource: &'r str,
    /// Who asks for a role. Only trust policies look at it; without it they allow nothing.
    pub principal: Option<Principal<'r>>,
    /// The circumstances.
    pub context: &'r Context,
}

/// What policies say to a request. Numbers count from 0, policies in the order in which they were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes: a statement allows it, and none denies it.
    Allow {
        /// The policy of the first statement that allows it.
        policy: usize,
        /// That statement.
        statement: usize,
    },
    /// No: a statement denies it.
    ExplicitDeny {
        /// The policy of the first statement that denies it.
        policy: usize,
        /// That statement.
        statement: usize,
    },
    /// No: no statement allows it.
    ImplicitDeny,
}

impl Decision {
    /// Whether the answer is yes.
    pub fn is_allow(self) -> bool {
        matches!(self, Self::Allow { .. })
    }
}

/// What `policies` together say to `request`.
pub fn evaluate<'p>(
    request: &Request<'_>,
    policies: impl IntoIterator<Item = &'p Policy>,
) -> Decision {
    let mut decision = Decision::ImplicitDeny;
    for (policy, document) in policies.into_iter().enumerate() {
        for (statement, rule) in document.statements().iter().enumerate() {
            // Another statement that allows changes nothing any more.
            if rule.effect() == Effect::Allow && decision.is_allow() || !rule.covers(request) {
                continue;
            }
            match rule.effect() {
                Effect::Allow => decision = Decision::Allow { policy, statement },
                Effect::Deny => return Decision::ExplicitDeny { policy, statement },
            }
        }
    }
    decision
}

/// What sets of policies say that must all allow, such as those of a role and those of its session: no if one of them
/// denies, then no if one of them doesn't allow, and no if there is none. Of several answers of a kind it is the first.
pub fn intersection(decisions: impl IntoIterator<Item = Decision>) -> Decision {
    let mut all = None;
    for decision in decisions {
        match (all, decision) {
            (_, Decision::ExplicitDeny { .. }) => return decision,
            (_, Decision::ImplicitDeny) | (None, _) => all = Some(decision),
            (Some(_), Decision::Allow { .. }) => {}
        }
    }
    all.unwrap_or(Decision::ImplicitDeny)
}
