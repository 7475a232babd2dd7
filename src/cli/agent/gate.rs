//! Which requests the agent answers: those of programs on this machine that have its token. Any process and any web page can send
//! requests to a loopback address.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

/// What a request must name.
pub(super) struct Gate {
    /// The profile, the last part of the path.
    pub(super) profile: String,
    /// The address and port, the only value of `Host`.
    pub(super) authority: String,
    /// The value of `Authorization`.
    pub(super) token: String,
}

impl Gate {
    /// The path of the credentials.
    pub(super) fn path(&self) -> String {
        format!("/credentials/{}", self.profile)
    }

    /// The refusal of a request that isn't answered.
    pub(super) fn check(&self, head: &Parts) -> Option<(StatusCode, Value)> {
        let refused = |status, words| Some(refused(status, words));
        let headers = &head.headers;
        let mut hosts = headers.get_all(header::HOST).iter();
        let is_own = hosts
            .next()
            .is_some_and(|host| host.as_bytes() == self.authority.as_bytes());
        if !is_own || hosts.next().is_some() {
            return refused(
                StatusCode::BAD_REQUEST,
                "The host isn't the agent's address.",
            );
        }
        let of_browser = [header::ORIGIN, header::REFERER, header::COOKIE];
        if headers
            .keys()
            .any(|name| of_browser.contains(name) || name.as_str().starts_with("sec-"))
        {
            return refused(StatusCode::BAD_REQUEST, "The agent isn't for browsers.");
        }
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().map(HeaderValue::as_bytes).unwrap_or_default();
        let is_token = verify_slices_are_equal(value, self.token.as_bytes()).is_ok();
        if !is_token || values.next().is_some() {
            return refused(
                StatusCode::FORBIDDEN,
                "The token isn't the agent's: set both variables that cognate agent printed.",
            );
        }
        if head.uri.path() != self.path() || head.uri.query().is_some() {
            return refused(
                StatusCode::NOT_FOUND,
                "The agent has one profile, which its first line names.",
            );
        }
        if head.method != Method::GET {
            return refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "Container credentials are fetched with GET.",
            );
        }
        None
    }
}

/// A refusal in the four spellings that the SDKs read.
pub(super) fn refused(status: StatusCode, words: &str) -> (StatusCode, Value) {
    let code = status
        .canonical_reason()
        .unwrap_or_default()
        .replace(' ', "");
    let body = json!({ "code": code, "message": words, "Code": code, "Message": words });
    (status, body)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn gate() -> Gate {
        Gate {
            profile: "ci".to_owned(),
            authority: "127.0.0.1:4711".to_owned(),
            token: "secret-token".to_owned(),
        }
    }

    fn status(method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        gate()
            .check(&head)
            .map_or(200, |(status, _)| status.as_u16())
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:4711");
    const TOKEN: (&str, &str) = ("authorization", "secret-token");

    #[test]
    fn a_program_with_the_token_is_answered() {
        assert_eq!(status("GET", "/credentials/ci", &[HOST, TOKEN]), 200);
    }

    #[test]
    fn another_process_a_web_page_and_another_name_get_nothing() {
        let path = "/credentials/ci";
        for value in [
            "",
            "secret-toke",
            "secret-token2",
            "Bearer secret-token",
            "SECRET-TOKEN",
        ] {
            assert_eq!(
                status("GET", path, &[HOST, ("authorization", value)]),
                403,
                "{value}"
            );
        }
        assert_eq!(status("GET", path, &[HOST]), 403, "no token");
        assert_eq!(
            status("GET", path, &[HOST, TOKEN, TOKEN]),
            403,
            "two tokens"
        );
        for host in [
            "evil.example",
            "localhost:4711",
            "127.0.0.1",
            "127.0.0.1:4712",
            "",
        ] {
            assert_eq!(status("GET", path, &[("host", host), TOKEN]), 400, "{host}");
        }
        assert_eq!(status("GET", path, &[TOKEN]), 400, "no host");
        assert_eq!(status("GET", path, &[HOST, HOST, TOKEN]), 400, "two hosts");
        for header in [
            ("origin", "https://evil.example"),
            ("referer", "https://evil.example/"),
            ("sec-fetch-site", "cross-site"),
            ("cookie", "a=b"),
        ] {
            assert_eq!(
                status("GET", path, &[HOST, TOKEN, header]),
                400,
                "{header:?}"
            );
        }
        for path in [
            "/",
            "/credentials",
            "/credentials/",
            "/credentials/ci/",
            "/credentials/other",
            "/credentials/ci?a",
        ] {
            assert_eq!(status("GET", path, &[HOST, TOKEN]), 404, "{path}");
        }
        for method in ["POST", "HEAD", "OPTIONS"] {
            assert_eq!(status(method, path, &[HOST, TOKEN]), 405, "{method}");
        }
    }
}
