//! The places of a request, and what to put there so that it breaks one constraint, or just keeps it.

use serde_json::{Map, Value, json};

use super::patterns::pattern;
use crate::service_model::{ServiceModel, list};

/// A value within a request.
pub struct Place {
    /// Where it is.
    pub pointer: String,
    /// The name of its shape.
    pub shape: String,
    /// Its value there.
    pub value: Value,
    /// What it is to what holds it.
    pub slot: Slot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Whole,
    Required,
    Optional,
    Element,
    MapValue,
}

/// All places of a request, the whole first.
pub fn places(model: &ServiceModel, input: &str, request: &Value) -> Vec<Place> {
    let mut all = Vec::new();
    gather(model, String::new(), input, request, Slot::Whole, &mut all);
    all
}

fn gather(
    model: &ServiceModel,
    pointer: String,
    shape: &str,
    value: &Value,
    slot: Slot,
    all: &mut Vec<Place>,
) {
    let inside = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
    let mut within: Vec<(String, &str, &Value, Slot)> = Vec::new();
    match model.kind(shape) {
        "structure" => {
            // Of a union, one member is there.
            let is_union = model.shape(shape)["union"] == true;
            for (name, member, required) in model.members(shape) {
                let Some(value) = value.get(name) else {
                    assert!(is_union, "the request at {pointer} leaves {name} out");
                    continue;
                };
                let slot = if required {
                    Slot::Required
                } else {
                    Slot::Optional
                };
                within.push((inside(name), member, value, slot));
            }
        }
        "list" => {
            let elements = value.as_array().expect("a list");
            assert!(!elements.is_empty(), "the list at {pointer} is empty");
            for (at, element) in elements.iter().enumerate() {
                let of = model.part(shape, "member");
                within.push((inside(&at.to_string()), of, element, Slot::Element));
            }
        }
        "map" => {
            let entries = value.as_object().expect("a map");
            assert!(!entries.is_empty(), "the map at {pointer} is empty");
            for (key, value) in entries {
                let of = model.part(shape, "value");
                within.push((inside(key), of, value, Slot::MapValue));
            }
        }
        _ => {}
    }
    let within: Vec<_> = within
        .into_iter()
        .map(|(pointer, shape, value, slot)| (pointer, shape.to_owned(), value, slot))
        .collect();
    all.push(Place {
        pointer,
        shape: shape.to_owned(),
        value: value.clone(),
        slot,
    });
    for (pointer, shape, value, slot) in within {
        gather(model, pointer, &shape, value, slot, all);
    }
}

impl Place {
    /// The request with another value at this place.
    pub fn with(&self, request: &Value, value: Value) -> Value {
        let mut request = request.clone();
        *request.pointer_mut(&self.pointer).expect("a place of it") = value;
        request
    }

    /// The request without this place.
    pub fn without(&self, request: &Value) -> Value {
        let mut request = request.clone();
        let (holder, name) = self.pointer.rsplit_once('/').expect("a part");
        let name = name.replace("~1", "/").replace("~0", "~");
        match request.pointer_mut(holder).expect("its holder") {
            Value::Object(members) => {
                members.shift_remove(&name);
            }
            Value::Array(elements) => {
                elements.remove(name.parse().expect("an index"));
            }
            _ => panic!("{holder} holds nothing"),
        }
        request
    }

    /// Values for this place that break what its own shape asks for, or that of its keys.
    pub fn breaking(&self, model: &ServiceModel) -> Vec<Value> {
        match &self.value {
            Value::String(text) => breaking_texts(model.shape(&self.shape), text),
            Value::Number(_) => breaking_numbers(model.shape(&self.shape)),
            Value::Array(elements) => self.breaking_lists(model, elements),
            Value::Object(entries) if model.kind(&self.shape) == "map" => {
                self.breaking_maps(model, entries)
            }
            _ => vec![],
        }
    }

    fn breaking_lists(&self, model: &ServiceModel, elements: &[Value]) -> Vec<Value> {
        let shape = model.shape(&self.shape);
        let mut all = Vec::new();
        if shape["min"].as_i64().is_some_and(|min| min > 0) {
            all.push(json!([]));
        }
        if let Some(max) = length(&shape["max"]) {
            all.push(json!(vec![&elements[0]; max + 1]));
        }
        all
    }

    fn breaking_maps(&self, model: &ServiceModel, entries: &Map<String, Value>) -> Vec<Value> {
        let keys = model.part(&self.shape, "key");
        let renamed = |name: Value| {
            let mut entries = entries.clone();
            let (_, value) = entries.shift_remove_entry(&first(entries.keys())).unwrap();
            entries.insert(name.as_str().unwrap().to_owned(), value);
            Value::Object(entries)
        };
        let key = first(entries.keys());
        let mut all: Vec<Value> = breaking_texts(model.shape(keys), &key)
            .into_iter()
            .map(renamed)
            .collect();
        if let Some(max) = length(&model.shape(&self.shape)["max"]) {
            all.push(grown(entries, max + 1));
        }
        all
    }

    /// Values for this place that only just keep what its shape asks for, each alone at its place.
    pub fn keeping(&self, model: &ServiceModel) -> Vec<Value> {
        let shape = model.shape(&self.shape);
        let (min, max) = (length(&shape["min"]), length(&shape["max"]));
        match &self.value {
            Value::String(text) => {
                let set = list(&shape["enum"]);
                let mut all: Vec<Value> = set.into_iter().map(Value::from).collect();
                let short = min.filter(|_| shape["enum"].is_null() && can_be_long(shape));
                // A pattern may ask for more than the least length.
                let short = short.map(|min| text.chars().rev().take(min).collect::<String>());
                let fits = |text: &String| {
                    shape["pattern"]
                        .as_str()
                        .is_none_or(|written| (pattern(written).matches)(text))
                };
                all.extend(short.filter(fits).map(Value::from));
                all.extend(
                    max.filter(|_| can_be_long(shape))
                        .map(|max| Value::from(longer(shape, text, max))),
                );
                all
            }
            Value::Number(_) => vec![shape["min"].clone(), shape["max"].clone()],
            Value::Array(elements) => {
                let lengths = min.into_iter().chain(max);
                lengths
                    .map(|length| json!(vec![&elements[0]; length]))
                    .collect()
            }
            Value::Object(entries) if model.kind(&self.shape) == "map" => {
                let keys = model.shape(model.part(&self.shape, "key"));
                let mut all = vec![json!({})];
                all.extend(
                    max.filter(|_| can_be_long(keys))
                        .map(|max| grown(entries, max)),
                );
                if let Some(max) = length(&keys["max"]).filter(|_| can_be_long(keys)) {
                    let key = longer(keys, "a", max);
                    all.push(json!({ key: entries.values().next() }));
                }
                all
            }
            Value::Bool(_) => vec![json!(true), json!(false)],
            _ => vec![],
        }
    }
}

fn breaking_texts(shape: &Value, good: &str) -> Vec<Value> {
    let mut all: Vec<String> = Vec::new();
    if let Some(first) = list(&shape["enum"]).first() {
        let mut in_other_capitals = first.to_lowercase();
        if in_other_capitals == *first {
            in_other_capitals = first.to_uppercase();
        }
        all.extend([in_other_capitals, format!("{first}x"), String::new()]);
    }
    let (min, max) = (length(&shape["min"]), length(&shape["max"]));
    let spoiler = shape["pattern"]
        .as_str()
        .map(|written| pattern(written).spoiler);
    if let Some(min) = min.filter(|min| *min > 0) {
        all.push(good.chars().take(min - 1).collect());
        // Too short and of the wrong letters.
        all.extend(
            spoiler
                .filter(|_| min > 1)
                .map(|letter| letter.to_string().repeat(min - 1)),
        );
    }
    if let Some(max) = max {
        all.push(longer(shape, good, max + 1));
        all.extend(spoiler.map(|letter| longer(shape, good, max) + &letter.to_string()));
    }
    if let Some(spoiler) = spoiler {
        let mut letters: Vec<char> = good.chars().collect();
        *letters.last_mut().expect("a good text has letters") = spoiler;
        all.push(letters.into_iter().collect());
    }
    all.into_iter().map(Value::from).collect()
}

fn breaking_numbers(shape: &Value) -> Vec<Value> {
    let (min, max) = (shape["min"].as_i64(), shape["max"].as_i64());
    let beyond = [
        min.map(|min| min - 1),
        min.map(|_| i64::MIN),
        max.map(|max| max + 1),
        max.map(|_| i64::MAX),
    ];
    beyond.into_iter().flatten().map(Value::from).collect()
}

/// A text of `length` characters that begins as `good` and keeps its pattern, if that can be.
fn longer(shape: &Value, good: &str, length: usize) -> String {
    let filler = shape["pattern"]
        .as_str()
        .map_or(Some('é'), |written| pattern(written).filler);
    good.chars()
        .chain(std::iter::repeat(filler.unwrap_or('d')))
        .take(length)
        .collect()
}

fn can_be_long(shape: &Value) -> bool {
    shape["pattern"]
        .as_str()
        .is_none_or(|written| pattern(written).filler.is_some())
}

fn grown(entries: &Map<String, Value>, size: usize) -> Value {
    let mut entries = entries.clone();
    let value = entries.values().next().expect("an entry").clone();
    for at in 0.. {
        if entries.len() == size {
            break;
        }
        entries.insert(format!("k{at}"), value.clone());
    }
    Value::Object(entries)
}

fn first<'k>(mut keys: impl Iterator<Item = &'k String>) -> String {
    keys.next().expect("a key").clone()
}

/// A bound on a length; none where the bound on all bodies, 1 MiB, comes first.
fn length(bound: &Value) -> Option<usize> {
    bound
        .as_u64()
        .filter(|bound| *bound < 1 << 20)
        .map(|bound| usize::try_from(bound).expect("a length"))
}
