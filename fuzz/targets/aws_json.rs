//! A request in AWS JSON: the first line is its target, with `!` before it where the root key signs; then its body.
#![no_main]

use cognate::model::json;
use cognate_fuzz::{server, signed, value};
use http::{HeaderMap, HeaderValue, Request};

cognate_fuzz::target!(|bytes: &[u8]| {
    let (target, body) = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or((bytes, &[][..]), |at| (&bytes[..at], &bytes[at + 1..]));
    let (signs, target) = match target.strip_prefix(b"!") {
        Some(target) => (true, target),
        None => (false, target),
    };
    let Some(target) = value(target) else { return };
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("127.0.0.1:2646"));
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-amz-json-1.1"),
    );
    headers.insert("x-amz-target", target);
    if signs {
        headers.extend(signed("POST", &headers, body, "cognito-identity"));
    }
    let mut request = Request::post("/").body(body.to_vec()).expect("a request");
    *request.headers_mut() = headers;
    let (answer, body) = server().ask(request);
    let status = answer.status().as_u16();
    assert!(status < 500, "{status}");
    assert!(answer.headers().contains_key("x-amzn-requestid"));
    if status == 200 {
        assert!(body.is_empty() || json::read(&body).is_ok());
    } else {
        let error = json::read(&body).expect("an error is strict JSON");
        assert!(error["__type"].is_string());
        assert!(answer.headers().contains_key("x-amzn-errortype"));
    }
});
