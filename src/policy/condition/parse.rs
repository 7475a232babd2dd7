//! Parsing the values of a condition, each type in its form.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::Value;

use super::date;
use super::decimal::Decimal;
use super::operator::{Comparison, Operator};
use super::values::{Values, boolean};
use crate::policy::arn;
use crate::policy::diagnostics::PolicyDiagnostics;
use crate::policy::elements::{JsonPath, short};
use crate::policy::glob::{Case, Glyph};
use crate::policy::template::{Syntax, Template};

/// Parses a value or an array of values, and adds their errors.
pub(super) fn values(
    value: &Value,
    operator: Operator,
    variables: bool,
    path: &JsonPath<'_>,
    diagnostics: &mut PolicyDiagnostics,
) -> Option<Values> {
    let with = |wildcards: bool| {
        let syntax = Syntax {
            wildcards,
            variables,
        };
        move |text: &str| Template::parse(text, syntax)
    };
    let (string, like) = (with(false), with(true));
    let mut list = ValueParser {
        values: value,
        fractions: matches!(operator.comparison, Comparison::Numeric(_)),
        path,
        diagnostics,
    };
    Some(match operator.comparison {
        Comparison::String => Values::String(list.read(string)?, Case::Kept),
        Comparison::StringIgnoreCase => Values::String(list.read(string)?, Case::Ignored),
        Comparison::StringLike => Values::String(list.read(like)?, Case::Kept),
        Comparison::Arn => Values::Arn(list.read(|text| arn_pattern(like(text)?, text))?),
        Comparison::Numeric(order) => Values::Numeric(list.read(number)?, order),
        Comparison::Date(order) => Values::Date(list.read(moment)?, order),
        Comparison::Bool => Values::Bool(list.read(|text| flag(string(text)?, text))?),
        Comparison::Binary => Values::Binary(list.read(bytes)?),
        Comparison::Ip => Values::Ip(list.read(range)?),
        Comparison::Null => Values::Null(list.read(null)?),
    })
}

/// Values to parse, all of one type.
struct ValueParser<'a, 'p> {
    values: &'a Value,
    /// Whether a JSON number may have a fraction.
    fractions: bool,
    path: &'a JsonPath<'p>,
    diagnostics: &'a mut PolicyDiagnostics,
}

impl ValueParser<'_, '_> {
    /// Parses each value. `None`, with an error added, if there is no value or one is invalid.
    fn read<T>(&mut self, read: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let list = match self.values {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        if list.is_empty() {
            self.diagnostics
                .syntax(self.path, "a condition key has at least one value");
            return None;
        }
        let mut all = Some(Vec::new());
        for (index, value) in list.iter().enumerate() {
            let element = self.path.element(index);
            let path = if self.values.is_array() {
                &element
            } else {
                self.path
            };
            let value = match as_text(value, self.fractions) {
                Some(text) => read(&text),
                None => {
                    Err("a condition value is a string, a whole number or a boolean".to_owned())
                }
            };
            match (value, &mut all) {
                (Ok(value), Some(all)) => all.push(value),
                (Ok(_), None) => {}
                (Err(what), _) => {
                    self.diagnostics.syntax(path, what);
                    all = None;
                }
            }
        }
        all
    }
}

/// A value as a string: quotation marks are optional for numbers and booleans. A JSON number with a fraction loses its
/// spelling (`1.10` becomes `1.1`), so it can only be a number, never a string.
fn as_text(value: &Value, fractions: bool) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) if fractions || !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

fn arn_pattern(pattern: Template, text: &str) -> Result<Template, String> {
    let whole = match &pattern {
        Template::Fixed(glyphs) => {
            glyphs
                .iter()
                .filter(|glyph| **glyph == Glyph::Char(':'))
                .count()
                >= arn::PARTS - 1
        }
        // A variable's value may have colons.
        Template::Open(_) => true,
    };
    if whole {
        Ok(pattern)
    } else {
        Err(format!(
            "{} is not an ARN of six parts, wildcards included",
            short(text)
        ))
    }
}

fn number(text: &str) -> Result<Decimal, String> {
    Decimal::parse(text).ok_or_else(|| format!("{} is not a number such as 10 or 0.5", short(text)))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    date::parse(text).ok_or_else(|| {
        let text = short(text);
        format!("{text} is not a date such as 2026-11-23 or 2026-11-23T10:00:00Z, nor a number of seconds since 1970")
    })
}

fn flag(pattern: Template, text: &str) -> Result<Template, String> {
    match &pattern {
        Template::Fixed(_) if boolean(text).is_none() => {
            Err(format!("{} must be true or false", short(text)))
        }
        _ => Ok(pattern),
    }
}

fn null(text: &str) -> Result<bool, String> {
    boolean(text).ok_or_else(|| format!("{} must be true or false", short(text)))
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let decoded = STANDARD.decode(text);
    decoded.map_err(|_| format!("{} is not base64", short(text)))
}

/// A range of addresses. An address alone is a range of its own: `/32`, and `/128` for IPv6, where the documentation's
/// `/32` would take in 2⁹⁶ others.
fn range(text: &str) -> Result<IpNet, String> {
    let range = text.parse::<IpNet>().ok();
    let range = range.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    range.ok_or_else(|| {
        let text = short(text);
        format!("{text} is not an IP address or a range such as 203.0.113.0/24")
    })
}
