//! The evaluation of policies
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>). The caller chooses the
//! policies.

use super::context::Context;
use super::document::Policy;
use super::principal::Principal;
use super::statement::Effect;
use super::steps::BoundedContext;

/// A request for access, which policies allow or deny.
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'r> {
    /// The action, `service:Name`, in any case.
    pub action: &'r str,
    /// The resource's ARN, or `*` if the action has no specific resource. Trust policies ignore it.
    pub resource: &'r str,
    /// The principal that requests a role. Only trust policies read it; without it they allow nothing.
    pub principal: Option<Principal<'r>>,
    /// The condition keys and their values.
    pub context: &'r Context,
}

/// The decision of policies about a request. Policies and statements are numbered from 0, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessDecision {
    /// A statement allows the request, and none denies it.
    Allow {
        /// The policy of the first statement that allows it.
        policy: usize,
        /// That statement.
        statement: usize,
    },
    /// A statement denies the request.
    ExplicitDeny {
        /// The policy of the first statement that denies it.
        policy: usize,
        /// That statement.
        statement: usize,
    },
    /// No statement allows or denies the request.
    ImplicitDeny,
}

impl AccessDecision {
    /// Whether the request is allowed.
    pub fn is_allow(self) -> bool {
        matches!(self, Self::Allow { .. })
    }
}

/// Decides `request` by all `policies` together. If comparing their patterns with the condition keys takes too many steps,
/// the statements that are left allow nothing, and each of them that denies does.
pub fn evaluate<'p>(
    request: &AccessRequest<'_>,
    policies: impl IntoIterator<Item = &'p Policy>,
) -> AccessDecision {
    let context = BoundedContext::new(request.context);
    let decision = decide(request, &context, policies);
    if context.is_exhausted() {
        tracing::warn!(
            action = request.action,
            "a policy is too large to be compared with all values of the request's condition keys: what is left of it denies"
        );
    }
    decision
}

fn decide<'p>(
    request: &AccessRequest<'_>,
    context: &BoundedContext<'_>,
    policies: impl IntoIterator<Item = &'p Policy>,
) -> AccessDecision {
    let mut decision = AccessDecision::ImplicitDeny;
    for (policy, document) in policies.into_iter().enumerate() {
        for (statement, rule) in document.statements().iter().enumerate() {
            let effect = rule.effect();
            // A second allow changes nothing.
            if effect == Effect::Allow && decision.is_allow() {
                continue;
            }
            let covers = rule.covers(request, context);
            // Without steps no comparison counts, so a deny holds and an allow doesn't.
            match effect {
                Effect::Deny if covers || context.is_exhausted() => {
                    return AccessDecision::ExplicitDeny { policy, statement };
                }
                Effect::Allow if covers && !context.is_exhausted() => {
                    decision = AccessDecision::Allow { policy, statement };
                }
                Effect::Deny | Effect::Allow => {}
            }
        }
    }
    decision
}

/// Combines the decisions of sets of policies that must all allow, such as a role's and its session's. The result is the
/// first explicit deny, or else the first implicit deny, or else the first allow. No decision at all is an implicit deny.
pub fn intersection(decisions: impl IntoIterator<Item = AccessDecision>) -> AccessDecision {
    let mut all = None;
    for decision in decisions {
        match (all, decision) {
            (_, AccessDecision::ExplicitDeny { .. }) => return decision,
            (_, AccessDecision::ImplicitDeny) | (None, _) => all = Some(decision),
            (Some(_), AccessDecision::Allow { .. }) => {}
        }
    }
    all.unwrap_or(AccessDecision::ImplicitDeny)
}
