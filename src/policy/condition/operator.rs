//! The names of condition operators
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>). Not how
//! values are compared.

use std::cmp::Ordering;

/// An operator: `ForAnyValue:StringNotLikeIfExists` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) struct Operator {
    /// Which values of a key must pass, where that is said.
    pub(super) quantifier: Option<Quantifier>,
    /// How values are compared.
    pub(super) comparison: Comparison,
    /// Whether a value passes that compares to none.
    pub(super) negated: bool,
    /// Whether an absent key passes.
    pub(super) if_exists: bool,
}

/// Which values of a key must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// All there are, so an absent key passes.
    ForAllValues,
    /// At least one, so an absent key doesn't, `…IfExists` or not.
    ForAnyValue,
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The same text.
    String,
    /// The same text but for the case of letters.
    StringIgnoreCase,
    /// A text with wildcards.
    StringLike,
    /// An ARN with wildcards, part by part.
    Arn,
    /// Numbers in an order.
    Numeric(Order),
    /// Moments in an order.
    Date(Order),
    /// True or false.
    Bool,
    /// The same bytes.
    Binary,
    /// An address in a range.
    Ip,
    /// Whether there is a value at all.
    Null,
}

/// How a value stands to the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The same.
    Equals,
    /// Before it.
    LessThan,
    /// Before it, or the same.
    LessThanEquals,
    /// After it.
    GreaterThan,
    /// After it, or the same.
    GreaterThanEquals,
}

impl Order {
    /// Whether a value that compares so to the policy's passes.
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
    /// Reads a name, the case of its letters as the documentation writes it. `Null` takes neither quantifier nor
    /// `IfExists`.
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

/// How values are compared, and whether that is negated.
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
