//! Finding one's way in a document: where one is, and the forms that every element shares. Not what elements mean.

use std::fmt;

use serde_json::{Map, Value};

use super::mistake::Mistakes;

/// A place in a document, as a way from its root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    before: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    Root,
    Member(&'p str),
    Element(usize),
}

impl<'p> Place<'p> {
    /// The document itself.
    pub(super) const ROOT: Place<'static> = Place {
        before: None,
        step: Step::Root,
    };

    /// A member of what is here.
    pub(super) fn member(&'p self, name: &'p str) -> Place<'p> {
        let step = Step::Member(name);
        Place {
            before: Some(self),
            step,
        }
    }

    /// An element of the list that is here; counts from 0.
    pub(super) fn element(&'p self, index: usize) -> Place<'p> {
        let step = Step::Element(index);
        Place {
            before: Some(self),
            step,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = self.before {
            before.fmt(formatter)?;
        }
        let first = self.before.is_none_or(|place| place.before.is_none());
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

/// A text of the document as it may be repeated: short and printable.
pub(super) fn short(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{}{more}", short.escape_debug())
}

/// The members of an object; notes what else stands there.
pub(super) fn object<'v>(
    value: &'v Value,
    what: &str,
    place: &Place<'_>,
    mistakes: &mut Mistakes,
) -> Option<&'v Map<String, Value>> {
    let object = value.as_object();
    if object.is_none() {
        mistakes.syntax(place, format_args!("{what} is a JSON object"));
    }
    object
}

/// Notes the members that there are not.
pub(super) fn only(
    members: &Map<String, Value>,
    known: &[&str],
    place: &Place<'_>,
    mistakes: &mut Mistakes,
) {
    for name in members
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
    {
        mistakes.syntax(place, format_args!("unknown field {}", short(name)));
    }
}

/// A member that is a text.
pub(super) fn text<'v>(
    members: &'v Map<String, Value>,
    name: &str,
    place: &Place<'_>,
    mistakes: &mut Mistakes,
) -> Option<&'v str> {
    let value = members.get(name)?;
    let text = value.as_str();
    if text.is_none() {
        mistakes.syntax(&place.member(name), format_args!("{name} is a string"));
    }
    text
}

/// One of two members that exclude each other, and whether it is the second, the negated one.
pub(super) fn either<'v>(
    members: &'v Map<String, Value>,
    names: [&'static str; 2],
    place: &Place<'_>,
    mistakes: &mut Mistakes,
) -> Option<(&'static str, &'v Value, bool)> {
    let [positive, negated] = names;
    match (members.get(positive), members.get(negated)) {
        (Some(value), None) => Some((positive, value, false)),
        (None, Some(value)) => Some((negated, value, true)),
        (None, None) => None,
        (Some(value), Some(_)) => {
            mistakes.syntax(
                place,
                format_args!("{positive} and {negated} exclude each other"),
            );
            Some((positive, value, false))
        }
    }
}

/// Reads a text, or a list of them, each with `read`, which otherwise says what is wrong with it. Of an empty list,
/// `empty` is noted.
pub(super) fn texts<T>(
    value: &Value,
    empty: &str,
    read: impl Fn(&str) -> Result<T, String>,
    place: &Place<'_>,
    mistakes: &mut Mistakes,
) -> Vec<T> {
    let mut one = |value: &Value, place: &Place<'_>| {
        let Some(text) = value.as_str() else {
            mistakes.syntax(place, "a string or a list of strings is meant");
            return None;
        };
        let read = read(text);
        read.map_err(|message| mistakes.note(place, message)).ok()
    };
    match value {
        Value::Array(list) if list.is_empty() => {
            mistakes.note(place, empty);
            Vec::new()
        }
        Value::Array(list) => {
            let elements = list.iter().enumerate();
            let read = elements.filter_map(|(at, value)| one(value, &place.element(at)));
            read.collect()
        }
        _ => one(value, place).into_iter().collect(),
    }
}
