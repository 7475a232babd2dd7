//! The service models: the operations and the shapes of their inputs and outputs. The three of AWS are the published
//! files, unchanged; the fourth, in the same form, has Cognate's own operations.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;
use serde::Deserialize;

use crate::model::json;
use crate::operations::Service;

pub(crate) mod constraints;
mod pattern;
pub(crate) mod types;

/// The models, parsed once.
pub static MODELS: LazyLock<Models> = LazyLock::new(|| Models {
    cognito_identity: Model::read(include_bytes!("cognito-identity-2014-06-30.json")),
    sts: Model::read(include_bytes!("sts-2011-06-15.json")),
    iam: Model::read(include_bytes!("iam-2010-05-08-subset.json")),
    cognate: Model::read(include_bytes!("cognate-2026-11-23.json")),
});

/// One model for each service.
pub struct Models {
    cognito_identity: Model,
    sts: Model,
    iam: Model,
    cognate: Model,
}

impl Models {
    /// The model of a service.
    pub fn of(&self, service: Service) -> &Model {
        match service {
            Service::CognitoIdentity => &self.cognito_identity,
            Service::Sts => &self.sts,
            Service::Iam => &self.iam,
            Service::Cognate => &self.cognate,
        }
    }
}

/// A service's model.
pub struct Model {
    /// The API version, a date.
    pub version: String,
    /// The XML namespace, if the service uses XML.
    pub namespace: Option<String>,
    operations: HashMap<String, OperationShape>,
    shapes: Vec<Shape>,
}

/// An operation in the model.
pub struct OperationShape {
    /// The shape of its input, if it has one.
    pub input: Option<ShapeId>,
    /// The shape of its output, if it has one.
    pub output: Option<ShapeId>,
    /// The XML element around its output.
    pub wrapper: Option<String>,
    /// The names of its declared errors.
    pub errors: Vec<String>,
    /// Whether it needs no signature.
    pub public: bool,
}

/// The index of a shape in its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShapeId(usize);

/// A shape and its constraints.
pub struct Shape {
    /// The shape's name in its model.
    pub name: String,
    /// The shape's type.
    pub kind: ShapeKind,
    /// The minimum of a number, or of the length of anything else.
    pub min: Option<i64>,
    /// The maximum of a number, or of the length of anything else.
    pub max: Option<i64>,
    /// The pattern that a whole string must match.
    pub pattern: Option<Pattern>,
    /// The allowed values of a string; empty means any.
    pub values: Vec<String>,
    /// Whether the shape, or a part of it, is secret.
    pub sensitive: bool,
}

/// The type of a shape.
pub enum ShapeKind {
    /// A structure with members in the model's order.
    Structure(Vec<Member>),
    /// A list of elements of one shape.
    List(ShapeId),
    /// A map with the shapes of keys and values.
    Map(ShapeId, ShapeId),
    /// A string of characters.
    String,
    /// An integer of 32 bits.
    Integer,
    /// An integer of 64 bits.
    Long,
    /// A boolean value.
    Boolean,
    /// A point in time.
    Timestamp,
}

/// A member of a structure.
pub struct Member {
    /// The name on the wire.
    pub name: String,
    /// The member's shape.
    pub shape: ShapeId,
    /// Whether the member is required.
    pub required: bool,
}

/// A regular expression of a model.
pub struct Pattern {
    /// The text in the model, which messages quote.
    pub text: String,
    regex: OnceLock<Regex>,
}

impl Pattern {
    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.regex
            .get_or_init(|| pattern::compile(&self.text))
            .is_match(text)
    }
}

impl Model {
    /// The operation with this name, if the model has it.
    pub fn operation(&self, name: &str) -> Option<&OperationShape> {
        self.operations.get(name)
    }

    /// The names of all its operations, in no order.
    pub fn operation_names(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(String::as_str)
    }

    /// The names of its enumerations.
    #[cfg(test)]
    pub(crate) fn enumerations(&self) -> impl Iterator<Item = &str> {
        let shapes = self.shapes.iter().filter(|shape| !shape.values.is_empty());
        shapes.map(|shape| shape.name.as_str())
    }

    /// A shape of this model.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0]
    }

    fn read(text: &[u8]) -> Self {
        let written: WrittenModel = json::read_as(text).expect("an embedded model can be read");
        let ids: HashMap<&str, ShapeId> = written
            .shapes
            .keys()
            .enumerate()
            .map(|(at, name)| (name.as_str(), ShapeId(at)))
            .collect();
        let id = |reference: &Reference| ids[reference.shape.as_str()];
        let shapes: Vec<Shape> = written
            .shapes
            .iter()
            .map(|(name, shape)| shape.read(name, &id))
            .collect();
        let mut model = Self {
            version: written.metadata.api_version,
            namespace: written.metadata.xml_namespace,
            shapes,
            operations: HashMap::new(),
        };
        for at in 0..model.shapes.len() {
            model.shapes[at].sensitive = model.holds_secrets(ShapeId(at), &mut Vec::new());
        }
        for (name, operation) in &written.operations {
            let shape = OperationShape {
                input: operation.input.as_ref().map(id),
                output: operation.output.as_ref().map(id),
                wrapper: operation
                    .output
                    .as_ref()
                    .and_then(|output| output.result_wrapper.clone()),
                errors: operation
                    .errors
                    .iter()
                    .map(|error| error.shape.clone())
                    .collect(),
                public: operation.authtype.as_deref() == Some("none"),
            };
            model.operations.insert(name.clone(), shape);
        }
        model
    }

    fn holds_secrets(&self, id: ShapeId, above: &mut Vec<ShapeId>) -> bool {
        if above.contains(&id) {
            return false;
        }
        let shape = self.shape(id);
        above.push(id);
        let found = shape.sensitive
            || match &shape.kind {
                ShapeKind::Structure(members) => members
                    .iter()
                    .any(|member| self.holds_secrets(member.shape, above)),
                ShapeKind::List(element) => self.holds_secrets(*element, above),
                ShapeKind::Map(key, value) => {
                    self.holds_secrets(*key, above) || self.holds_secrets(*value, above)
                }
                _ => false,
            };
        above.pop();
        found
    }
}

#[derive(Deserialize)]
struct WrittenModel {
    metadata: Metadata,
    operations: indexmap::IndexMap<String, WrittenOperation>,
    shapes: indexmap::IndexMap<String, WrittenShape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    api_version: String,
    xml_namespace: Option<String>,
}

#[derive(Deserialize)]
struct WrittenOperation {
    input: Option<Reference>,
    output: Option<Reference>,
    #[serde(default)]
    errors: Vec<Reference>,
    authtype: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    shape: String,
    result_wrapper: Option<String>,
}

#[derive(Deserialize)]
struct WrittenShape {
    r#type: String,
    #[serde(default)]
    members: indexmap::IndexMap<String, Reference>,
    #[serde(default)]
    required: Vec<String>,
    member: Option<Reference>,
    key: Option<Reference>,
    value: Option<Reference>,
    min: Option<i64>,
    max: Option<i64>,
    pattern: Option<String>,
    #[serde(default)]
    r#enum: Vec<String>,
    #[serde(default)]
    sensitive: bool,
}

impl WrittenShape {
    fn read(&self, name: &str, id: &dyn Fn(&Reference) -> ShapeId) -> Shape {
        let part = |reference: &Option<Reference>| {
            id(reference.as_ref().expect("a list or map has its parts"))
        };
        let members = self.members.iter().map(|(name, reference)| Member {
            name: name.clone(),
            shape: id(reference),
            required: self.required.contains(name),
        });
        let kind = match self.r#type.as_str() {
            "structure" => ShapeKind::Structure(members.collect()),
            "list" => ShapeKind::List(part(&self.member)),
            "map" => ShapeKind::Map(part(&self.key), part(&self.value)),
            "string" => ShapeKind::String,
            "integer" => ShapeKind::Integer,
            "long" => ShapeKind::Long,
            "boolean" => ShapeKind::Boolean,
            "timestamp" => ShapeKind::Timestamp,
            other => panic!("a model has a shape of type {other}, which no codec knows"),
        };
        let pattern = self.pattern.clone().map(|text| Pattern {
            text,
            regex: OnceLock::new(),
        });
        let values = self.r#enum.clone();
        Shape {
            name: name.to_owned(),
            kind,
            min: self.min,
            max: self.max,
            pattern,
            values,
            sensitive: self.sensitive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_can_be_read_and_their_patterns_compile() {
        for service in Service::ALL {
            let model = MODELS.of(service);
            for shape in &model.shapes {
                if let Some(pattern) = &shape.pattern {
                    pattern.matches("");
                }
            }
        }
        assert_eq!(MODELS.of(Service::CognitoIdentity).operations.len(), 23);
    }

    #[test]
    fn whatever_holds_a_secret_is_sensitive() {
        let model = MODELS.of(Service::CognitoIdentity);
        let input = model.operation("GetId").unwrap().input.unwrap();
        let ShapeKind::Structure(members) = &model.shape(input).kind else {
            panic!("a structure")
        };
        let sensitive = |name: &str| {
            let member = members.iter().find(|member| member.name == name).unwrap();
            model.shape(member.shape).sensitive
        };
        assert!(sensitive("Logins"));
        assert!(!sensitive("IdentityPoolId"));
    }
}
