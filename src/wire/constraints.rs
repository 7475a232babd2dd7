//! Constraints of the service models (required, length, range, pattern, enum), all that a request violates in one
//! message, in the words of the real front layer. Types are the business of `types`.
//!
//! Sources: captures of the real layers. A text with a pattern and a length reports the pattern first; a map or a list
//! of plain values is reported once, as a whole, with all the constraints of what it holds; what is sensitive is not
//! printed (`Value at 'logins' failed …`).

use std::fmt::{self, Write};

use serde_json::Value;

use super::models::{Kind, Model, Shape, ShapeId};
use crate::model::provider::PublicProvider;

/// How many characters of a value a message repeats.
const ECHO: usize = 4096;

/// How many violations a message spells out; it counts them all. A rule takes three bytes to write and four violations
/// to refuse: without a bound, whoever may sign would get a hundred times what they sent.
const SPELT_OUT: usize = 100;

/// The message about everything that `value`, which conforms to `shape`, violates; `None` if that is nothing.
pub(super) fn violations(model: &Model, shape: ShapeId, value: &Value) -> Option<String> {
    let mut check = Check {
        model,
        count: 0,
        found: Vec::new(),
    };
    check.value(&Path::Root, shape, value);
    let Check { count, found, .. } = check;
    if count == 0 {
        return None;
    }
    let plural = if count == 1 { "" } else { "s" };
    Some(format!(
        "{count} validation error{plural} detected: {}",
        found.join("; ")
    ))
}

/// Where a value stands; written only for a message, which is rare.
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

struct Check<'m> {
    model: &'m Model,
    count: usize,
    found: Vec<String>,
}

impl Check<'_> {
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
            (Kind::Structure(members), _) => {
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
            (Kind::List(of), Value::Array(elements)) => {
                self.elements(path, shape, value, *of, elements);
            }
            (Kind::Map(key, of), Value::Object(entries)) => {
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
    /// Whether its values are texts, numbers or the like.
    fn is_plain(&self) -> bool {
        !matches!(
            self.kind,
            Kind::Structure(_) | Kind::List(_) | Kind::Map(..)
        )
    }
}

fn breaks(shape: &Shape, value: &Value) -> bool {
    value.is_null() || !broken(shape, value).is_empty()
}

/// What a value breaks of its own shape's constraints, each in its words.
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

/// What a length, or a number, breaks.
fn out_of_range(shape: &Shape, measured: i64) -> impl Iterator<Item = String> {
    let max = shape.max.filter(|max| measured > *max);
    let min = shape.min.filter(|min| measured < *min);
    max.map(|max| at_most(shape, max))
        .into_iter()
        .chain(min.map(|min| at_least(shape, min)))
}

/// All constraints of a plain shape, as they stand in a message about a map or list of it.
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
    if matches!(shape.kind, Kind::Integer | Kind::Long) {
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

/// A value as Java prints it: `{k=v, k2=v2}`, `[a, b]`.
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
                // A key and a secret: whoever wrote them may keep what comes back in the log of a build.
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
