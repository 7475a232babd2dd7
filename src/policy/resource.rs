//! The resources of a statement, as patterns on ARNs.

use serde_json::{Map, Value};

use super::arn;
use super::diagnostics::PolicyDiagnostics;
use super::document::PolicyKind;
use super::elements::{JsonPath, either, short, texts};
use super::glob::{Case, Glyph, WildcardSpan};
use super::statement::{Effect, Grammar};
use super::steps::BoundedContext;
use super::template::{Part, Syntax, Template, Unresolved, parts};

/// The element `Resource`, or `NotResource` as its negation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resources {
    negated: bool,
    patterns: Vec<Template>,
}

impl Resources {
    /// Whether `resource` is among them. A pattern with an unresolved variable matches nothing. In `NotResource`, that
    /// would exclude nothing, which is right for a deny and too wide for an allow: such an allow covers nothing.
    pub(super) fn cover(
        &self,
        effect: Effect,
        resource: &str,
        context: &BoundedContext<'_>,
    ) -> bool {
        if effect == Effect::Deny
            && self
                .unset_keys(effect)
                .any(|key| context.values(key).is_empty())
        {
            return true;
        }
        let mut unresolved = false;
        for pattern in &self.patterns {
            match pattern.matches(context, resource, Case::Kept) {
                Ok(true) => return !self.negated,
                Ok(false) => {}
                Err(Unresolved) => unresolved = true,
            }
        }
        self.negated && (effect == Effect::Deny || !unresolved)
    }

    /// The variables without a value on this server that let something through in a statement of this effect: a resource
    /// with such a variable is never denied.
    pub(super) fn unset_keys(&self, effect: Effect) -> impl Iterator<Item = &str> {
        let counts = effect == Effect::Deny && !self.negated;
        let patterns = if counts {
            self.patterns.as_slice()
        } else {
            &[]
        };
        patterns.iter().flat_map(Template::unset_keys)
    }

    /// Parses the element and adds its errors. `None` in a trust policy, which has no resources.
    pub(super) fn read(
        members: &Map<String, Value>,
        grammar: Grammar,
        path: &JsonPath<'_>,
        diagnostics: &mut PolicyDiagnostics,
    ) -> Option<Self> {
        const NONE: &str = "Policy statement must contain resources.";
        if grammar.kind == PolicyKind::Trust {
            if members.contains_key("Resource") {
                diagnostics.note(path, "Has prohibited field Resource");
            }
            if members.contains_key("NotResource") {
                diagnostics.note(path, "AssumeRole policy must not contain resources.");
            }
            return None;
        }
        let Some((name, value, negated)) =
            either(members, ["Resource", "NotResource"], path, diagnostics)
        else {
            diagnostics.note(path, NONE);
            return None;
        };
        let path = path.member(name);
        let patterns = texts(
            value,
            NONE,
            |text| pattern(text, grammar),
            &path,
            diagnostics,
        );
        Some(Self { negated, patterns })
    }
}

/// Parses `*` or an ARN with wildcards and, after its fifth colon, variables, or answers the error.
/// An ARN with fewer than six parts is completed with `*`, but in session policies
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
fn pattern(text: &str, grammar: Grammar) -> Result<Template, String> {
    let many = Part::Glyph(Glyph::Many(WildcardSpan::Anything));
    if text == "*" {
        return Ok(Template::from_parts(vec![many]));
    }
    let syntax = Syntax {
        wildcards: true,
        variables: grammar.variables,
    };
    let mut pattern = parts(text, syntax)?;
    let missing = arn::PARTS - check(&pattern, text, grammar.kind)?;
    for _ in 0..missing {
        pattern.extend([Part::Glyph(Glyph::Char(':')), many.clone()]);
    }
    arn::keep_within_parts(&mut pattern);
    Ok(Template::from_parts(pattern))
}

/// Checks the pattern of an ARN; answers the number of its parts.
fn check(pattern: &[Part], text: &str, kind: PolicyKind) -> Result<usize, String> {
    let parts = arn::split(pattern);
    let shown = short(text);
    let is_variable = |part: &Part| matches!(part, Part::Variable { .. });
    if parts[0] != [char_part('a'), char_part('r'), char_part('n')] || parts.len() < 2 {
        return Err(format!("Resource {shown} must be in ARN format or \"*\"."));
    }
    if parts
        .iter()
        .take(arn::PARTS - 1)
        .copied()
        .flatten()
        .any(is_variable)
    {
        return Err(format!(
            "Resource {shown} has a policy variable before the fifth colon of its ARN, where none is resolved"
        ));
    }
    if !arn::plain(parts[1]).is_some_and(|partition| is_partition(&partition)) {
        let partition = text.split(':').nth(1).unwrap_or_default();
        let partition = short(partition);
        return Err(format!(
            "Partition \"{partition}\" is not valid for resource \"{shown}\"."
        ));
    }
    let vendor = parts.get(2).and_then(|vendor| arn::plain(vendor));
    if vendor.is_none_or(|vendor| vendor.is_empty()) {
        let message = "Resource vendor must be fully qualified and cannot contain regexes.";
        return Err(message.to_owned());
    }
    let complete = parts.len() == arn::PARTS;
    if !complete && kind == PolicyKind::Session {
        return Err(format!(
            "Resource {shown} is an incomplete ARN, which session policies don't support"
        ));
    }
    if !complete && parts.iter().any(|part| part.is_empty()) {
        return Err(format!(
            "The policy failed legacy parsing: resource {shown} has fewer than six parts, and one of them is empty"
        ));
    }
    if parts.last().is_none_or(|resource| resource.is_empty()) {
        return Err(format!(
            "Resource {shown} has nothing after its fifth colon"
        ));
    }
    Ok(parts.len())
}

fn char_part(char: char) -> Part {
    Part::Glyph(Glyph::Char(char))
}

fn is_partition(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text == "aws" || text.starts_with("aws-") && text.bytes().all(plain)
}
