//! Answers to browsers and to clients of other services, in the form that each of them shows to people: what this server
//! is, and what it isn't. Requests of the services that this server has never come here.

use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use uuid::Uuid;

use super::signature::scope_service;
use super::{aws_json, html, respond};
use crate::error::{Code, Error};

/// What this server is.
const THIS: &str = "This server is Cognate. It has Amazon Cognito identity pools (the service cognito-identity), STS and the \
                    part of IAM that identity pools need";

/// The longest name of another service that is repeated, in characters.
const LONGEST_NAME: usize = 64;

/// The targets of Cognito user pools.
const USER_POOLS: &str = "AWSCognitoIdentityProviderService";

/// The answer to a request with an unknown path or method.
pub(super) fn not_found(parts: &Parts, request_id: Uuid) -> Response {
    if is_s3(parts) {
        return s3(request_id);
    }
    if is_browser(parts) {
        return page(parts.uri.path());
    }
    let error = match sentence_for(parts) {
        Some(sentence) => Code::UnknownOperation.because(sentence),
        None => unknown_target(&parts.headers),
    };
    aws_json::not_found(&parts.headers, &error, request_id)
}

/// The refusal of a target that no operation has. The real service gives no message to clients of its own service.
pub(super) fn unknown_target(headers: &HeaderMap) -> Error {
    match service_of_target(headers) {
        Some(USER_POOLS) => Code::UnknownOperation.because(format!(
            "{THIS}. It has no user pools (the service cognito-idp): send this request to the endpoint of the user pool."
        )),
        Some(service) => Code::UnknownOperation.because(sentence(service)),
        None => Code::UnknownOperation.bare(),
    }
}

/// The sentence for a client of another service by its signature, if it has one.
pub(super) fn sentence_for(parts: &Parts) -> Option<String> {
    other_service(parts).map(|service| sentence(&service))
}

fn sentence(service: &str) -> String {
    format!("{THIS}. It doesn't have the service {service}: send this request to another endpoint.")
}

/// The service of a target, if it is another than this server's. The names of this server's, also misspelt, are not.
fn service_of_target(headers: &HeaderMap) -> Option<&str> {
    let mut targets = headers.get_all("x-amz-target").iter();
    let (Some(target), None) = (targets.next(), targets.next()) else {
        return None;
    };
    let (service, operation) = target.to_str().ok()?.split_once('.')?;
    let lower = service.to_ascii_lowercase();
    let is_own = lower.contains("cognitoidentityservice") || lower.contains("cognate");
    let is_named = is_name(service) && !operation.is_empty() && is_name(operation);
    (is_named && !is_own).then_some(service)
}

fn is_name(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(letter)
}

/// The service that a request is signed for, if it is another than this server's.
fn other_service(parts: &Parts) -> Option<String> {
    let own = ["cognito-identity", "sts", "iam"];
    scope_service(parts).filter(|service| is_name(service) && !own.contains(&service.as_str()))
}

/// Whether a request is one of S3: by its signature, or by what only clients of S3 send.
fn is_s3(parts: &Parts) -> bool {
    if let Some(service) = scope_service(parts) {
        return service.starts_with("s3");
    }
    let query = parts.uri.query().unwrap_or_default();
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let version_2 = authorization.is_some_and(|value| value.as_bytes().starts_with(b"AWS "));
    version_2
        || parts.headers.contains_key("x-amz-content-sha256")
        || parameters.any(|(name, _)| matches!(name.as_ref(), "list-type" | "x-id"))
}

/// The refusal in the form of S3. Its clients don't try again.
fn s3(request_id: Uuid) -> Response {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NotImplemented</Code><Message>{THIS}. It has no S3: send \
         this request to the endpoint of the storage.</Message><RequestId>{request_id}</RequestId></Error>"
    );
    let mut response = respond::plain(StatusCode::NOT_IMPLEMENTED, text);
    let xml = HeaderValue::from_static("application/xml");
    response.headers_mut().insert(header::CONTENT_TYPE, xml);
    response
}

/// Whether a person looks at the answer.
fn is_browser(parts: &Parts) -> bool {
    let mut accepted = parts.headers.get_all(header::ACCEPT).iter();
    matches!(parts.method, Method::GET | Method::HEAD)
        && accepted.any(|value| value.to_str().is_ok_and(|text| text.contains("text/html")))
}

/// The page at the root, and at paths that don't exist.
fn page(path: &str) -> Response {
    let root = path == "/";
    let begin = if root {
        "<h1>Cognate</h1>"
    } else {
        "<h1>There is nothing at this path</h1>"
    };
    let content = format!(
        "{begin}\n<p>{THIS}. Programs use it, with an AWS SDK or the AWS CLI: set their endpoint to this URL.</p>\n<p>It is \
         not a user pool and has no page to sign in at. It is no S3, and has no other service of AWS.</p>\n<p>The issuer's \
         documents are <a href=\"/.well-known/openid-configuration\">the discovery document</a> and <a \
         href=\"/.well-known/jwks.json\">the key set</a>. <a href=\"/health\">The health check</a> says whether it serves.</p>"
    );
    let status = if root {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    html::page(status, "Cognate", &content)
}
