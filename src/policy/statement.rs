//! One statement: an effect on the principals, actions and resources that it covers. `evaluate` combines statements.

use std::collections::BTreeSet;

use serde_json::Value;

use super::action::Actions;
use super::condition::{Condition, ConditionValue, conditions};
use super::diagnostics::PolicyDiagnostics;
use super::document::PolicyKind;
use super::elements::{JsonPath, object, only, short, text};
use super::evaluate::AccessRequest;
use super::principal::{Principal, Principals};
use super::resource::Resources;
use super::steps::BoundedContext;

/// The effect of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The statement allows the requests that it covers, unless another denies them.
    Allow,
    /// The statement denies the requests that it covers, whatever allows them.
    Deny,
}

/// A statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    sid: Option<String>,
    effect: Effect,
    /// The principals; only trust policies have them.
    principals: Option<Principals>,
    actions: Actions,
    /// The resources; trust policies don't have them.
    resources: Option<Resources>,
    conditions: Vec<Condition>,
}

/// The rules that a statement follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grammar {
    /// The purpose of the policy.
    pub(super) kind: PolicyKind,
    /// Whether `${…}` is a variable.
    pub(super) variables: bool,
}

/// The services for which this server authorises requests.
const OWN_SERVICES: [&str; 4] = ["sts", "iam", "cognito-identity", "cognate"];

const MEMBERS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

impl Statement {
    /// The statement's id (ASCII letters and digits); `None` if it is absent or empty.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// The statement's effect.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether the statement covers `principal`, apart from its other elements. Without principals it covers all.
    pub fn is_about(&self, principal: Principal<'_>) -> bool {
        let principals = self.principals.as_ref();
        principals.is_none_or(|principals| principals.cover(self.effect, Some(principal)))
    }

    /// Whether the statement covers every principal, apart from its other elements.
    pub fn is_about_anyone(&self) -> bool {
        let principals = self.principals.as_ref();
        principals.is_none_or(Principals::cover_anyone)
    }

    /// Whether the statement may cover a user of some SAML provider, apart from its other elements.
    pub fn is_about_saml(&self) -> bool {
        let principals = self.principals.as_ref();
        principals.is_none_or(Principals::cover_saml)
    }

    /// Whether the statement covers `action` (`service:Name`), apart from its other elements.
    pub fn names(&self, action: &str) -> bool {
        self.actions.cover(action)
    }

    /// Whether the statement holds only for named values of `key`: it has a positive condition of strings that a missing
    /// key doesn't satisfy, and each value has a letter or digit besides wildcards and no variables.
    pub fn pins(&self, key: &str) -> bool {
        self.conditions.iter().any(|condition| condition.pins(key))
    }

    /// Whether the statement holds only for values of `key` that fit, as [`Statement::pins`].
    pub fn limits(&self, key: &str, fits: &dyn Fn(&ConditionValue) -> bool) -> bool {
        let mut all = self.conditions.iter();
        all.any(|condition| condition.limits_to(key, fits))
    }

    /// The values of `key` for which alone the statement holds, if none has a wildcard or a variable.
    pub fn literals(&self, key: &str) -> Option<Vec<String>> {
        let mut all = self.conditions.iter();
        all.find_map(|condition| condition.literals(key))
    }

    /// The federated principals that it names.
    pub fn federated(&self) -> impl Iterator<Item = &str> {
        self.principals.iter().flat_map(Principals::federated)
    }

    /// The keys of its conditions, in lower case.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(Condition::key)
    }

    /// The keys without a value on this server for which the statement would let something through. Keys of this server's
    /// services count only if the statement covers their actions: other services may set more.
    pub fn unset_keys(&self) -> BTreeSet<&str> {
        let conditions = self.conditions.iter();
        let conditions = conditions.flat_map(|condition| condition.unset_keys(self.effect));
        let resources = self.resources.iter();
        let resources = resources.flat_map(|resources| resources.unset_keys(self.effect));
        let is_own = self.actions.may_be_of(&OWN_SERVICES);
        conditions
            .chain(resources)
            .filter(|key| is_own || key.starts_with("aws:"))
            .collect()
    }

    /// Whether the statement covers `request`, which has the condition keys `context`.
    pub(super) fn covers(&self, request: &AccessRequest<'_>, context: &BoundedContext<'_>) -> bool {
        let effect = self.effect;
        let principals = self.principals.as_ref();
        let resources = self.resources.as_ref();
        self.actions.cover(request.action)
            && principals.is_none_or(|all| all.cover(effect, request.principal))
            && resources.is_none_or(|all| all.cover(effect, request.resource, context))
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(effect, context))
    }

    /// Parses a statement and adds its errors.
    pub(super) fn read(
        value: &Value,
        grammar: Grammar,
        path: &JsonPath<'_>,
        diagnostics: &mut PolicyDiagnostics,
    ) -> Option<Self> {
        let members = object(value, "a statement", path, diagnostics)?;
        only(members, &MEMBERS, path, diagnostics);
        let sid = text(members, "Sid", path, diagnostics);
        let sid = sid.filter(|sid| !sid.is_empty());
        if sid.is_some_and(|sid| !sid.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            let message = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                           expression [0-9A-Za-z]*";
            diagnostics.note(path, message);
        }
        let effect = match text(members, "Effect", path, diagnostics) {
            Some("Allow") => Some(Effect::Allow),
            Some("Deny") => Some(Effect::Deny),
            Some(other) => {
                let what = format_args!("the effect is Allow or Deny, not {}", short(other));
                diagnostics.syntax(&path.member("Effect"), what);
                None
            }
            None => {
                if !members.contains_key("Effect") {
                    diagnostics.note(path, "Missing required field Effect");
                }
                None
            }
        };
        let principals = Principals::read(members, grammar.kind, effect, path, diagnostics);
        let actions = Actions::read(members, grammar.kind, path, diagnostics);
        let resources = Resources::read(members, grammar, path, diagnostics);
        let conditions = conditions(members, grammar, path, diagnostics);
        Some(Self {
            sid: sid.map(str::to_owned),
            effect: effect?,
            principals,
            actions: actions?,
            resources,
            conditions,
        })
    }
}
