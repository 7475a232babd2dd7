//! Requests on their way: in the protocol of their operation, signed where that is wanted; and what comes back.

use cognate::operations::{Access, Entry, Service};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::service_model::ServiceModel;
use crate::world::{Answer, Credentials, World, form, form_headers, json_headers};

/// Whether an operation speaks the Query protocol.
pub fn is_query(entry: &Entry) -> bool {
    matches!(entry.service, Service::Sts | Service::Iam)
}

/// Sends a request, signed by the root key where its operation wants that.
pub async fn send(world: &World, entry: &Entry, request: &Value) -> Answer {
    deliver(world, entry, written(entry, request)).await
}

/// Sends parameters as they are, with `Action` and `Version`.
pub async fn send_form(world: &World, entry: &Entry, parameters: &[(String, String)]) -> Answer {
    deliver(world, entry, written_form(entry, parameters)).await
}

async fn deliver(world: &World, entry: &Entry, (headers, body): (HeaderMap, String)) -> Answer {
    let headers = if entry.access == Access::Public {
        headers
    } else {
        let service = entry.service.signing_name();
        world.sign(&Credentials::root(), service, headers, &body)
    };
    world.send("POST", "/", headers, body).await
}

/// A request as it is written in the protocol of its operation, without a signature.
pub fn written(entry: &Entry, request: &Value) -> (HeaderMap, String) {
    if is_query(entry) {
        let (model, input) = (ServiceModel::of(entry.service), ServiceModel::input(entry));
        let mut parameters = Vec::new();
        flatten(model, input, "", request, &mut parameters);
        return written_form(entry, &parameters);
    }
    let prefix = match entry.service {
        Service::Cognate => "Cognate",
        _ => "AWSCognitoIdentityService",
    };
    let headers = json_headers(&format!("{prefix}.{}", entry.name));
    (headers, request.to_string())
}

fn written_form(entry: &Entry, parameters: &[(String, String)]) -> (HeaderMap, String) {
    let version = ServiceModel::of(entry.service).version();
    let mut all = vec![("Action", entry.name), ("Version", version)];
    all.extend(parameters.iter().map(|(name, value)| (&**name, &**value)));
    (form_headers(), form(&all))
}

/// The parameters that a request is written with.
pub fn flatten(
    model: &ServiceModel,
    shape: &str,
    name: &str,
    value: &Value,
    into: &mut Vec<(String, String)>,
) {
    match value {
        Value::Object(entries) if model.kind(shape) == "structure" => {
            // A structure of which nothing is there is written with a member that nobody knows.
            if entries.is_empty() && !name.is_empty() {
                into.push((format!("{name}.Unheard"), "of".to_owned()));
            }
            for (member, of, _) in model.members(shape) {
                let name = if name.is_empty() {
                    member.to_owned()
                } else {
                    format!("{name}.{member}")
                };
                if let Some(value) = entries.get(member) {
                    flatten(model, of, &name, value, into);
                }
            }
        }
        Value::Object(entries) => {
            for (at, (key, value)) in (1..).zip(entries) {
                let of = model.part(shape, "value");
                into.push((format!("{name}.entry.{at}.key"), key.clone()));
                flatten(model, of, &format!("{name}.entry.{at}.value"), value, into);
            }
        }
        Value::Array(elements) => {
            if elements.is_empty() {
                into.push((name.to_owned(), String::new()));
            }
            for (at, element) in (1..).zip(elements) {
                let of = model.part(shape, "member");
                flatten(model, of, &format!("{name}.member.{at}"), element, into);
            }
        }
        Value::String(text) => into.push((name.to_owned(), text.clone())),
        other => into.push((name.to_owned(), other.to_string())),
    }
}

/// That an answer is the refusal of a request that violates constraints, in all its parts.
pub fn violates(entry: &Entry, answer: &Answer, text: &str, what: &str) {
    if is_query(entry) {
        assert_eq!(answer.xml("Type").as_deref(), Some("Sender"), "{what}");
        // A member that known clients leave out is explained after the service's text.
        let advice = entry
            .missing_member
            .map(|(_, advice)| format!(". {advice}"));
        let found = answer.xml("Message").unwrap_or_default();
        let advice = advice.filter(|advice| found.replace("&apos;", "'").ends_with(advice));
        let text = format!("{text}{}", advice.unwrap_or_default());
        answer.query_refused(400, "ValidationError", &text);
        return;
    }
    assert_eq!(answer.status, 400, "{what}: {}", answer.text);
    let wanted = json!({ "__type": "ValidationException", "message": text });
    assert_eq!(answer.json(), wanted, "{what}");
    let header = |name: &str| answer.header(name).unwrap_or_default();
    assert_eq!(header("x-amzn-errortype"), "ValidationException:", "{what}");
    assert_eq!(header("x-amzn-errormessage"), in_header(text), "{what}");
}

/// A text as its header carries it.
pub fn in_header(text: &str) -> String {
    let printable = |letter: char| {
        if letter == ' ' || letter.is_ascii_graphic() {
            letter
        } else {
            '?'
        }
    };
    let text: String = text.chars().map(printable).take(1024).collect();
    text.trim().to_owned()
}

/// Whether an answer says that its request's form or values can't be, rather than what became of it.
pub fn is_of_the_front_door(entry: &Entry, answer: &Answer) -> bool {
    if is_query(entry) {
        let text = answer.xml("Message").unwrap_or_default();
        answer.xml("Code").as_deref() == Some("MalformedInput") || text.contains("validation error")
    } else {
        let code = answer.header("x-amzn-errortype").unwrap_or_default();
        matches!(&*code, "ValidationException:" | "SerializationException:")
    }
}
