//! A request for container credentials: the path, and then a line for each header. Only the guests of the pool get credentials, by
//! one path without a token, and every refusal has the four spellings.
#![no_main]

use cognate::model::json;
use cognate_fuzz::{POOL, server};
use http::{HeaderName, HeaderValue, Request, Uri};

const PATHS: [&str; 3] = ["/credentials", "/guest-credentials", "/role-credentials"];

cognate_fuzz::target!(|text: &str| {
    let mut lines = text.split('\n');
    let path = lines.next().unwrap_or_default();
    let Ok(uri) = Uri::try_from(path) else { return };
    let is_own = |begin: &str| {
        let rest = uri.path().strip_prefix(begin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if uri.authority().is_some() || !PATHS.iter().any(|begin| is_own(begin)) {
        return;
    }
    let mut request = Request::get(uri.clone())
        .body(Vec::new())
        .expect("a request");
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static("127.0.0.1:2646"));
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            return;
        };
        let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value.trim()),
        ) else {
            return;
        };
        headers.append(name, value);
    }
    let named: Vec<_> = headers.keys().cloned().collect();
    let (answer, body) = server().ask(request);
    let status = answer.status().as_u16();
    assert!(status < 500 || status == 503, "{status}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body = json::read(&body).expect("strict JSON");
    let members = body.as_object().expect("an object");
    if status != 200 {
        assert_eq!(members.len(), 4, "{body}");
        assert!(members["code"] == members["Code"] && members["message"] == members["Message"]);
        return;
    }
    let decoded = uri.path().replace("%3A", ":").replace("%3a", ":");
    let is_plain = !decoded.contains('%');
    assert!(
        !is_plain || decoded == format!("/guest-credentials/{POOL}"),
        "{decoded}"
    );
    assert!(uri.query().is_none() && members.contains_key("Token"));
    let is_forbidden = |name: &HeaderName| {
        name.as_str().starts_with("sec-")
            || ["authorization", "origin", "cookie"].contains(&name.as_str())
    };
    assert!(!named.iter().any(is_forbidden), "{named:?}");
});
