//! Cross-origin requests (CORS): browsers call this service directly. The headers are captures of the real service.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const EXPOSED: HeaderValue =
    HeaderValue::from_static("x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// The longest list of headers that is echoed, in bytes.
const ASKED: usize = 2048;

/// The answer to a preflight request.
pub(super) fn preflight(asked: &HeaderMap, request_id: Uuid) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let id = HeaderValue::try_from(request_id.to_string()).expect("a UUID is printable");
    headers.insert(REQUEST_ID, id);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    if let Some(list) = asked
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .filter(|list| list.len() <= ASKED)
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, list.clone());
    }
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST"),
    );
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("172800"),
    );
    response
}

/// Lets a page of any origin read an answer, an error as well as a success.
pub(super) fn expose(asked: &HeaderMap, answer: &mut HeaderMap) {
    if asked.contains_key(header::ORIGIN) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
