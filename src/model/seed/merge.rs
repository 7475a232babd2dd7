//! Several documents as one seed: `cognate apply` takes several files.

use serde_json::Value;

use super::reader::is_same;
use super::{ObjectKind, SeedDocument, SeedError};

/// The members of which each document may have a part.
const PARTS: [&str; 2] = ["Policies", "PrincipalTagAttributeMaps"];

/// Merges documents. Each comes with the name of its file, which errors name. An object may be described in several, by
/// different members.
pub fn merge(documents: Vec<(String, SeedDocument)>) -> Result<SeedDocument, SeedError> {
    let mut merged = SeedDocument::default();
    for (file, document) in documents {
        match (&merged.name, document.name) {
            (Some(one), Some(other)) if *one != other => {
                let problem = format!("another file has the seed {one}: apply one seed at a time");
                return Err(SeedError::new(format!("{file}: seed"), problem));
            }
            (None, Some(name)) => merged.name = Some(name),
            _ => {}
        }
        for mut object in document.objects {
            object.path = format!("{file}: {}", object.path);
            let same = merged.objects.iter_mut().find(|one| is_same(one, &object));
            let Some(same) = same else {
                merged.objects.push(object);
                continue;
            };
            for (name, value) in object.members {
                let Some(there) = same.members.get_mut(&name) else {
                    same.members.insert(name, value);
                    continue;
                };
                match (there, value) {
                    (Value::Object(there), Value::Object(value)) if PARTS.contains(&&*name) => {
                        there.extend(value);
                    }
                    (Value::Array(there), Value::Array(value)) if PARTS.contains(&&*name) => {
                        there.extend(value);
                    }
                    (there, value) if *there == value => {}
                    _ => {
                        let path = format!("{}.{name}", object.path);
                        let problem = format!("{} says something else", same.path);
                        return Err(SeedError::new(path, problem));
                    }
                }
            }
        }
    }
    merged.objects.sort_by_key(|object| object.kind);
    for kind in ObjectKind::ALL {
        let objects = merged.objects.iter_mut();
        let objects = objects.filter(|object| object.kind == kind);
        for (at, object) in objects.enumerate() {
            object.path = format!("{}[{at}]", kind.list());
        }
    }
    Ok(merged)
}
