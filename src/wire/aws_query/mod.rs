//! The AWS Query protocol of STS and IAM: decodes the parameters of a form or a URL, encodes XML.

mod form;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;
use http::{Method, header};
use serde_json::{Value, json};
use uuid::Uuid;

use self::form::{parameters, structure};
use super::bodies::WholeBody;
use super::signature::{self, ExpectedSignature};
use super::{Front, cors, other_clients, pipeline, respond, xml};
use crate::app::Call;
use crate::error::{Code, Dialect, Error};
use crate::operations::models::{MODELS, Model, OperationShape, ShapeKind};
use crate::operations::{Entry, Service};
use crate::sigv4::PRESIGNED_PARAMETERS;

/// The parameters of an older signature (version 2) in the query.
const OLD_SIGNATURE: [&str; 2] = ["AWSAccessKeyId", "Signature"];

/// Whether a request has this protocol: it is a form, or its URL has an `Action`.
pub(super) fn matches(parts: &Parts) -> bool {
    let acts = || {
        let query = parts.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "Action")
    };
    if parts.method == Method::GET {
        return acts();
    }
    !parts.headers.contains_key("x-amz-target") && (is_form(parts) || acts())
}

fn is_form(parts: &Parts) -> bool {
    let content_type = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Serves a request.
pub(super) async fn serve(
    front: &Front,
    mut call: Call<'_>,
    parts: &Parts,
    body: Result<WholeBody, Error>,
) -> Response {
    let mut asked = QueryTarget {
        service: service(parts, None),
        entry: None,
    };
    let result = run(front, &mut asked, &mut call, parts, body).await;
    let operation = asked.entry.map_or("unknown", |entry| entry.name);
    let dialect = dialect(asked.service);
    respond::ended(&call, operation, asked.service, result.as_ref().err());
    let in_json = asked.service == Service::Sts && accepts_json(parts);
    let mut response = match (result, asked.entry) {
        (Ok(output), Some(entry)) if in_json => success_in_json(entry, &output, call.request_id),
        (Ok(output), Some(entry)) => success(entry, &output, call.request_id),
        (Ok(_), None) => refusal(
            asked.service,
            dialect,
            in_json,
            &Code::UnknownOperation.bare(),
            call.request_id,
        ),
        (Err(error), _) => {
            let mut response = refusal(asked.service, dialect, in_json, &error, call.request_id);
            respond::mark(&mut response, &error);
            response
        }
    };
    // Browsers use the classic flow. No page needs IAM.
    if asked.service == Service::Sts {
        cors::expose(&parts.headers, response.headers_mut());
    }
    response
}

/// Refuses a request before its operation is known.
pub(super) fn refused(call: &Call<'_>, parts: &Parts, error: &Error) -> Response {
    let service = service(parts, None);
    let dialect = dialect(service);
    respond::ended(call, "unknown", service, Some(error));
    let in_json = service == Service::Sts && accepts_json(parts);
    refusal(service, dialect, in_json, error, call.request_id)
}

fn dialect(service: Service) -> Dialect {
    if service == Service::Iam {
        Dialect::Iam
    } else {
        Dialect::Sts
    }
}

/// The service and the operation of a request, as far as known.
struct QueryTarget {
    service: Service,
    entry: Option<&'static Entry>,
}

async fn run(
    front: &Front,
    asked: &mut QueryTarget,
    call: &mut Call<'_>,
    parts: &Parts,
    body: Result<WholeBody, Error>,
) -> Result<Value, Error> {
    let body = Arc::new(body?);
    let expected = signature::expected_in_query(parts);
    let signature = signature::identify(front, call, parts, &body, expected).await?;
    let form = Arc::clone(&body);
    let parameters = match in_url(parts, &body)? {
        Some(query) => parameters(query)?,
        None => pipeline::decode(call, body.len(), move || parameters(&form)).await?,
    };
    let parameters = Arc::new(parameters);
    let text = |name: &str| parameters.get(name).map_or("", String::as_str);
    let (action, version) = (text("Action"), text("Version"));
    asked.service = service(parts, Some(version));
    let entry = pipeline::entry(asked.service, action)
        .filter(|_| MODELS.of(asked.service).version == version);
    let Some(entry) = entry else {
        let shown = |text: &str| -> String {
            text.chars()
                .filter(char::is_ascii_graphic)
                .take(128)
                .collect()
        };
        let (action, version) = (shown(action), shown(version));
        let mut text = format!("Could not find operation {action} for version {version}");
        if let Some(sentence) = other_clients::sentence_for(parts) {
            text = format!("{text}. {sentence}");
        } else if let Some(name) = service_without(asked.service, &action, &version) {
            text = format!(
                "{text}. This server has the part of {name} that identity pools need, and not this operation."
            );
        }
        return Err(Code::UnknownOperation.because(text));
    };
    asked.entry = Some(entry);
    if entry.name != "GetCallerIdentity" {
        refuse_query_signature(&parameters)?;
    }
    // Without a service, the signature can't be valid, or there is none. The operation decides how that is refused.
    let signature = match signature {
        Some(signature) => signature,
        None => signature::verify(front, call, parts, &body, ExpectedSignature::by(entry)).await?,
    };
    let read = move |model: &Model, shape: &OperationShape| {
        let input = shape.input.map(|id| &model.shape(id).kind);
        let members = match input {
            Some(ShapeKind::Structure(members)) => members.as_slice(),
            _ => &[],
        };
        structure(model, members, &parameters, "").map(Value::Object)
    };
    let answer = pipeline::run(front, entry, call, signature, body.len(), read).await?;
    answer.value()
}

/// The name of the service, if the action is one that this server lacks: the models have all actions of STS, and a part of
/// those of IAM.
fn service_without(service: Service, action: &str, version: &str) -> Option<&'static str> {
    let model = MODELS.of(service);
    match service {
        _ if model.version != version => None,
        Service::Iam => Some("IAM"),
        _ => model.operation(action).map(|_| "STS"),
    }
}

/// The service of a request: from the credential scope if it is signed, or else from its version.
fn service(parts: &Parts, version: Option<&str>) -> Service {
    match signature::scope_service(parts).as_deref() {
        Some("iam") => Service::Iam,
        Some("sts") => Service::Sts,
        _ if version == Some(MODELS.of(Service::Iam).version.as_str()) => Service::Iam,
        _ => Service::Sts,
    }
}

/// The parameters in the URL; `None` if they are in the body. A request with both is refused, because a proxy or a log may
/// see other parameters than those that are used.
fn in_url<'r>(parts: &'r Parts, body: &[u8]) -> Result<Option<&'r [u8]>, Error> {
    match parts.uri.query().unwrap_or_default() {
        "" => Ok(None),
        query if body.is_empty() => Ok(Some(query.as_bytes())),
        _ => Err(Code::Serialization.because(
            "The request has parameters in the URL and in the body. Send all of them in one of the two.",
        )),
    }
}

/// Refuses a signature that isn't in the header. A signature in a URL would make the URL a secret.
fn refuse_query_signature(parameters: &BTreeMap<String, String>) -> Result<(), Error> {
    let mut names = PRESIGNED_PARAMETERS.iter().chain(&OLD_SIGNATURE);
    if names.any(|name| parameters.contains_key(*name)) {
        return Err(Code::IncompleteSignature.because(
            "Only GetCallerIdentity accepts a signature in the query. Sign the request in the Authorization header.",
        ));
    }
    Ok(())
}

fn accepts_json(parts: &Parts) -> bool {
    let accept = parts
        .headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| {
        accept
            .split(',')
            .any(|kind| kind.trim() == "application/json")
    })
}

fn success(entry: &Entry, output: &Value, request_id: Uuid) -> Response {
    let (model, shape) = pipeline::model(entry);
    let body = xml::success(model, shape, entry.name, output, request_id);
    respond::answer(200, "text/xml", body, request_id)
}

fn success_in_json(entry: &Entry, output: &Value, request_id: Uuid) -> Response {
    let (response, result) = (
        format!("{}Response", entry.name),
        format!("{}Result", entry.name),
    );
    let body =
        json!({ response: { result: output, "ResponseMetadata": { "RequestId": request_id } } });
    respond::answer(200, "application/json", body.to_string(), request_id)
}

fn refusal(
    service: Service,
    dialect: Dialect,
    in_json: bool,
    error: &Error,
    request_id: Uuid,
) -> Response {
    let (code, status) = error.code.on_the_wire(dialect);
    let kind = if status < 500 { "Sender" } else { "Receiver" };
    let text = error.text.as_deref().unwrap_or_default();
    if in_json {
        let error = json!({ "Type": kind, "Code": code, "Message": text });
        let body = json!({ "Error": error, "RequestId": request_id });
        return respond::answer(status, "application/json", body.to_string(), request_id);
    }
    let body = xml::failure(MODELS.of(service), kind, code, text, request_id);
    respond::answer(status, "text/xml", body, request_id)
}
