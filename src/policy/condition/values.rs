//! The values that a policy compares with. Not how they are written, nor which of a key's values are compared.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use jiff::Timestamp;

use super::date;
use super::decimal::Decimal;
use super::operator::Order;
use crate::policy::arn;
use crate::policy::context::Context;
use crate::policy::glob::{Case, Glyph};
use crate::policy::template::Template;

/// The policy's values for one key under one operator; never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Values {
    /// With texts, wildcards and variables included.
    String(Vec<Template>, Case),
    /// With ARNs, wildcards and variables included.
    Arn(Vec<Template>),
    /// With numbers.
    Numeric(Vec<Decimal>, Order),
    /// With moments.
    Date(Vec<Timestamp>, Order),
    /// With true or false, variables included.
    Bool(Vec<Template>),
    /// With bytes.
    Binary(Vec<Vec<u8>>),
    /// With ranges of addresses.
    Ip(Vec<IpNet>),
    /// With whether there is none.
    Null(Vec<bool>),
}

impl Values {
    /// Whether one value of a key compares to any of the policy's. `None`: it is no value of the kind, and can't be
    /// compared. An ARN is a text like others in that.
    pub(super) fn passes(&self, value: &str, context: &Context) -> Option<bool> {
        Some(match self {
            Self::String(texts, case) => {
                let same = |text: &Template| text.matches(context, value, *case);
                texts.iter().any(|text| same(text) == Ok(true))
            }
            Self::Arn(arns) => arns.iter().any(|arn| {
                let by_part = |glyphs: &[Glyph]| arn::matches_by_part(glyphs, value);
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

    /// Whether these are texts, each one without variables and with a letter or digit besides its wildcards.
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

/// Reads a truth value, whatever the case of its letters.
pub(super) fn boolean(text: &str) -> Option<bool> {
    [true, false]
        .into_iter()
        .find(|flag| text.eq_ignore_ascii_case(if *flag { "true" } else { "false" }))
}
