//! The service models as the tests read them: plain JSON, without a line of the server's own reader.

use std::sync::LazyLock;

use cognate::operations::{Entry, Service};
use serde_json::Value;

/// A service's model.
pub struct ServiceModel(Value);

static MODELS: LazyLock<[ServiceModel; 4]> = LazyLock::new(|| {
    [
        include_str!("../../src/operations/models/cognito-identity-2014-06-30.json"),
        include_str!("../../src/operations/models/sts-2011-06-15.json"),
        include_str!("../../src/operations/models/iam-2010-05-08-subset.json"),
        include_str!("../../src/operations/models/cognate-2026-11-23.json"),
    ]
    .map(ServiceModel::read)
});

impl ServiceModel {
    pub fn of(service: Service) -> &'static Self {
        &MODELS[match service {
            Service::CognitoIdentity => 0,
            Service::Sts => 1,
            Service::Iam => 2,
            Service::Cognate => 3,
        }]
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the server's reader is not to judge itself"
    )]
    fn read(text: &str) -> Self {
        Self(serde_json::from_str(text).expect("a model is JSON"))
    }

    pub fn version(&self) -> &str {
        text(&self.0["metadata"]["apiVersion"])
    }

    /// An operation; `Null` if the model has none of this name.
    pub fn operation(&self, name: &str) -> &Value {
        &self.0["operations"][name]
    }

    /// The names of all its operations.
    pub fn operations(&self) -> Vec<&str> {
        let operations = self.0["operations"].as_object().expect("operations");
        operations.keys().map(String::as_str).collect()
    }

    pub fn shape(&self, name: &str) -> &Value {
        let shape = &self.0["shapes"][name];
        assert!(shape.is_object(), "the model has no shape {name}");
        shape
    }

    /// The name of the shape of an operation's input.
    pub fn input(entry: &Entry) -> &'static str {
        text(&Self::of(entry.service).operation(entry.name)["input"]["shape"])
    }

    /// The members of a structure: name, name of the shape, whether it is required.
    pub fn members(&self, structure: &str) -> Vec<(&str, &str, bool)> {
        let shape = self.shape(structure);
        let members = shape["members"].as_object().expect("a structure");
        let required: Vec<&str> = list(&shape["required"]);
        members
            .iter()
            .map(|(name, member)| {
                let name = name.as_str();
                (name, text(&member["shape"]), required.contains(&name))
            })
            .collect()
    }

    /// The name of the shape of a list's elements, a map's values or a map's keys: `member`, `value`, `key`.
    pub fn part(&self, shape: &str, part: &str) -> &str {
        text(&self.shape(shape)[part]["shape"])
    }

    pub fn kind(&self, shape: &str) -> &str {
        text(&self.shape(shape)["type"])
    }

    /// Whether what has this shape is one text, number or truth value.
    pub fn is_plain(&self, shape: &str) -> bool {
        !matches!(self.kind(shape), "structure" | "list" | "map")
    }

    /// Whether a shape, or anything in it, is marked as sensitive.
    pub fn is_sensitive(&self, shape: &str) -> bool {
        let within: Vec<&str> = match self.kind(shape) {
            "structure" => self.members(shape).iter().map(|member| member.1).collect(),
            "list" => vec![self.part(shape, "member")],
            "map" => vec![self.part(shape, "key"), self.part(shape, "value")],
            _ => vec![],
        };
        self.shape(shape)["sensitive"] == true
            || within.into_iter().any(|inner| self.is_sensitive(inner))
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

pub fn list(value: &Value) -> Vec<&str> {
    let elements = value.as_array().map(Vec::as_slice).unwrap_or_default();
    elements.iter().map(text).collect()
}
