//! AWS Query: a form in, XML out; STS and IAM.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::{Method, header};
use serde_json::{Map, Number, Value, json};
use uuid::Uuid;

use super::models::{Kind, MODELS, Model, ShapeId};
use super::{Front, limits, pipeline, respond, xml};
use crate::app::Call;
use crate::error::{Code, Dialect, Error};
use crate::operations::{Entry, Service};

/// Whether a request is meant to be of this protocol: a form, or a `GET` with an `Action`.
pub(super) fn is_meant(parts: &Parts) -> bool {
    if parts.method == Method::GET {
        return form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .any(|(name, _)| name == "Action");
    }
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
        && !parts.headers.contains_key("x-amz-target")
}

/// Serves a request.
pub(super) async fn serve(
    front: &Front,
    mut call: Call<'_>,
    parts: &Parts,
    body: Body,
) -> Response {
    let mut asked = Asked {
        service: service(parts, None),
        entry: None,
    };
    let result = run(front, &mut asked, &mut call, parts, body).await;
    let operation = asked.entry.map_or("unknown", |entry| entry.name);
    let dialect = if asked.service == Service::Iam {
        Dialect::Iam
    } else {
        Dialect::Sts
    };
    respond::ended(&call, operation, dialect, result.as_ref().err());
    let in_json = asked.service == Service::Sts && accepts_json(parts);
    match (result, asked.entry) {
        (Ok(output), Some(entry)) if in_json => success_in_json(entry, &output, call.request_id),
        (Ok(output), Some(entry)) => success(entry, &output, call.request_id),
        (Ok(_), None) => refusal(
            asked.service,
            dialect,
            in_json,
            &Code::UnknownOperation.bare(),
            call.request_id,
        ),
        (Err(error), _) => refusal(asked.service, dialect, in_json, &error, call.request_id),
    }
}

/// What a request turned out to ask for.
struct Asked {
    service: Service,
    entry: Option<&'static Entry>,
}

async fn run(
    front: &Front,
    asked: &mut Asked,
    call: &mut Call<'_>,
    parts: &Parts,
    body: Body,
) -> Result<Value, Error> {
    let Ok(_permit) = front.in_flight.try_acquire() else {
        return Err(Code::TooManyRequests.because("Rate exceeded"));
    };
    let body = limits::read(body).await?;
    let parameters = if parts.method == Method::GET {
        parameters(parts.uri.query().unwrap_or_default().as_bytes())?
    } else {
        parameters(&body)?
    };
    let text = |name: &str| parameters.get(name).map_or("", String::as_str);
    let (action, version) = (text("Action"), text("Version"));
    asked.service = service(parts, Some(version));
    let entry = pipeline::entry(asked.service, action)
        .filter(|_| MODELS.of(asked.service).version == version);
    let presigned_only = parts.method == Method::GET && action != "GetCallerIdentity";
    let Some(entry) = entry.filter(|_| !presigned_only) else {
        let shown = |text: &str| -> String {
            text.chars()
                .filter(char::is_ascii_graphic)
                .take(128)
                .collect()
        };
        let (action, version) = (shown(action), shown(version));
        return Err(Code::UnknownOperation.because(format!(
            "Could not find operation {action} for version {version}"
        )));
    };
    asked.entry = Some(entry);
    let read = |model: &Model, shape: &super::models::OperationShape| match shape.input {
        Some(input) => {
            Ok(read(model, input, &parameters, "")?.unwrap_or_else(|| Value::Object(Map::new())))
        }
        None => Ok(Value::Object(Map::new())),
    };
    pipeline::run(front, entry, call, parts, &body, read).await
}

/// Signed requests are told apart by the service in the credential scope, others by their version.
fn service(parts: &Parts, version: Option<&str>) -> Service {
    match scope_service(parts).as_deref() {
        Some("iam") => Service::Iam,
        Some("sts") => Service::Sts,
        _ if version == Some(MODELS.of(Service::Iam).version.as_str()) => Service::Iam,
        _ => Service::Sts,
    }
}

/// The service in the scope of a request's signature, of which nothing is checked yet: only whose error it will be.
fn scope_service(parts: &Parts) -> Option<String> {
    let written = if let Some(header) = parts.headers.get(header::AUTHORIZATION) {
        header
            .to_str()
            .ok()?
            .split_once("Credential=")?
            .1
            .to_owned()
    } else {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let mut parameters = form_urlencoded::parse(query);
        parameters
            .find(|(name, _)| name == "X-Amz-Credential")?
            .1
            .into_owned()
    };
    let scope = written.split([',', ' ']).next()?;
    scope.split('/').rev().nth(1).map(str::to_owned)
}

/// A form's parameters, none of them twice.
fn parameters(form: &[u8]) -> Result<BTreeMap<String, String>, Error> {
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(form) {
        if parameters
            .insert(name.into_owned(), value.into_owned())
            .is_some()
            || parameters.len() > limits::PARAMETERS
        {
            return Err(Code::Serialization
                .because("The request has too many parameters, or one of them twice."));
        }
    }
    Ok(parameters)
}

/// The value of shape `id` that the parameters under `name` make; `None` where there are none.
fn read(
    model: &Model,
    id: ShapeId,
    parameters: &BTreeMap<String, String>,
    name: &str,
) -> Result<Option<Value>, Error> {
    let plain = parameters.get(name);
    let malformed = || Code::Serialization.because(format!("The value of {name} can't be read."));
    match &model.shape(id).kind {
        Kind::Structure(members) => {
            let mut object = Map::new();
            for member in members {
                if let Some(value) =
                    read(model, member.shape, parameters, &inside(name, &member.name))?
                {
                    object.insert(member.name.clone(), value);
                }
            }
            Ok((!object.is_empty()).then_some(Value::Object(object)))
        }
        Kind::List(of) => {
            let mut elements = Vec::new();
            for at in numbers(parameters, &inside(name, "member")) {
                let name = inside(name, &format!("member.{at}"));
                elements.extend(read(model, *of, parameters, &name)?);
            }
            // An empty list is written as the name alone.
            let there = !elements.is_empty() || plain.is_some_and(String::is_empty);
            Ok(there.then_some(Value::Array(elements)))
        }
        Kind::Map(_, of) => {
            let mut object = Map::new();
            for at in numbers(parameters, &inside(name, "entry")) {
                let entry = inside(name, &format!("entry.{at}"));
                let key = parameters
                    .get(&inside(&entry, "key"))
                    .ok_or_else(malformed)?;
                let value = read(model, *of, parameters, &inside(&entry, "value"))?
                    .ok_or_else(malformed)?;
                if object.insert(key.clone(), value).is_some() {
                    return Err(malformed());
                }
            }
            Ok((!object.is_empty()).then_some(Value::Object(object)))
        }
        Kind::String => Ok(plain.map(|text| Value::String(text.clone()))),
        Kind::Boolean => match plain.map(String::as_str) {
            None => Ok(None),
            Some("true") => Ok(Some(Value::Bool(true))),
            Some("false") => Ok(Some(Value::Bool(false))),
            Some(_) => Err(malformed()),
        },
        Kind::Integer | Kind::Long | Kind::Timestamp => match plain {
            None => Ok(None),
            Some(text) => {
                let number: i64 = text.parse().map_err(|_| malformed())?;
                Ok(Some(Value::Number(Number::from(number))))
            }
        },
    }
}

fn inside(name: &str, member: &str) -> String {
    if name.is_empty() {
        member.to_owned()
    } else {
        format!("{name}.{member}")
    }
}

/// The numbers N for which there are parameters `prefix.N` or `prefix.N.…`, in order.
fn numbers(parameters: &BTreeMap<String, String>, prefix: &str) -> Vec<u32> {
    let prefix = format!("{prefix}.");
    let behind = parameters
        .range(prefix.clone()..)
        .map_while(|(name, _)| name.strip_prefix(&prefix));
    let mut numbers: Vec<u32> = behind
        .filter_map(|rest| {
            rest.split('.')
                .next()
                .and_then(|number| number.parse().ok())
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
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
