//! Parts of answers that the protocols share, and the log line and metrics of each answer.

use std::error::Error as StdError;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;
use uuid::Uuid;

use super::audit;
use crate::app::{Call, Caller};
use crate::error::{Code, Dialect, Error};
use crate::operations::Service;
use crate::spans;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Marks an answer as the refusal of too many requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Throttled;

/// Marks `response` if it refuses too many requests.
pub(super) fn mark(response: &mut Response, error: &Error) {
    if error.code == Code::TooManyRequests {
        response.extensions_mut().insert(Throttled);
    }
}

/// An answer with a body that caches must not store.
pub(super) fn answer(
    status: u16,
    content_type: &'static str,
    body: impl Into<Body>,
    request_id: Uuid,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).expect("the statuses of errors are statuses");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut id = Uuid::encode_buffer();
    let id = request_id.as_hyphenated().encode_lower(&mut id);
    let id = HeaderValue::from_str(id).expect("a UUID is printable");
    headers.insert(REQUEST_ID, id);
    response
}

/// A public JSON document that may be cached for `max_age` seconds and read by pages of any origin.
pub(super) fn json_document(document: &Value, max_age: i64) -> Response {
    let mut response = Response::new(Body::from(document.to_string()));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let control = format!("public, max-age={max_age}");
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::try_from(control).expect("digits are printable"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

/// A short plain text.
pub(super) fn plain(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An error with the chain of its sources, on one line.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        line = format!("{line}: {source}");
        next = source.source();
    }
    line
}

/// Records the end of a call in the log and the metrics.
pub(super) fn ended(
    call: &Call<'_>,
    operation: &'static str,
    service: Service,
    error: Option<&Error>,
) {
    if let Some(error) = error {
        audit::refused(call, service, operation, error);
    }
    ended_in(call, operation, audit::dialect(service), error);
}

/// As [`ended`], of a call that the audit log has already.
pub(super) fn ended_in(
    call: &Call<'_>,
    operation: &'static str,
    dialect: Dialect,
    error: Option<&Error>,
) {
    let code = error.map_or("OK", |error| error.code.on_the_wire(dialect).0);
    let failure = error.map(|_| code);
    let prefix = match dialect {
        Dialect::Json | Dialect::Container => "",
        Dialect::Sts => "sts:",
        Dialect::Iam => "iam:",
    };
    spans::ended(prefix, operation, failure, call.request_id, call.pool.get());
    let took = call.app.ambient.now().duration_since(call.now);
    metrics::counter!("cognate_requests_total", "operation" => operation, "code" => code)
        .increment(1);
    metrics::histogram!("cognate_request_seconds", "operation" => operation)
        .record(took.as_secs_f64());
    let request_id = call.request_id;
    let Some(error) = error else {
        tracing::debug!(%request_id, operation, "answered");
        return;
    };
    let why = error
        .source
        .as_deref()
        .map(|source| chain(source))
        .unwrap_or_default();
    match error.code {
        Code::InternalError => tracing::error!(%request_id, operation, code, why, "failed"),
        Code::ExternalService
        | Code::IdpCommunicationError
        | Code::InvalidIdentityPoolConfiguration => {
            let pool = call.pool.get().map(tracing::field::display);
            let by_key = matches!(call.caller, Some(Caller::Root(_) | Caller::AccessKey(_)));
            let signed_by_key = by_key.then_some(true);
            tracing::warn!(%request_id, operation, code, pool, signed_by_key, why, "refused");
        }
        _ => tracing::debug!(%request_id, operation, code, why, "refused"),
    }
}
