//! Texts of a policy that may hold wildcards and variables: `home/${aws:username}/*`. Not a template engine: nothing is
//! ever written out, and what stands for a variable is never looked at for wildcards or variables again.

use super::context::{Context, Variable};
use super::glob::{Case, Glyph, matches};

/// A text, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Template {
    /// Without variables.
    Fixed(Vec<Glyph>),
    /// With at least one.
    Open(Vec<Part>),
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A character or a wildcard.
    Glyph(Glyph),
    /// `${key}` or `${key, 'default'}`.
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// There is a variable that has no value, and no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unresolved;

/// What counts in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Syntax {
    /// Whether `*` and `?` are wildcards.
    pub(super) wildcards: bool,
    /// Whether `${…}` is a variable: from version 2012-10-17 on.
    pub(super) variables: bool,
}

impl Template {
    /// Reads a text; otherwise says what is wrong with it.
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self, String> {
        parts(text, syntax).map(Self::from_parts)
    }

    /// A template of these parts.
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

    /// Whether the whole of `text` has this form.
    pub(super) fn matches(
        &self,
        context: &Context,
        text: &str,
        case: Case,
    ) -> Result<bool, Unresolved> {
        self.compare(context, text, |glyphs| matches(glyphs, text, case))
    }

    /// What `with` says of this form with its variables resolved. Where it has more characters than `text`, the answer
    /// is no without asking.
    pub(super) fn compare(
        &self,
        context: &Context,
        text: &str,
        with: impl FnOnce(&[Glyph]) -> bool,
    ) -> Result<bool, Unresolved> {
        match self {
            Self::Fixed(glyphs) => Ok(with(glyphs)),
            Self::Open(parts) => {
                let glyphs = resolve(parts, context, text.len())?;
                Ok(glyphs.is_some_and(|glyphs| with(&glyphs)))
            }
        }
    }
}

/// The glyphs of `parts`; `None` where they are more than `most` characters.
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
                    (Variable::Value(value), _) => value,
                    (Variable::Absent, Some(default)) => default,
                    (Variable::Absent, None) | (Variable::Several, _) => return Err(Unresolved),
                };
                // One character more than fit is enough to know.
                let fitting = value.chars().take((most + 1).saturating_sub(characters));
                let before = glyphs.len();
                glyphs.extend(fitting.map(Glyph::Char));
                characters += glyphs.len() - before;
            }
        }
    }
    Ok((characters <= most).then_some(glyphs))
}

/// Reads the pieces of a text; otherwise says what is wrong with it.
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

/// Reads a variable whose `${` was taken off; also gives what stands behind its `}`.
fn variable(text: &str) -> Result<(Part, &str), String> {
    for (escape, char) in [("*}", '*'), ("?}", '?'), ("$}", '$')] {
        if let Some(after) = text.strip_prefix(escape) {
            return Ok((Part::Glyph(Glyph::Char(char)), after));
        }
    }
    let end = text.find(['}', ',']);
    let end = end.ok_or("A policy variable begins with ${ and has no end")?;
    let (key, after) = (text[..end].trim_matches(' '), &text[end..]);
    if key.is_empty() || key.contains(['{', '$', '\'', '"', '*', '?']) || has_control(key) {
        return Err("A policy variable's name is not one: ${service:key} is meant".to_owned());
    }
    let (default, after) = match after.strip_prefix(',') {
        None => (None, after),
        Some(after) => default(after)
            .map(|(default, after)| (Some(default.to_owned()), after))
            .ok_or("A policy variable's default is not one: ${service:key, 'default'} is meant")?,
    };
    let after = after.strip_prefix('}');
    let after = after.ok_or("A policy variable begins with ${ and has no end")?;
    let key = key.to_ascii_lowercase();
    Ok((Part::Variable { key, default }, after))
}

/// Reads `'default'`; also gives what stands behind it.
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
