//! Reading a seed: TOML or JSON, and an error with a path for each member that it can't have.

use serde_json::{Map, Value};
use strsim::osa_distance;

use super::{ObjectKind, SeedDocument, SeedError, SeedObject, SeedSource, outputs};
use crate::model::json;

/// Reads a document: JSON if it begins with a brace, otherwise TOML.
pub fn read(text: &str, source: SeedSource) -> Result<SeedDocument, SeedError> {
    let value = value(text)?;
    let Value::Object(document) = value else {
        return Err(SeedError::new("", "a seed is an object (a table in TOML)"));
    };
    let mut document = match outputs::as_seed(document) {
        Ok(of_output) => of_output,
        Err(document) => document,
    };
    let name = document.shift_remove("seed").map(seed_name).transpose()?;
    let mut objects = Vec::new();
    for kind in ObjectKind::ALL {
        if let Some(list) = document.shift_remove(kind.list()) {
            read_list(kind, list, source, &mut objects)?;
        }
    }
    if let Some(unknown) = document.keys().next() {
        let lists = ObjectKind::ALL.map(ObjectKind::list);
        let known: Vec<_> = ["seed"].into_iter().chain(lists).collect();
        return Err(unknown_member(unknown, unknown, known.into_iter()));
    }
    Ok(SeedDocument { name, objects })
}

fn value(text: &str) -> Result<Value, SeedError> {
    let json = if text.trim_start().starts_with('{') {
        text.to_owned()
    } else {
        let table: toml::Table = toml::from_str(text)
            .map_err(|error| SeedError::new("", format!("not TOML: {error}")))?;
        json_of(toml::Value::Table(table), "")?.to_string()
    };
    json::read(json.as_bytes()).map_err(|error| SeedError::new("", error.to_string()))
}

fn json_of(value: toml::Value, path: &str) -> Result<Value, SeedError> {
    Ok(match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(is_true) => Value::from(is_true),
        toml::Value::Datetime(_) => {
            return Err(SeedError::new(path, "write a time as a string, in quotes"));
        }
        toml::Value::Array(elements) => {
            let elements = elements.into_iter().enumerate();
            let read = elements.map(|(at, value)| json_of(value, &format!("{path}[{at}]")));
            Value::from(read.collect::<Result<Vec<_>, _>>()?)
        }
        toml::Value::Table(table) => {
            let mut members = Map::new();
            for (name, value) in table {
                let path = below(path, &name);
                members.insert(name, json_of(value, &path)?);
            }
            Value::from(members)
        }
    })
}

/// The path of a member.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn seed_name(value: Value) -> Result<String, SeedError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    match value {
        Value::String(name) if (1..=64).contains(&name.len()) && name.bytes().all(allowed) => {
            Ok(name)
        }
        _ => Err(SeedError::new(
            "seed",
            "the name of a seed is 1 to 64 letters, digits and _ . -",
        )),
    }
}

fn read_list(
    kind: ObjectKind,
    list: Value,
    source: SeedSource,
    objects: &mut Vec<SeedObject>,
) -> Result<(), SeedError> {
    let Value::Array(list) = list else {
        let problem = format!("write a list: [[{}]] in TOML", kind.list());
        return Err(SeedError::new(kind.list(), problem));
    };
    let first = objects.len();
    for (at, value) in list.into_iter().enumerate() {
        let path = format!("{}[{at}]", kind.list());
        let Value::Object(members) = value else {
            return Err(SeedError::new(path, "write an object (a table in TOML)"));
        };
        let object = read_object(kind, path, members, source)?;
        let same = objects[first..].iter().find(|one| is_same(one, &object));
        if let Some(same) = same {
            let problem = format!("{} describes the same object; merge the two", same.path);
            return Err(SeedError::new(object.path, problem));
        }
        objects.push(object);
    }
    Ok(())
}

fn read_object(
    kind: ObjectKind,
    path: String,
    mut members: Map<String, Value>,
    source: SeedSource,
) -> Result<SeedObject, SeedError> {
    members
        .retain(|name, value| !value.is_null() && !kind.answer_members().contains(&name.as_str()));
    for name in members.keys() {
        let (known, of_file) = (kind.members(), kind.file_members());
        let secret = kind.secret_member();
        let secret = secret.filter(|(secret, _)| name == secret);
        let here = below(&path, name);
        if let (SeedSource::File, Some((_, instead))) = (source, secret) {
            let problem = format!("a seed names secrets by file or variable: write {instead}");
            return Err(SeedError::new(here, problem));
        }
        match source {
            SeedSource::Request if of_file.contains(&name.as_str()) => {
                let problem = "a server reads no files and variables for a request: `cognate apply` reads them";
                return Err(SeedError::new(here, problem));
            }
            _ if known.contains(&name.as_str()) || of_file.contains(&name.as_str()) => {}
            _ => {
                let all = known.iter().chain(of_file).copied();
                let hidden = kind.secret_member().map(|(hidden, _)| hidden);
                let all = all.filter(|known| Some(*known) != hidden);
                return Err(unknown_member(&here, name, all));
            }
        }
    }
    let object = SeedObject {
        kind,
        path,
        members,
    };
    if object.name().is_empty() {
        let member = kind.name_member();
        let problem = format!("{member} is missing or not a string: it names the object");
        return Err(SeedError::new(object.path, problem));
    }
    Ok(object)
}

/// Whether two objects are the same one. Names of policies and roles are compared without case, and issuers without a final slash, as
/// the operations compare them.
pub(super) fn is_same(one: &SeedObject, other: &SeedObject) -> bool {
    let name = |object: &SeedObject| match object.kind {
        ObjectKind::ManagedPolicy | ObjectKind::Role => object.name().to_ascii_lowercase(),
        ObjectKind::OidcProvider => {
            let name = object.name();
            let name = name.split_once("://").map_or(name, |(_, rest)| rest);
            name.trim_end_matches('/').to_owned()
        }
        _ => object.name().to_owned(),
    };
    one.kind == other.kind && name(one) == name(other)
}

/// The error about the unknown member `name` at `path`, with the nearest of the `known` names.
pub fn unknown_member<'n>(
    path: &str,
    name: &str,
    known: impl Iterator<Item = &'n str> + Clone,
) -> SeedError {
    // Long names are no misspellings, and comparing them is slow.
    let near_enough = (name.len() / 3).max(1);
    let nearest = known
        .clone()
        .filter(|_| name.len() <= 64)
        .map(|known| {
            (
                osa_distance(&name.to_lowercase(), &known.to_lowercase()),
                known,
            )
        })
        .filter(|(distance, _)| *distance <= near_enough)
        .min();
    let problem = if let Some((_, nearest)) = nearest {
        format!("there is no such member; did you mean `{nearest}`?")
    } else {
        let names: Vec<_> = known.collect();
        format!(
            "there is no such member; the members here are {}",
            names.join(", ")
        )
    };
    SeedError::new(path, problem)
}
