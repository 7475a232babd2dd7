//! Strings of a policy with wildcards and variables: `home/${aws:username}/*`. They are matched and never expanded to a
//! string, so the value of a variable can't contain a wildcard or a variable.

use super::condition_keys::is_unset;
use super::context::{Context, VariableValue};
use super::glob::{Case, Glyph};
use super::steps::BoundedContext;

/// A parsed string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Template {
    /// A string without variables.
    Fixed(Vec<Glyph>),
    /// A string with at least one variable.
    Open(Vec<Part>),
}

/// A part of a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A character or a wildcard.
    Glyph(Glyph),
    /// A variable, `${key}` or `${key, 'default'}`.
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// A variable has neither a value nor a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unresolved;

/// The special characters of a string.
#[derive(Debug, Clone, Copy)]
pub(super) struct Syntax {
    /// Whether `*` and `?` are wildcards.
    pub(super) wildcards: bool,
    /// Whether `${…}` is a variable, as from version 2012-10-17 on.
    pub(super) variables: bool,
}

impl Template {
    /// Parses a string or answers the error.
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self, String> {
        parts(text, syntax).map(Self::from_parts)
    }

    /// Makes a template of these parts.
    pub(super) fn from_parts(parts: Vec<Part>) -> Self {
        let glyphs = parts.iter().map(|part| match part {
            Part::Glyph(glyph) => Some(*glyph),
            Part::Variable { .. } => None,
        });
        match glyphs.collect() {
            Some(glyphs) => Self::Fixed(glyphs),
            None => Self::Open(parts),
        }
    }

    /// The keys of its variables that have no value on this server, and no default.
    pub(super) fn unset_keys(&self) -> impl Iterator<Item = &str> {
        let parts = match self {
            Self::Fixed(_) => &[],
            Self::Open(parts) => parts.as_slice(),
        };
        parts.iter().filter_map(|part| match part {
            Part::Variable { key, default: None } => is_unset(key).then_some(key.as_str()),
            _ => None,
        })
    }

    /// Whether the whole of `text` matches.
    pub(super) fn matches(
        &self,
        context: &BoundedContext<'_>,
        text: &str,
        case: Case,
    ) -> Result<bool, Unresolved> {
        self.compare(context, text, |glyphs| context.matches(glyphs, text, case))
    }

    /// Applies `with` to the glyphs after resolving variables. If they have more characters than `text`, the answer is
    /// `false` without a call.
    pub(super) fn compare(
        &self,
        context: &BoundedContext<'_>,
        text: &str,
        with: impl FnOnce(&[Glyph]) -> bool,
    ) -> Result<bool, Unresolved> {
        match self {
            Self::Fixed(glyphs) => Ok(with(glyphs)),
            Self::Open(parts) => {
                context.spend(parts.len());
                if context.is_exhausted() {
                    return Ok(false);
                }
                let glyphs = resolve(parts, context, text.len())?;
                Ok(glyphs.is_some_and(|glyphs| with(&glyphs)))
            }
        }
    }
}

/// Resolves `parts` to glyphs; `None` if they have more than `most` characters.
fn resolve(
    parts: &[Part],
    context: &Context,
    most: usize,
) -> Result<Option<Vec<Glyph>>, Unresolved> {
    let (mut glyphs, mut characters) = (Vec::new(), 0);
    for part in parts {
        match part {
            Part::Glyph(glyph) => {
                characters += usize::from(matches!(glyph, Glyph::Char(_)));
                glyphs.push(*glyph);
            }
            Part::Variable { key, default } => {
                let value = match (context.variable(key), default) {
                    (VariableValue::Value(value), _) => value,
                    (VariableValue::Absent, Some(default)) => default,
                    (VariableValue::Absent, None) | (VariableValue::Several, _) => {
                        return Err(Unresolved);
                    }
                };
                // One character more than the limit is enough.
                let fitting = value.chars().take((most + 1).saturating_sub(characters));
                let before = glyphs.len();
                glyphs.extend(fitting.map(Glyph::Char));
                characters += glyphs.len() - before;
            }
        }
    }
    Ok((characters <= most).then_some(glyphs))
}

/// Parses the parts of a string or answers the error.
pub(super) fn parts(text: &str, syntax: Syntax) -> Result<Vec<Part>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(char) = rest.chars().next() {
        if syntax.variables && rest.starts_with("${") {
            let (part, after) = variable(&rest[2..])?;
            parts.push(part);
            rest = after;
            continue;
        }
        rest = &rest[char.len_utf8()..];
        parts.push(Part::Glyph(if syntax.wildcards {
            Glyph::of(char)
        } else {
            Glyph::Char(char)
        }));
    }
    Ok(parts)
}

/// Parses a variable after its `${`; also answers the rest after its `}`.
fn variable(text: &str) -> Result<(Part, &str), String> {
    for (escape, char) in [("*}", '*'), ("?}", '?'), ("$}", '$')] {
        if let Some(after) = text.strip_prefix(escape) {
            return Ok((Part::Glyph(Glyph::Char(char)), after));
        }
    }
    let end = text.find(['}', ',']);
    let end = end.ok_or("A policy variable that begins with ${ has no closing }")?;
    let (key, after) = (text[..end].trim_matches(' '), &text[end..]);
    if key.is_empty() || key.contains(['{', '$', '\'', '"', '*', '?']) || has_control(key) {
        return Err("A policy variable's name is invalid: write ${service:key}".to_owned());
    }
    let (default, after) = match after.strip_prefix(',') {
        None => (None, after),
        Some(after) => default(after)
            .map(|(default, after)| (Some(default.to_owned()), after))
            .ok_or("A policy variable's default is invalid: write ${service:key, 'default'}")?,
    };
    let after = after.strip_prefix('}');
    let after = after.ok_or("A policy variable that begins with ${ has no closing }")?;
    let key = key.to_ascii_lowercase();
    Ok((Part::Variable { key, default }, after))
}

/// Parses `'default'`; also answers the rest after it.
fn default(text: &str) -> Option<(&str, &str)> {
    let (default, after) = text
        .trim_start_matches(' ')
        .strip_prefix('\'')?
        .split_once('\'')?;
    Some((default, after.trim_start_matches(' ')))
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}
