//! The routes of the test issuer of `cognate dev`, which `cognate serve` doesn't have. Only pages of loopback or named
//! origins read its answers (CORS).

mod authorize;
mod page;
mod parameters;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use self::parameters::Parameters;
use super::bodies::WholeBody;
use super::{Front, bodies, respond};
use crate::app::connection::Connection;
use crate::test_issuer::{PATH, TestIssuer};

/// What a handler needs: the front end, and the issuer of this process.
#[derive(Clone)]
struct IssuerState {
    front: Arc<Front>,
    issuer: Arc<TestIssuer>,
}

/// The routes of the issuer of this process, if it has one.
pub(super) fn routes(front: &Arc<Front>) -> Router<Arc<Front>> {
    let Some(issuer) = &front.app.test_issuer else {
        return Router::new();
    };
    let state = IssuerState {
        front: Arc::clone(front),
        issuer: Arc::clone(issuer),
    };
    let at = |path: &str| format!("{PATH}{path}");
    Router::new()
        .route(
            &at("/.well-known/openid-configuration"),
            get(discovery).options(preflight),
        )
        .route(&at("/keys"), get(key_set).options(preflight))
        .route(
            &at("/authorize"),
            get(authorize::show).post(authorize::submit),
        )
        .route(&at("/token"), post(token::redeem).options(preflight))
        .route(&at("/id-token"), post(token::make))
        .with_state(state)
}

async fn discovery(State(state): State<IssuerState>, headers: HeaderMap) -> Response {
    let document = state.issuer.discovery();
    shared(&state.issuer, &headers, StatusCode::OK, &document)
}

async fn key_set(State(state): State<IssuerState>, headers: HeaderMap) -> Response {
    let document = state.issuer.key_set();
    shared(&state.issuer, &headers, StatusCode::OK, &document)
}

/// The answer to a preflight request of a page of an allowed origin.
async fn preflight(State(state): State<IssuerState>, headers: HeaderMap) -> Response {
    let mut response = respond::plain(StatusCode::NO_CONTENT, "");
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    if let (Some(origin), answer) = (
        allowed_origin(&state.issuer, &headers),
        response.headers_mut(),
    ) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let methods = HeaderValue::from_static("GET, POST");
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        if let Some(asked) = asked.filter(|asked| asked.len() <= 1024) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
    }
    let vary = HeaderValue::from_static("origin");
    response.headers_mut().insert(header::VARY, vary);
    response
}

/// A JSON document that pages of allowed origins may read, and that no cache keeps: keys end with the process.
fn shared(
    issuer: &TestIssuer,
    asked: &HeaderMap,
    status: StatusCode,
    document: &Value,
) -> Response {
    let mut response = json(status, document);
    let headers = response.headers_mut();
    if let Some(origin) = allowed_origin(issuer, asked) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// A JSON document that no page may read.
fn json(status: StatusCode, document: &Value) -> Response {
    let mut response = respond::plain(status, document.to_string());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The origin of the page that asks, if the issuer serves it.
fn allowed_origin(issuer: &TestIssuer, headers: &HeaderMap) -> Option<HeaderValue> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else {
        return None;
    };
    let is_served = origin.to_str().is_ok_and(|text| issuer.serves_origin(text));
    is_served.then(|| origin.clone())
}

/// Reads the whole body of a request.
async fn body(
    state: &IssuerState,
    connection: &Connection,
    body: axum::body::Body,
) -> Option<WholeBody> {
    let memory = &state.front.memory;
    bodies::read(memory, body, connection.network()).await.ok()
}

/// The parameters of a form.
fn form(method: &Method, headers: &HeaderMap, body: &[u8]) -> Option<Parameters> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = content_type.split(';').next().unwrap_or_default();
    let is_form = essence
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded");
    (*method == Method::POST && is_form).then(|| Parameters::parse(body))?
}
