//! AWS JSON 1.1: Cognito Identity and Cognate's own operations.

use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use uuid::Uuid;

use super::bodies::WholeBody;
use super::signature::{self, ExpectedSignature};
use super::{Front, cors, other_clients, pipeline, respond};
use crate::app::Call;
use crate::error::{Code, Dialect, Error};
use crate::model::json;
use crate::operations::models::OperationShape;
use crate::operations::models::types::{self, Mismatch};
use crate::operations::{Access, Entry, Service};
use crate::sigv4::SignatureError;

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-amzn-errormessage");

/// The most characters of an error's text in its header.
const LONGEST_HEADER: usize = 1024;

/// Serves a request.
pub(super) async fn serve(
    front: &Front,
    mut call: Call<'_>,
    parts: &Parts,
    body: Result<WholeBody, Error>,
) -> Response {
    let entry = target(&parts.headers);
    let result = run(front, entry, &mut call, parts, body).await;
    let operation = entry.map_or("unknown", |entry| entry.name);
    let service = entry.map_or(Service::CognitoIdentity, |entry| entry.service);
    respond::ended(&call, operation, service, result.as_ref().err());
    let mut response = match result {
        Ok(text) => respond::answer(200, CONTENT_TYPE, text, call.request_id),
        Err(error) => refusal(&error, call.request_id),
    };
    if entry.is_none_or(|entry| entry.service == Service::CognitoIdentity) {
        cors::expose(&parts.headers, response.headers_mut());
    }
    response
}

/// Refuses a request before its operation is known.
pub(super) fn refused(call: &Call<'_>, parts: &Parts, error: &Error) -> Response {
    respond::ended(call, "unknown", Service::CognitoIdentity, Some(error));
    let mut response = refusal(error, call.request_id);
    cors::expose(&parts.headers, response.headers_mut());
    response
}

/// Runs the operation; answers the body, which is empty if the model has no output.
async fn run(
    front: &Front,
    entry: Option<&'static Entry>,
    call: &mut Call<'_>,
    parts: &Parts,
    body: Result<WholeBody, Error>,
) -> Result<Vec<u8>, Error> {
    let body = Arc::new(body?);
    let signed = entry.filter(|entry| entry.access != Access::Public);
    let expected = signed.map(ExpectedSignature::by);
    let signature = signature::identify(front, call, parts, &body, expected).await?;
    let entry = entry.ok_or_else(|| other_clients::unknown_target(&parts.headers))?;
    let signature = signature.unwrap_or(Err(SignatureError::Missing));
    let text = Arc::clone(&body);
    let read = move |model: &_, shape: &OperationShape| {
        let mut value =
            json::read(&text).map_err(|error| Code::Serialization.bare().from_source(error))?;
        if let Some(input) = shape.input {
            // The real service has no message for a request that is a plain value.
            let words = value.is_array() || value.is_object();
            types::conform(model, input, &mut value).map_err(|Mismatch(text)| {
                match text.filter(|_| words) {
                    Some(text) => Code::Serialization.because(text),
                    None => Code::Serialization.bare(),
                }
            })?;
        }
        Ok(value)
    };
    let answer = pipeline::run(front, entry, call, signature, body.len(), read).await?;
    let text = answer.text()?;
    Ok(if text == b"null" { Vec::new() } else { text })
}

/// The operation of a request's target. Old clients write `com.amazonaws.cognito.identity.model.` before the service. Two
/// targets that a proxy joined with a comma are refused.
fn target(headers: &HeaderMap) -> Option<&'static Entry> {
    let mut targets = headers.get_all(TARGET).iter();
    let (Some(target), None) = (targets.next(), targets.next()) else {
        return None;
    };
    let (service, name) = target.to_str().ok()?.rsplit_once('.')?;
    if service == "Cognate" {
        return pipeline::entry(Service::Cognate, name);
    }
    let before = service.strip_suffix("AWSCognitoIdentityService")?;
    if before.is_empty() || (before.ends_with('.') && !before.contains(',')) {
        pipeline::entry(Service::CognitoIdentity, name)
    } else {
        None
    }
}

fn refusal(error: &Error, request_id: Uuid) -> Response {
    let (name, status) = error.code.on_the_wire(Dialect::Json);
    let mut body = json!({ "__type": name });
    if let Some(text) = &error.text {
        // Another layer of the real service writes these two, with a capital letter.
        let member = match error.code {
            Code::AccessDenied | Code::Serialization => "Message",
            _ => "message",
        };
        body[member] = Value::from(text.as_ref());
    }
    let mut response = respond::answer(status, CONTENT_TYPE, body.to_string(), request_id);
    respond::mark(&mut response, error);
    let headers = response.headers_mut();
    headers.insert(ERROR_TYPE, header_value(&format!("{name}:")));
    if let Some(text) = &error.text {
        headers.insert(ERROR_MESSAGE, header_value(text));
    }
    response
}

/// Makes a text fit for a header: printable ASCII, with `?` for anything else.
fn header_value(text: &str) -> HeaderValue {
    let printable = |letter: char| {
        if matches!(letter, ' '..='~') {
            letter
        } else {
            '?'
        }
    };
    let text: String = text.chars().take(LONGEST_HEADER).map(printable).collect();
    HeaderValue::try_from(text).expect("printable ASCII is a header's value")
}

/// The answer for an unknown path or method.
pub(super) fn not_found(asked: &HeaderMap, error: &Error, request_id: Uuid) -> Response {
    let mut response = refusal(error, request_id);
    *response.status_mut() = http::StatusCode::NOT_FOUND;
    cors::expose(asked, response.headers_mut());
    response
}
