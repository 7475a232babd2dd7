//! Constraints of the service models (required, length, range, pattern, enum): one message with all violations of a
//! request, in the real service's words. `types` checks types.
//!
//! Sources: captures of the real service. A string reports its pattern before its length. A map or a list of plain values
//! is reported once, as a whole, with all constraints of its elements. Sensitive values aren't printed (`Value at 'logins' failed …`).

use std::fmt::{self, Write};

use serde_json::Value;

use super::{Model, Shape, ShapeId, ShapeKind};
use crate::model::provider::PublicProvider;

/// The most characters of a value in a message.
const ECHO: usize = 4096;

/// The most violations that a message describes; it counts them all. A rule of three bytes can have four violations, so
/// without a bound an answer could be a hundred times as long as its request (amplification).
const SPELT_OUT: usize = 100;

/// The message with all violations of `value`, which conforms to `shape`; `None` if there are none.
pub(crate) fn violations(model: &Model, shape: ShapeId, value: &Value) -> Option<String> {
    let mut check = ConstraintCheck {
        model,
        count: 0,
        found: Vec::new(),
    };
    check.value(&Path::Root, shape, value);
    let ConstraintCheck { count, found, .. } = check;
    if count == 0 {
        return None;
    }
    let plural = if count == 1 { "" } else { "s" };
    Some(format!(
        "{count} validation error{plural} detected: {}",
        found.join("; ")
    ))
}

/// The path of a value; formatted only for a message, which is rare.
enum Path<'p> {
    Root,
    /// A member of a structure, by its name in the model.
    Member(&'p Path<'p>, &'p str),
    /// An element of a list, from 0.
    Element(&'p Path<'p>, usize),
    /// A value of a map, by its key.
    Value(&'p Path<'p>, &'p str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Self::Root, name) => formatter.write_str(&lower_camel(name)),
            Self::Member(above, name) => write!(formatter, "{above}.{}", lower_camel(name)),
            Self::Element(above, at) => write!(formatter, "{above}.{}.member", at + 1),
            Self::Value(above, key) => {
                let key: String = key.chars().take(ECHO).collect();
                write!(formatter, "{above}.{key}.member")
            }
        }
    }
}

struct ConstraintCheck<'m> {
    model: &'m Model,
    count: usize,
    found: Vec<String>,
}

impl ConstraintCheck<'_> {
    fn report(&mut self, path: &Path<'_>, shape: &Shape, value: Option<&Value>, words: &str) {
        self.count += 1;
        if self.count > SPELT_OUT {
            return;
        }
        let shown = match value {
            None => "Value null".to_owned(),
            Some(_) if shape.sensitive => "Value".to_owned(),
            Some(value) => format!("Value '{}'", shown(value)),
        };
        self.found.push(format!(
            "{shown} at '{path}' failed to satisfy constraint: {words}"
        ));
    }

    fn value(&mut self, path: &Path<'_>, id: ShapeId, value: &Value) {
        let shape = self.model.shape(id);
        for words in broken(shape, value) {
            self.report(path, shape, Some(value), &words);
        }
        match (&shape.kind, value) {
            (ShapeKind::Structure(members), _) => {
                for member in members {
                    let path = Path::Member(path, &member.name);
                    match value.get(&member.name) {
                        Some(inner) => self.value(&path, member.shape, inner),
                        None if member.required => {
                            self.report(
                                &path,
                                self.model.shape(member.shape),
                                None,
                                "Member must not be null",
                            );
                        }
                        None => {}
                    }
                }
            }
            (ShapeKind::List(of), Value::Array(elements)) => {
                self.elements(path, shape, value, *of, elements);
            }
            (ShapeKind::Map(key, of), Value::Object(entries)) => {
                let keys = self.model.shape(*key);
                if entries.keys().any(|key| !broken_text(keys, key).is_empty()) {
                    let words =
                        format!("Map keys must satisfy constraint: [{}]", rules(keys, false));
                    self.report(path, shape, Some(value), &words);
                }
                self.values(path, shape, value, *of, entries);
            }
            _ => {}
        }
    }

    fn elements(
        &mut self,
        path: &Path<'_>,
        list: &Shape,
        value: &Value,
        of: ShapeId,
        elements: &[Value],
    ) {
        let element = self.model.shape(of);
        if element.is_plain() {
            if elements.iter().any(|value| breaks(element, value)) {
                let words = format!(
                    "Member must satisfy constraint: [{}]",
                    rules(element, false)
                );
                self.report(path, list, Some(value), &words);
            }
            return;
        }
        for (at, value) in elements.iter().enumerate() {
            self.value(&Path::Element(path, at), of, value);
        }
    }

    fn values(
        &mut self,
        path: &Path<'_>,
        map: &Shape,
        value: &Value,
        of: ShapeId,
        entries: &serde_json::Map<String, Value>,
    ) {
        let of_value = self.model.shape(of);
        let null = entries.values().any(Value::is_null);
        if null || (of_value.is_plain() && entries.values().any(|value| breaks(of_value, value))) {
            let words = format!(
                "Map value must satisfy constraint: [{}]",
                rules(of_value, null)
            );
            self.report(path, map, Some(value), &words);
        }
        if !of_value.is_plain() {
            for (key, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
                self.value(&Path::Value(path, key), of, value);
            }
        }
    }
}

impl Shape {
    /// Whether its values are scalars.
    fn is_plain(&self) -> bool {
        !matches!(
            self.kind,
            ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(..)
        )
    }
}

fn breaks(shape: &Shape, value: &Value) -> bool {
    value.is_null() || !broken(shape, value).is_empty()
}

/// The violations of a value's own shape, each as a sentence.
fn broken(shape: &Shape, value: &Value) -> Vec<String> {
    let measured = match value {
        Value::String(text) => return broken_text(shape, text),
        Value::Array(elements) => count(elements.len()),
        Value::Object(entries) => count(entries.len()),
        Value::Number(number) => number.as_i64().unwrap_or(i64::MAX),
        _ => return Vec::new(),
    };
    out_of_range(shape, measured).collect()
}

fn broken_text(shape: &Shape, text: &str) -> Vec<String> {
    let mut words = Vec::new();
    if !shape.values.is_empty() && !shape.values.iter().any(|value| value == text) {
        words.push(one_of(shape));
    }
    if let Some(pattern) = shape
        .pattern
        .as_ref()
        .filter(|pattern| !pattern.matches(text))
    {
        words.push(matching(&pattern.text));
    }
    if shape.min.is_some() || shape.max.is_some() {
        words.extend(out_of_range(shape, count(text.chars().count())));
    }
    words
}

/// The violations of a length or a number.
fn out_of_range(shape: &Shape, measured: i64) -> impl Iterator<Item = String> {
    let max = shape.max.filter(|max| measured > *max);
    let min = shape.min.filter(|min| measured < *min);
    max.map(|max| at_most(shape, max))
        .into_iter()
        .chain(min.map(|min| at_least(shape, min)))
}

/// All constraints of a scalar shape, for a message about a map or a list of it.
fn rules(shape: &Shape, not_null: bool) -> String {
    let mut words = Vec::new();
    words.extend(shape.max.map(|max| at_most(shape, max)));
    words.extend(shape.min.map(|min| at_least(shape, min)));
    words.extend(
        shape
            .pattern
            .as_ref()
            .map(|pattern| matching(&pattern.text)),
    );
    words.extend((!shape.values.is_empty()).then(|| one_of(shape)));
    words.extend(not_null.then(|| "Member must not be null".to_owned()));
    words.join(", ")
}

fn at_most(shape: &Shape, max: i64) -> String {
    format!(
        "Member must have {} less than or equal to {max}",
        measure(shape)
    )
}

fn at_least(shape: &Shape, min: i64) -> String {
    format!(
        "Member must have {} greater than or equal to {min}",
        measure(shape)
    )
}

fn measure(shape: &Shape) -> &'static str {
    if matches!(shape.kind, ShapeKind::Integer | ShapeKind::Long) {
        "value"
    } else {
        "length"
    }
}

fn matching(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn one_of(shape: &Shape) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        shape.values.join(", ")
    )
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn lower_camel(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(letters)
        .collect()
}

/// Formats a value like Java: `{k=v, k2=v2}`, `[a, b]`.
fn shown(value: &Value) -> String {
    let mut text = String::new();
    show(value, &mut text);
    match text.char_indices().nth(ECHO) {
        Some((cut, _)) => text[..cut].to_owned() + "...",
        None => text,
    }
}

fn has_consumer_secret(key: &str) -> bool {
    PublicProvider::named(key).is_some_and(PublicProvider::has_consumer_secret)
}

fn show(value: &Value, into: &mut String) {
    match value {
        Value::String(text) => into.push_str(text),
        Value::Array(elements) => {
            into.push('[');
            for (at, element) in elements.iter().enumerate() {
                into.push_str(if at == 0 { "" } else { ", " });
                show(element, into);
            }
            into.push(']');
        }
        Value::Object(entries) => {
            into.push('{');
            for (at, (key, value)) in entries.iter().enumerate() {
                into.push_str(if at == 0 { "" } else { ", " });
                into.push_str(key);
                into.push('=');
                // The value contains a secret, which the client might write to a log.
                if value.is_string() && has_consumer_secret(key) {
                    into.push_str("...");
                } else {
                    show(value, into);
                }
            }
            into.push('}');
        }
        other => write!(into, "{other}").expect("a string takes what is written"),
    }
}
