//! The parameters of a form, and the value that they are by the service model.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde_json::{Map, Number, Value};

use crate::error::{Code, Error};
use crate::operations::models::{Member, Model, ShapeId, ShapeKind};
use crate::wire::limits;

/// Decodes a form's parameters. Refuses repetitions and bytes that aren't UTF-8.
pub(super) fn parameters(form: &[u8]) -> Result<BTreeMap<String, String>, Error> {
    let mut parameters = BTreeMap::new();
    for pair in form.split(|byte| *byte == b'&') {
        if pair.is_empty() {
            continue;
        }
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let mut half = || decoded(halves.next().unwrap_or_default());
        let (name, value) = (half()?, half()?);
        if parameters.insert(name, value).is_some() || parameters.len() > limits::PARAMETERS {
            return Err(Code::Serialization
                .because("The request has too many parameters, or one of them twice."));
        }
    }
    Ok(parameters)
}

/// Decodes a name or a value of a form. Refuses invalid UTF-8 instead of replacing it.
fn decoded(written: &[u8]) -> Result<String, Error> {
    let spaced: Vec<u8> = written
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    match percent_decode(&spaced).decode_utf8() {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(Code::Serialization.because("The request is not UTF-8, or has U+0000 in it.")),
    }
}

/// Decodes the members of a structure from the parameters under `name`; those of the input are under no name.
pub(super) fn structure(
    model: &Model,
    members: &[Member],
    parameters: &BTreeMap<String, String>,
    name: &str,
) -> Result<Map<String, Value>, Error> {
    let mut object = Map::new();
    for member in members {
        let name = if name.is_empty() {
            member.name.clone()
        } else {
            format!("{name}.{}", member.name)
        };
        if let Some(value) = read(model, member.shape, parameters, &name)? {
            object.insert(member.name.clone(), value);
        }
    }
    Ok(object)
}

/// Decodes the value of shape `id` from the parameters under `name`; `None` if there are none. Refuses parameters in another
/// form, because a silently dropped element could be a restriction.
fn read(
    model: &Model,
    id: ShapeId,
    parameters: &BTreeMap<String, String>,
    name: &str,
) -> Result<Option<Value>, Error> {
    let plain = parameters.get(name);
    let parted = suffixes(parameters, name).next().is_some();
    let malformed = || Code::Serialization.because(format!("The value of {name} can't be read."));
    let value = match &model.shape(id).kind {
        _ if plain.is_none() && !parted => return Ok(None),
        ShapeKind::Structure(members) => {
            if plain.is_some() {
                return Err(malformed());
            }
            Value::Object(structure(model, members, parameters, name)?)
        }
        // An empty list or map is only its name.
        ShapeKind::List(_) | ShapeKind::Map(..) if plain.is_some_and(|text| !text.is_empty()) => {
            return Err(malformed());
        }
        ShapeKind::List(of) => {
            let mut elements = Vec::new();
            for at in numbers(parameters, name, "member").ok_or_else(malformed)? {
                let name = format!("{name}.member.{at}");
                elements.extend(read(model, *of, parameters, &name)?);
            }
            Value::Array(elements)
        }
        ShapeKind::Map(_, of) => {
            let mut object = Map::new();
            for at in numbers(parameters, name, "entry").ok_or_else(malformed)? {
                let (key, value) = (
                    parameters.get(&format!("{name}.entry.{at}.key")),
                    read(model, *of, parameters, &format!("{name}.entry.{at}.value"))?,
                );
                let (Some(key), Some(value)) = (key, value) else {
                    return Err(malformed());
                };
                if object.insert(key.clone(), value).is_some() {
                    return Err(malformed());
                }
            }
            Value::Object(object)
        }
        kind => {
            let text = plain.filter(|_| !parted).ok_or_else(malformed)?;
            scalar(kind, text).ok_or_else(malformed)?
        }
    };
    Ok(Some(value))
}

fn scalar(kind: &ShapeKind, text: &str) -> Option<Value> {
    match kind {
        ShapeKind::Boolean => text.parse().ok().map(Value::Bool),
        ShapeKind::Integer | ShapeKind::Long | ShapeKind::Timestamp => text
            .parse()
            .ok()
            .map(|number: i64| Value::Number(Number::from(number))),
        _ => Some(Value::String(text.to_owned())),
    }
}

/// The rest after `name.` in the names of parameters.
fn suffixes<'p>(
    parameters: &'p BTreeMap<String, String>,
    name: &str,
) -> impl Iterator<Item = &'p str> {
    let prefix = format!("{name}.");
    parameters
        .range(prefix.clone()..)
        .map_while(move |(name, _)| name.strip_prefix(&prefix))
}

/// The numbers N of the parameters `name.between.N` and `name.between.N.…`, in order; `None` if another parameter follows
/// `name.`, or a number isn't in canonical form.
fn numbers(parameters: &BTreeMap<String, String>, name: &str, between: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for rest in suffixes(parameters, name) {
        let mut parts = rest.split('.');
        let number = parts.next().filter(|part| *part == between);
        let written = number.and_then(|_| parts.next())?;
        let number: u32 = written.parse().ok()?;
        if number.to_string() != written {
            return None;
        }
        numbers.push(number);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers)
}
