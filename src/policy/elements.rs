//! The forms that all elements of a document share, and the paths of elements.

use std::fmt;

use serde_json::{Map, Value};

use super::diagnostics::PolicyDiagnostics;

/// The path of an element in a document, as a linked list from the element to the root.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonPath<'p> {
    before: Option<&'p JsonPath<'p>>,
    step: Step<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    Root,
    Member(&'p str),
    Element(usize),
}

impl<'p> JsonPath<'p> {
    /// The path of the document itself.
    pub(super) const ROOT: JsonPath<'static> = JsonPath {
        before: None,
        step: Step::Root,
    };

    /// The path of a member.
    pub(super) fn member(&'p self, name: &'p str) -> JsonPath<'p> {
        let step = Step::Member(name);
        JsonPath {
            before: Some(self),
            step,
        }
    }

    /// The path of an array's element, counted from 0.
    pub(super) fn element(&'p self, index: usize) -> JsonPath<'p> {
        let step = Step::Element(index);
        JsonPath {
            before: Some(self),
            step,
        }
    }
}

impl fmt::Display for JsonPath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = self.before {
            before.fmt(formatter)?;
        }
        let first = self.before.is_none_or(|path| path.before.is_none());
        let is_word =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        match self.step {
            Step::Root => Ok(()),
            Step::Member(name) if is_word(name) => {
                let dot = if first { "" } else { "." };
                write!(formatter, "{dot}{}", short(name))
            }
            Step::Member(name) => write!(formatter, "[{}]", short(name)),
            Step::Element(index) => write!(formatter, "[{index}]"),
        }
    }
}

/// Shortens a string of the document and makes it printable, for use in an error.
pub(super) fn short(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{}{more}", short.escape_debug())
}

/// Reads an object; adds an error for any other value.
pub(super) fn object<'v>(
    value: &'v Value,
    what: &str,
    path: &JsonPath<'_>,
    diagnostics: &mut PolicyDiagnostics,
) -> Option<&'v Map<String, Value>> {
    let object = value.as_object();
    if object.is_none() {
        diagnostics.syntax(path, format_args!("{what} is a JSON object"));
    }
    object
}

/// Adds an error for each unknown member.
pub(super) fn only(
    members: &Map<String, Value>,
    known: &[&str],
    path: &JsonPath<'_>,
    diagnostics: &mut PolicyDiagnostics,
) {
    for name in members
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
    {
        diagnostics.syntax(path, format_args!("unknown field {}", short(name)));
    }
}

/// Reads a member that must be a string.
pub(super) fn text<'v>(
    members: &'v Map<String, Value>,
    name: &str,
    path: &JsonPath<'_>,
    diagnostics: &mut PolicyDiagnostics,
) -> Option<&'v str> {
    let value = members.get(name)?;
    let text = value.as_str();
    if text.is_none() {
        diagnostics.syntax(&path.member(name), format_args!("{name} is a string"));
    }
    text
}

/// Reads one of two members that exclude each other; answers whether it is the second, the negated one.
pub(super) fn either<'v>(
    members: &'v Map<String, Value>,
    names: [&'static str; 2],
    path: &JsonPath<'_>,
    diagnostics: &mut PolicyDiagnostics,
) -> Option<(&'static str, &'v Value, bool)> {
    let [positive, negated] = names;
    match (members.get(positive), members.get(negated)) {
        (Some(value), None) => Some((positive, value, false)),
        (None, Some(value)) => Some((negated, value, true)),
        (None, None) => None,
        (Some(value), Some(_)) => {
            diagnostics.syntax(
                path,
                format_args!("{positive} and {negated} exclude each other"),
            );
            Some((positive, value, false))
        }
    }
}

/// Reads a string or an array of strings. `read` parses each or answers an error; `empty` is the error of an empty array.
pub(super) fn texts<T>(
    value: &Value,
    empty: &str,
    read: impl Fn(&str) -> Result<T, String>,
    path: &JsonPath<'_>,
    diagnostics: &mut PolicyDiagnostics,
) -> Vec<T> {
    let mut one = |value: &Value, path: &JsonPath<'_>| {
        let Some(text) = value.as_str() else {
            diagnostics.syntax(path, "must be a string or an array of strings");
            return None;
        };
        let read = read(text);
        read.map_err(|message| diagnostics.note(path, message)).ok()
    };
    match value {
        Value::Array(list) if list.is_empty() => {
            diagnostics.note(path, empty);
            Vec::new()
        }
        Value::Array(list) => {
            let elements = list.iter().enumerate();
            let read = elements.filter_map(|(at, value)| one(value, &path.element(at)));
            read.collect()
        }
        _ => one(value, path).into_iter().collect(),
    }
}
