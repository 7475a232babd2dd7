//! A line of the audit log: an event in CloudTrail's form, as one JSON object in ASCII.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};

/// The most bytes of `requestParameters` and `responseElements`; larger ones are left out.
const LARGEST_OBJECT: usize = 100 << 10;

/// The members of an event, in the order in which they are written. A member is left out where it doesn't apply, but the two
/// objects of the request and the response are `null`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudTrailLine {
    /// The version of the form.
    pub event_version: &'static str,
    /// The caller.
    pub user_identity: Value,
    /// When the call was completed, in whole seconds.
    pub event_time: String,
    /// The service.
    pub event_source: &'static str,
    /// The operation.
    pub event_name: String,
    /// The region.
    pub aws_region: String,
    /// The address of the client.
    #[serde(rename = "sourceIPAddress")]
    pub source_ip_address: String,
    /// The client's program, as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The error's name on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The text for the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The input, masked.
    pub request_parameters: Value,
    /// The output of a change, masked.
    pub response_elements: Value,
    /// What CloudTrail's form has no member for.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub additional_event_data: Map<String, Value>,
    /// The id of the request, which the client got, too.
    #[serde(rename = "requestID")]
    pub request_id: String,
    /// The id of the line.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// Whether the operation changes nothing.
    pub read_only: bool,
    /// The objects of the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Value>,
    /// `AwsApiCall`, or `AwsServiceEvent` for what no caller asked for.
    pub event_type: &'static str,
    /// Whether the operation administers something.
    pub management_event: bool,
    /// The account.
    pub recipient_account_id: String,
    /// `Management` or `Data`.
    pub event_category: &'static str,
}

impl CloudTrailLine {
    /// The line with its end; every string passes through `sanitized` first. Too large objects are left out, and named.
    pub fn into_line(mut self, sanitized: &dyn Fn(&str) -> Option<String>) -> Vec<u8> {
        for (name, object) in [
            ("requestParameters", &mut self.request_parameters),
            ("responseElements", &mut self.response_elements),
        ] {
            if object.to_string().len() > LARGEST_OBJECT {
                *object = Value::Null;
                self.additional_event_data
                    .insert(format!("{name}Omitted"), Value::Bool(true));
            }
        }
        let mut value = serde_json::to_value(self).expect("a line has no maps with other keys");
        sanitize(&mut value, sanitized);
        let mut line = ascii_json(&value);
        line.push(b'\n');
        line
    }
}

/// Replaces the strings, and the names of members, that `sanitized` replaces.
fn sanitize(value: &mut Value, sanitized: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            if let Some(other) = sanitized(text) {
                *text = other;
            }
        }
        Value::Array(elements) => {
            for element in elements {
                sanitize(element, sanitized);
            }
        }
        Value::Object(members) => {
            if members.keys().any(|name| sanitized(name).is_some()) {
                let all = std::mem::take(members).into_iter();
                *members = all
                    .map(|(name, value)| (sanitized(&name).unwrap_or(name), value))
                    .collect();
            }
            for member in members.values_mut() {
                sanitize(member, sanitized);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// JSON text in printable ASCII: no character ends a line, hides or reorders text, whatever reads it.
pub fn ascii_json(value: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    value
        .serialize(&mut Serializer::with_formatter(&mut text, AsciiFormatter))
        .expect("a value can be written to memory");
    text
}

struct AsciiFormatter;

impl Formatter for AsciiFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let is_plain = |letter: char| (' '..='~').contains(&letter);
        let mut rest = fragment;
        while let Some(at) = rest.find(|letter| !is_plain(letter)) {
            let (plain, after) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut letters = after.chars();
            if let Some(letter) = letters.next() {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = letters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}
