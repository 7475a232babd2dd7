//! The names of condition operators
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>). Not how
//! values are compared.

use std::cmp::Ordering;

/// An operator: `ForAnyValue:StringNotLikeIfExists` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) struct Operator {
    /// The quantifier, if the operator has one.
    pub(super) quantifier: Option<Quantifier>,
    /// The comparison of values.
    pub(super) comparison: Comparison,
    /// Whether a value passes if no comparison succeeds.
    pub(super) negated: bool,
    /// Whether an absent key passes.
    pub(super) if_exists: bool,
}

/// The quantifier: which values of a key must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// All values must pass, so an absent key passes.
    ForAllValues,
    /// At least one value must pass, so an absent key fails, even with `…IfExists`.
    ForAnyValue,
}

/// The comparison of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The strings are equal.
    String,
    /// The strings are equal without regard to case.
    StringIgnoreCase,
    /// The string matches a pattern.
    StringLike,
    /// The ARN matches a pattern, part by part.
    Arn,
    /// The numbers have an order.
    Numeric(Order),
    /// The dates have an order.
    Date(Order),
    /// The booleans are equal.
    Bool,
    /// The bytes are equal.
    Binary,
    /// The address is in a range.
    Ip,
    /// The key is absent, or present.
    Null,
}

/// The order of a value and the policy's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The value equals the policy's.
    Equals,
    /// The value is less than the policy's.
    LessThan,
    /// The value is less than the policy's, or equal.
    LessThanEquals,
    /// The value is greater than the policy's.
    GreaterThan,
    /// The value is greater than the policy's, or equal.
    GreaterThanEquals,
}

impl Order {
    /// Whether a value with this ordering to the policy's passes.
    pub(super) fn has(self, ordering: Ordering) -> bool {
        match self {
            Self::Equals => ordering.is_eq(),
            Self::LessThan => ordering.is_lt(),
            Self::LessThanEquals => ordering.is_le(),
            Self::GreaterThan => ordering.is_gt(),
            Self::GreaterThanEquals => ordering.is_ge(),
        }
    }
}

impl Operator {
    /// Parses an operator's name, in the documentation's case. `Null` has neither quantifier nor `IfExists`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Quantifier::ForAllValues), rest),
            Some(("ForAnyValue", rest)) => (Some(Quantifier::ForAnyValue), rest),
            Some(_) => return None,
            None => (None, name),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (comparison, negated) = comparison(base)?;
        let is_bare = quantifier.is_none() && !if_exists;
        (comparison != Comparison::Null || is_bare).then_some(Self {
            quantifier,
            comparison,
            negated,
            if_exists,
        })
    }
}

/// The comparison of an operator, and whether it is negated.
fn comparison(base: &str) -> Option<(Comparison, bool)> {
    let number = base.strip_prefix("Numeric").and_then(order);
    let date = base.strip_prefix("Date").and_then(order);
    if let Some((order, negated)) = number {
        return Some((Comparison::Numeric(order), negated));
    }
    if let Some((order, negated)) = date {
        return Some((Comparison::Date(order), negated));
    }
    Some(match base {
        "StringEquals" => (Comparison::String, false),
        "StringNotEquals" => (Comparison::String, true),
        "StringEqualsIgnoreCase" => (Comparison::StringIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Comparison::StringIgnoreCase, true),
        "StringLike" => (Comparison::StringLike, false),
        "StringNotLike" => (Comparison::StringLike, true),
        "ArnEquals" | "ArnLike" => (Comparison::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Comparison::Arn, true),
        "Bool" => (Comparison::Bool, false),
        "BinaryEquals" => (Comparison::Binary, false),
        "IpAddress" => (Comparison::Ip, false),
        "NotIpAddress" => (Comparison::Ip, true),
        "Null" => (Comparison::Null, false),
        _ => return None,
    })
}

fn order(name: &str) -> Option<(Order, bool)> {
    Some(match name {
        "Equals" => (Order::Equals, false),
        "NotEquals" => (Order::Equals, true),
        "LessThan" => (Order::LessThan, false),
        "LessThanEquals" => (Order::LessThanEquals, false),
        "GreaterThan" => (Order::GreaterThan, false),
        "GreaterThanEquals" => (Order::GreaterThanEquals, false),
        _ => return None,
    })
}
