//! XML answers of the Query protocol, encoded with the service model: members in its order, times as ISO 8601.

use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use serde_json::Value;
use uuid::Uuid;

use crate::operations::models::{Model, OperationShape, ShapeId, ShapeKind};

/// Encodes a successful answer.
pub(super) fn success(
    model: &Model,
    shape: &OperationShape,
    operation: &str,
    output: &Value,
    request_id: Uuid,
) -> Vec<u8> {
    let mut xml = Xml::default();
    let response = format!("{operation}Response");
    xml.open_in(&response, model.namespace.as_deref().unwrap_or_default());
    if let (Some(id), Some(wrapper)) = (shape.output, &shape.wrapper) {
        xml.value(model, id, wrapper, output);
    }
    xml.open("ResponseMetadata");
    xml.text("RequestId", &request_id.to_string());
    xml.close("ResponseMetadata");
    xml.close(&response);
    xml.0.into_inner()
}

/// Encodes an error.
pub(super) fn failure(
    model: &Model,
    kind: &str,
    code: &str,
    text: &str,
    request_id: Uuid,
) -> Vec<u8> {
    let mut xml = Xml::default();
    xml.open_in(
        "ErrorResponse",
        model.namespace.as_deref().unwrap_or_default(),
    );
    xml.open("Error");
    xml.text("Type", kind);
    xml.text("Code", code);
    xml.text("Message", text);
    xml.close("Error");
    xml.text("RequestId", &request_id.to_string());
    xml.close("ErrorResponse");
    xml.0.into_inner()
}

struct Xml(Writer<Vec<u8>>);

impl Default for Xml {
    fn default() -> Self {
        Self(Writer::new(Vec::new()))
    }
}

impl Xml {
    fn write(&mut self, event: Event<'_>) {
        self.0
            .write_event(event)
            .expect("a vector takes what is written");
    }

    fn open_in(&mut self, name: &str, namespace: &str) {
        self.write(Event::Start(
            BytesStart::new(name).with_attributes([("xmlns", namespace)]),
        ));
    }

    fn open(&mut self, name: &str) {
        self.write(Event::Start(BytesStart::new(name)));
    }

    fn close(&mut self, name: &str) {
        self.write(Event::End(BytesEnd::new(name)));
    }

    fn text(&mut self, name: &str, text: &str) {
        // XML 1.0 has no way to write most control characters.
        let allowed = |letter: char| match letter {
            '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => {
                letter
            }
            _ => '?',
        };
        let text: String = text.chars().map(allowed).collect();
        self.open(name);
        self.write(Event::Text(BytesText::new(&text)));
        self.close(name);
    }

    fn value(&mut self, model: &Model, id: ShapeId, name: &str, value: &Value) {
        match (&model.shape(id).kind, value) {
            (ShapeKind::Structure(members), Value::Object(object)) => {
                self.open(name);
                for member in members {
                    if let Some(value) = object.get(&member.name) {
                        self.value(model, member.shape, &member.name, value);
                    }
                }
                self.close(name);
            }
            (ShapeKind::List(of), Value::Array(elements)) => {
                self.open(name);
                for element in elements {
                    self.value(model, *of, "member", element);
                }
                self.close(name);
            }
            (ShapeKind::Map(_, of), Value::Object(entries)) => {
                self.open(name);
                for (key, value) in entries {
                    self.open("entry");
                    self.text("key", key);
                    self.value(model, *of, "value", value);
                    self.close("entry");
                }
                self.close(name);
            }
            (ShapeKind::Timestamp, Value::Number(number)) => self.text(name, &moment(number)),
            (_, Value::String(text)) => self.text(name, text),
            (_, other) => self.text(name, &other.to_string()),
        }
    }
}

/// Formats a number of seconds as ISO 8601, in whole seconds.
fn moment(seconds: &serde_json::Number) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole seconds are what is shown"
    )]
    let whole = seconds
        .as_i64()
        .or_else(|| seconds.as_f64().map(|seconds| seconds as i64));
    whole
        .and_then(|whole| Timestamp::from_second(whole).ok())
        .map(|moment| moment.to_string())
        .unwrap_or_default()
}
