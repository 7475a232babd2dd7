//! The values of a condition, and their comparison with a key's value.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use jiff::Timestamp;

use super::decimal::Decimal;
use super::operator::Order;
use super::{ConditionValue, date};
use crate::policy::arn;
use crate::policy::glob::{Case, Glyph};
use crate::policy::steps::BoundedContext;
use crate::policy::template::Template;

/// The policy's values for one key under one operator; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Values {
    /// Strings with wildcards and variables.
    String(Vec<Template>, Case),
    /// ARNs with wildcards and variables.
    Arn(Vec<Template>),
    /// Decimal numbers and their order.
    Numeric(Vec<Decimal>, Order),
    /// Points in time and their order.
    Date(Vec<Timestamp>, Order),
    /// Booleans, also as variables.
    Bool(Vec<Template>),
    /// Sequences of bytes.
    Binary(Vec<Vec<u8>>),
    /// Ranges of IP addresses.
    Ip(Vec<IpNet>),
    /// Whether the key must be absent.
    Null(Vec<bool>),
}

impl Values {
    /// Whether a key's value compares to any of the policy's. `None` if it can't be compared: it is of another type, or too
    /// few steps are left. Any
    /// string can be compared as an ARN.
    pub(super) fn passes(&self, value: &str, context: &BoundedContext<'_>) -> Option<bool> {
        context.spend(self.len() + value.len() / 16);
        if context.is_exhausted() {
            return None;
        }
        Some(match self {
            Self::String(texts, case) => {
                let same = |text: &Template| text.matches(context, value, *case);
                texts.iter().any(|text| same(text) == Ok(true))
            }
            Self::Arn(arns) => arns.iter().any(|arn| {
                let by_part = |glyphs: &[Glyph]| arn::matches_by_part(context, glyphs, value);
                arn.compare(context, value, by_part) == Ok(true)
            }),
            Self::Numeric(numbers, order) => {
                let value = Decimal::parse(value)?;
                numbers.iter().any(|number| order.has(value.cmp(number)))
            }
            Self::Date(moments, order) => {
                let value = date::parse(value)?;
                moments.iter().any(|moment| order.has(value.cmp(moment)))
            }
            Self::Bool(texts) => {
                boolean(value)?;
                let same = |text: &Template| text.matches(context, value, Case::Ignored);
                texts.iter().any(|text| same(text) == Ok(true))
            }
            Self::Binary(all) => all.contains(&STANDARD.decode(value).ok()?),
            Self::Ip(ranges) => {
                let address: IpAddr = value.parse().ok()?;
                let own = [address, address.to_canonical()];
                let holds = |range: &IpNet| own.iter().any(|address| range.contains(address));
                ranges.iter().any(holds)
            }
            Self::Null(_) => return None,
        })
    }

    /// The number of values.
    fn len(&self) -> usize {
        match self {
            Self::String(texts, _) | Self::Arn(texts) | Self::Bool(texts) => texts.len(),
            Self::Numeric(numbers, _) => numbers.len(),
            Self::Date(moments, _) => moments.len(),
            Self::Binary(all) => all.len(),
            Self::Ip(ranges) => ranges.len(),
            Self::Null(wanted) => wanted.len(),
        }
    }

    /// The values up to their first wildcards; `None` if they aren't strings, or one has variables.
    pub(super) fn beginnings(&self) -> Option<Vec<ConditionValue>> {
        let Self::String(texts, _) = self else {
            return None;
        };
        let beginning = |text: &Template| match text {
            Template::Fixed(glyphs) => {
                let literal = |glyph: &Glyph| match glyph {
                    Glyph::Char(char) => Some(*char),
                    Glyph::One(_) | Glyph::Many(_) => None,
                };
                Some(ConditionValue {
                    beginning: glyphs.iter().map_while(literal).collect(),
                    has_wildcards: !glyphs.iter().all(|glyph| literal(glyph).is_some()),
                })
            }
            Template::Open(_) => None,
        };
        texts.iter().map(beginning).collect()
    }

    /// The keys of variables that have no value on this server, and no default.
    pub(super) fn unset_keys(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::String(texts, _) | Self::Arn(texts) | Self::Bool(texts) => texts.as_slice(),
            _ => &[],
        };
        texts.iter().flat_map(Template::unset_keys)
    }

    /// Whether all values are strings without variables and with a letter or digit besides wildcards.
    pub(super) fn names_values(&self) -> bool {
        let is_name = |glyph: &Glyph| matches!(glyph, Glyph::Char(char) if char.is_alphanumeric());
        match self {
            Self::String(texts, _) => texts.iter().all(|text| match text {
                Template::Fixed(glyphs) => glyphs.iter().any(is_name),
                Template::Open(_) => false,
            }),
            _ => false,
        }
    }
}

/// Parses a boolean in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    [true, false]
        .into_iter()
        .find(|flag| text.eq_ignore_ascii_case(if *flag { "true" } else { "false" }))
}
