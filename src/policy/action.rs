//! The actions of a statement, as patterns.

use serde_json::{Map, Value};

use super::diagnostics::PolicyDiagnostics;
use super::document::PolicyKind;
use super::elements::{JsonPath, either, short, texts};
use super::glob::{Case, Glyph, matches};

/// The element `Action`, or `NotAction` as its negation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Actions {
    negated: bool,
    patterns: Vec<Vec<Glyph>>,
}

/// The actions of trust policies. Any other action would have no effect there and is probably a typing error.
const OF_TRUST: [&str; 6] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:TagSession",
    "sts:SetSourceIdentity",
    "sts:SetContext",
];

impl Actions {
    /// Whether `action` (`service:Name`) is among them.
    pub(super) fn cover(&self, action: &str) -> bool {
        let named = |pattern: &Vec<Glyph>| matches(pattern, action, Case::Ignored);
        self.patterns.iter().any(named) != self.negated
    }

    /// Whether an action of one of these services may be among them.
    pub(super) fn may_be_of(&self, services: &[&str]) -> bool {
        let is_of = |pattern: &Vec<Glyph>, service: &str| {
            let vendor = vendor(pattern);
            vendor.is_none_or(|vendor| vendor.eq_ignore_ascii_case(service))
        };
        services.iter().any(|service| {
            let mut patterns = self
                .patterns
                .iter()
                .filter(|pattern| is_of(pattern, service));
            if self.negated {
                !patterns.any(|pattern| {
                    matches!(pattern.last(), Some(Glyph::Many(_))) && has_no_name(pattern)
                })
            } else {
                patterns.next().is_some()
            }
        })
    }

    /// Parses the element and adds its errors.
    pub(super) fn read(
        members: &Map<String, Value>,
        kind: PolicyKind,
        path: &JsonPath<'_>,
        diagnostics: &mut PolicyDiagnostics,
    ) -> Option<Self> {
        const NONE: &str = "Policy statement must contain actions.";
        let Some((name, value, negated)) =
            either(members, ["Action", "NotAction"], path, diagnostics)
        else {
            diagnostics.note(path, NONE);
            return None;
        };
        let path = path.member(name);
        let patterns = texts(value, NONE, |text| pattern(text, kind), &path, diagnostics);
        Some(Self { negated, patterns })
    }
}

/// The service of a pattern; `None` for any service.
fn vendor(pattern: &[Glyph]) -> Option<String> {
    let characters = pattern.iter().map(|glyph| match glyph {
        Glyph::Char(character) => Some(*character),
        Glyph::One(_) | Glyph::Many(_) => None,
    });
    let vendor = characters.take_while(|character| *character != Some(':'));
    vendor.collect()
}

/// Whether a pattern stands for all actions of its service: `*` or `service:*`.
fn has_no_name(pattern: &[Glyph]) -> bool {
    let before = pattern.iter().rev().nth(1);
    before.is_none_or(|glyph| *glyph == Glyph::Char(':'))
}

/// Parses `*` or `service:Name`, the name with wildcards, or answers the error.
fn pattern(text: &str, kind: PolicyKind) -> Result<Vec<Glyph>, String> {
    let glyphs: Vec<Glyph> = text.chars().map(Glyph::of).collect();
    if kind == PolicyKind::Trust && !is_of_trust(text, &glyphs) {
        return Err("AssumeRole policy may only specify STS AssumeRole actions.".to_owned());
    }
    if text == "*" {
        return Ok(glyphs);
    }
    let Some((vendor, name)) = text.split_once(':') else {
        return Err(
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".to_owned(),
        );
    };
    if name.contains(':') {
        return Err("Actions/Condition can contain only one colon.".to_owned());
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if vendor != "*" && (vendor.is_empty() || !vendor.bytes().all(is_plain)) {
        return Err(format!("Vendor {} is not valid", short(vendor)));
    }
    let is_named = |byte: u8| is_plain(byte) || b"_*?".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_named) {
        return Err(format!("Action {} is not valid", short(text)));
    }
    Ok(glyphs)
}

fn is_of_trust(text: &str, pattern: &[Glyph]) -> bool {
    let of_sts = text
        .get(..4)
        .is_some_and(|vendor| vendor.eq_ignore_ascii_case("sts:"));
    let is_one = |action: &&str| matches(pattern, action, Case::Ignored);
    of_sts && OF_TRUST.iter().any(is_one)
}
