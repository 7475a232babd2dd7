//! Conditions on the keys of a request
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html>). Callers set
//! the keys.

mod date;
mod decimal;
mod operator;
mod parse;
mod values;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

pub(super) use self::operator::Operator;
use self::operator::Quantifier;
use self::values::Values;
use super::condition_keys::{folded, is_unset};
use super::context::{Context, is_null};
use super::diagnostics::PolicyDiagnostics;
use super::document::PolicyKind;
use super::elements::{JsonPath, object, short};
use super::statement::{Effect, Grammar};
use super::steps::BoundedContext;

/// One key under one operator. All conditions of a statement must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// In lower case.
    key: String,
    operator: Operator,
    values: Values,
    /// Whether this server never knows the key's value.
    is_unset: bool,
    /// Whether an absent key fails to allow, also with `ForAllValues` or `…IfExists`: it is a key of an issuer in a
    /// trust policy.
    needs_key: bool,
}

/// A value of a condition on strings, up to its first wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionValue {
    /// The characters before the first wildcard.
    pub beginning: String,
    /// Whether the value has a wildcard.
    pub has_wildcards: bool,
}

impl Condition {
    /// Whether the condition holds in a statement of this effect.
    ///
    /// One value passes if any of the policy's values does, or with a negated operator if none does. The documentation
    /// leaves three cases open; there it holds to deny, and not to allow. A value that isn't of the operator's kind,
    /// such as a number that is none. A key with several values under an operator without quantifier: all of them must
    /// pass to allow, any of them to deny. An absent key under `ForAnyValue:…IfExists`, which the quantifier fails and
    /// the suffix lets pass.
    ///
    /// A key that this server can't know would let something through in some conditions. Those hold to deny, and not to
    /// allow.
    pub(super) fn holds(&self, effect: Effect, context: &BoundedContext<'_>) -> bool {
        let lacks = |key: &str| context.values(key).is_empty();
        if self.unset_keys(effect).any(lacks) {
            return effect == Effect::Deny;
        }
        self.compare(effect, context)
    }

    /// The keys without a value on this server that let something through in a statement of this effect: an Allow that
    /// holds without the key, or a Deny that doesn't.
    pub(super) fn unset_keys(&self, effect: Effect) -> impl Iterator<Item = &str> {
        let (allows, nothing) = (effect == Effect::Allow, Context::default());
        let own = self.is_unset && self.compare(effect, &BoundedContext::new(&nothing)) == allows;
        // A value with such a variable equals nothing, which negated operators pass.
        let by_value = (self.operator.negated == allows).then(|| self.values.unset_keys());
        let own = own.then_some(self.key.as_str());
        own.into_iter().chain(by_value.into_iter().flatten())
    }

    fn compare(&self, effect: Effect, context: &BoundedContext<'_>) -> bool {
        let in_doubt = effect == Effect::Deny;
        let Operator {
            negated, if_exists, ..
        } = self.operator;
        let values = match self.operator.quantifier {
            None => context.values(&self.key),
            Some(_) => context.set_values(&self.key),
        };
        if let Values::Null(wanted) = &self.values {
            return wanted.contains(&is_null(values));
        }
        if self.needs_key && !in_doubt && is_null(values) && !self.has_plain_operator() {
            return false;
        }
        let mut passing = values.iter().map(|value| {
            let passes = self.values.passes(value, context);
            passes.map_or(in_doubt, |passes| passes != negated)
        });
        match self.operator.quantifier {
            None if values.is_empty() => negated || if_exists,
            None if in_doubt => passing.any(|passes| passes),
            None => passing.all(|passes| passes),
            Some(Quantifier::ForAllValues) => is_null(values) || passing.all(|passes| passes),
            Some(Quantifier::ForAnyValue) if values.is_empty() => if_exists && in_doubt,
            Some(Quantifier::ForAnyValue) => !is_null(values) && passing.any(|passes| passes),
        }
    }

    /// The condition's key, in lower case.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether the condition holds only for named values of `key`.
    pub(super) fn pins(&self, key: &str) -> bool {
        self.limits(key) && self.values.names_values()
    }

    /// Whether the condition holds only for values of `key` that fit.
    pub(super) fn limits_to(&self, key: &str, fits: &dyn Fn(&ConditionValue) -> bool) -> bool {
        let values = self.values.beginnings();
        self.limits(key) && values.is_some_and(|values| values.iter().all(fits))
    }

    /// The values of `key` for which alone the condition holds, if none has a wildcard or a variable.
    pub(super) fn literals(&self, key: &str) -> Option<Vec<String>> {
        let values = self.values.beginnings().filter(|_| self.limits(key))?;
        let literal = |value: ConditionValue| {
            let is_literal = !value.has_wildcards && !value.beginning.is_empty();
            is_literal.then_some(value.beginning)
        };
        values.into_iter().map(literal).collect()
    }

    /// Whether the operator is positive, and an absent `key` fails to allow.
    fn limits(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
            && !self.operator.negated
            && (self.needs_key || self.has_plain_operator())
    }

    /// Whether the operator has neither `ForAllValues` nor `…IfExists`.
    fn has_plain_operator(&self) -> bool {
        !self.operator.if_exists && self.operator.quantifier != Some(Quantifier::ForAllValues)
    }
}

/// Whether a key, in lower case, comes from the token of an issuer.
fn is_of_issuer(key: &str) -> bool {
    let issuer = key.rsplit_once(':').map_or("", |(issuer, _)| issuer);
    issuer.contains('.') || issuer.contains(':') || issuer == "saml"
}

/// Parses the element and adds its errors.
pub(super) fn conditions(
    members: &Map<String, Value>,
    Grammar { kind, variables }: Grammar,
    path: &JsonPath<'_>,
    diagnostics: &mut PolicyDiagnostics,
) -> Vec<Condition> {
    let path = path.member("Condition");
    let operators = members.get("Condition");
    let operators =
        operators.and_then(|operators| object(operators, "Condition", &path, diagnostics));
    let mut conditions = Vec::new();
    for (name, keys) in operators.into_iter().flatten() {
        let path = path.member(name);
        let Some(operator) = Operator::parse(name) else {
            let what = format_args!("unknown condition operator {}", short(name));
            diagnostics.syntax(&path, what);
            continue;
        };
        let Some(keys) = object(keys, "a condition operator's value", &path, diagnostics) else {
            continue;
        };
        if keys.is_empty() {
            diagnostics.syntax(&path, "a condition operator has at least one key");
        }
        let mut seen = BTreeSet::new();
        for (name, value) in keys {
            let path = path.member(name);
            let key = folded(name);
            if key.is_empty() || key.chars().any(char::is_control) {
                diagnostics.syntax(&path, "a condition key has a printable name");
            }
            if !seen.insert(key.clone()) {
                let what = "the condition key is repeated, in different case";
                diagnostics.syntax(&path, what);
            }
            let values = parse::values(value, operator, variables, &path, diagnostics);
            let needs_key = kind == PolicyKind::Trust && is_of_issuer(&key);
            conditions.extend(values.map(|values| Condition {
                needs_key,
                is_unset: is_unset(&key),
                key,
                operator,
                values,
            }));
        }
    }
    conditions
}
