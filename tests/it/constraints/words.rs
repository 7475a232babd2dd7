//! What the service says about a request that violates constraints of its model: a second implementation, which knows
//! nothing of the server's. The forms are those that `by_hand` holds.

use serde_json::Value;

use super::patterns::pattern;
use crate::service_model::{ServiceModel, list, text};

/// How many violations a message spells out.
const SPELT_OUT: usize = 100;

/// How many characters of a value are repeated.
const REPEATED: usize = 4096;

/// The message about a request; nothing where it is good.
pub fn message(model: &ServiceModel, shape: &str, request: &Value) -> Option<String> {
    let all = structure(model, shape, "", request);
    let errors = match all.len() {
        0 => return None,
        1 => "1 validation error".to_owned(),
        count => format!("{count} validation errors"),
    };
    let spelt_out = &all[..all.len().min(SPELT_OUT)];
    Some(format!("{errors} detected: {}", spelt_out.join("; ")))
}

fn structure(model: &ServiceModel, shape: &str, path: &str, value: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (name, member, required) in model.members(shape) {
        let (first, rest) = name.split_at(1);
        let name_there = format!("{}{rest}", first.to_lowercase());
        let path = if path.is_empty() {
            name_there
        } else {
            format!("{path}.{name_there}")
        };
        match &value[name] {
            Value::Null if required => all.push(format!(
                "Value null at '{path}' failed to satisfy constraint: Member must not be null"
            )),
            Value::Null => {}
            inner => all.extend(anything(model, member, &path, inner)),
        }
    }
    all
}

fn anything(model: &ServiceModel, shape: &str, path: &str, value: &Value) -> Vec<String> {
    let says = |words: String| {
        let shown = if model.is_sensitive(shape) {
            String::new()
        } else {
            format!(" '{}'", cut(&in_java(value)))
        };
        format!("Value{shown} at '{path}' failed to satisfy constraint: {words}")
    };
    let mut all: Vec<String> = broken(model, shape, value).into_iter().map(says).collect();
    match value {
        Value::Array(elements) => {
            let of = model.part(shape, "member");
            let rules = kept(model, of);
            if !model.is_plain(of) {
                for (at, element) in (1..).zip(elements) {
                    all.extend(structure(
                        model,
                        of,
                        &format!("{path}.{at}.member"),
                        element,
                    ));
                }
            } else if elements
                .iter()
                .any(|element| !broken(model, of, element).is_empty())
            {
                all.push(says(format!("Member must satisfy constraint: [{rules}]")));
            }
        }
        Value::Object(_) if model.kind(shape) == "structure" => {
            all.extend(structure(model, shape, path, value));
        }
        Value::Object(entries) => {
            let (keys, of) = (model.part(shape, "key"), model.part(shape, "value"));
            let bad = |key: &String| !broken(model, keys, &Value::from(key.as_str())).is_empty();
            if entries.keys().any(bad) {
                let rules = kept(model, keys);
                all.push(says(format!("Map keys must satisfy constraint: [{rules}]")));
            }
            let null = entries.values().any(Value::is_null);
            let mut rules = vec![kept(model, of)];
            if null {
                rules.push("Member must not be null".to_owned());
            }
            rules.retain(|rule| !rule.is_empty());
            let bad = |inner: &Value| model.is_plain(of) && !broken(model, of, inner).is_empty();
            if null || entries.values().any(bad) {
                let rules = rules.join(", ");
                all.push(says(format!(
                    "Map value must satisfy constraint: [{rules}]"
                )));
            }
            for (key, inner) in entries {
                if inner.is_object() {
                    let key: String = key.chars().take(REPEATED).collect();
                    all.extend(structure(model, of, &format!("{path}.{key}.member"), inner));
                }
            }
        }
        _ => {}
    }
    all
}

/// What a value breaks by itself.
fn broken(model: &ServiceModel, shape: &str, value: &Value) -> Vec<String> {
    let constraint = model.shape(shape);
    let measured = match (value, model.kind(shape)) {
        (Value::String(text), _) => text.chars().count(),
        (Value::Array(elements), _) => elements.len(),
        (Value::Object(entries), "map") => entries.len(),
        (Value::Number(number), _) => return out_of_range(constraint, number.as_i64().unwrap()),
        _ => return vec![],
    };
    let mut all = Vec::new();
    if let Value::String(value) = value {
        let set = list(&constraint["enum"]);
        if !set.is_empty() && !set.contains(&value.as_str()) {
            all.push(one_of(&set));
        }
        if let Some(written) = constraint["pattern"].as_str()
            && !(pattern(written).matches)(value)
        {
            all.push(matching(written));
        }
    }
    let measured = i64::try_from(measured).unwrap();
    if constraint["max"].as_i64().is_some_and(|max| measured > max) {
        all.push(bound("length", "less", &constraint["max"]));
    }
    if constraint["min"].as_i64().is_some_and(|min| measured < min) {
        all.push(bound("length", "greater", &constraint["min"]));
    }
    all
}

fn out_of_range(constraint: &Value, number: i64) -> Vec<String> {
    if number > constraint["max"].as_i64().unwrap_or(i64::MAX) {
        vec![bound("value", "less", &constraint["max"])]
    } else if number < constraint["min"].as_i64().unwrap_or(i64::MIN) {
        vec![bound("value", "greater", &constraint["min"])]
    } else {
        vec![]
    }
}

/// All that a plain shape asks for, as a message about a list or a map repeats it.
fn kept(model: &ServiceModel, shape: &str) -> String {
    let constraint = model.shape(shape);
    let measure = if model.kind(shape) == "string" {
        "length"
    } else {
        "value"
    };
    let set = list(&constraint["enum"]);
    let rules = [
        (!constraint["max"].is_null()).then(|| bound(measure, "less", &constraint["max"])),
        (!constraint["min"].is_null()).then(|| bound(measure, "greater", &constraint["min"])),
        constraint["pattern"].as_str().map(matching),
        (!set.is_empty()).then(|| one_of(&set)),
    ];
    rules.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn bound(measure: &str, way: &str, than: &Value) -> String {
    format!("Member must have {measure} {way} than or equal to {than}")
}

fn matching(written: &str) -> String {
    format!("Member must satisfy regular expression pattern: {written}")
}

fn one_of(set: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", set.join(", "))
}

/// A value as Java prints it.
fn in_java(value: &Value) -> String {
    match value {
        Value::String(_) => text(value).to_owned(),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(in_java).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| format!("{key}={}", in_java(value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= REPEATED {
        return text.to_owned();
    }
    text.chars().take(REPEATED).chain("...".chars()).collect()
}
