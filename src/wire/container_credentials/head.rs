//! The head of a request for container credentials: who may send it, and the token in it. Programs send it, with one header
//! and no query. Everything that a browser sends is refused, because a page must never make a browser fetch credentials.

use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderMap, Method};

use super::path::CredentialsPath;
use crate::error::{Code, Error};

/// The headers of browsers and of what prefetches for them. All headers that begin with `sec-` are theirs, too.
const OF_BROWSERS: [HeaderName; 7] = [
    header::ORIGIN,
    header::REFERER,
    header::COOKIE,
    header::UPGRADE_INSECURE_REQUESTS,
    HeaderName::from_static("purpose"),
    HeaderName::from_static("x-purpose"),
    HeaderName::from_static("x-moz"),
];

/// The most of a token, in bytes.
const LONGEST_TOKEN: usize = 50_000;

/// A request for container credentials, before anything is verified.
#[derive(Debug)]
pub(super) struct CredentialsHead {
    pub(super) path: CredentialsPath,
    /// The value of `Authorization` without `Bearer`; empty for a guest.
    pub(super) token: String,
}

impl CredentialsHead {
    /// Reads a head. `is_own_host` decides about the host, and `is_private` says that no other machine can read the connection.
    pub(super) fn read(parts: &Parts, is_own_host: bool, is_private: bool) -> Result<Self, Error> {
        let path = CredentialsPath::parse(parts.uri.path())?;
        if parts.method != Method::GET {
            return Err(Code::WrongMethod.because("Container credentials are fetched with GET."));
        }
        let refused = |text: &'static str| Err(Code::Validation.because(text));
        if !is_own_host {
            return refused(
                "The host of the request isn't this server's. Use the host of the public URL, or a loopback host where the \
                 server listens on loopback.",
            );
        }
        if is_of_browser(&parts.headers) {
            return refused("Container credentials are for programs, not for browsers.");
        }
        if parts.uri.query().is_some() {
            return refused("Container credentials take no query: everything is in the path.");
        }
        if !is_private {
            return Err(Code::AccessDenied.because(
                "Container credentials are given over https only, or by a server that listens on loopback. An administrator \
                 sets tls.certificate_file, or trusted_proxies and an https public_url, or unsafe.http_container_credentials.",
            ));
        }
        let token = match (&path, token(&parts.headers)?) {
            (CredentialsPath::Guest { .. }, None) => String::new(),
            (CredentialsPath::Guest { .. }, Some(_)) => {
                return refused(
                    "The credentials of guests are given without an Authorization header. With a token, use /credentials.",
                );
            }
            (_, None) => {
                return Err(Code::MissingAuthenticationToken.because(
                    "The Authorization header with the token is missing. Set AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or \
                     AWS_CONTAINER_AUTHORIZATION_TOKEN.",
                ));
            }
            (_, Some(token)) => token,
        };
        Ok(Self { path, token })
    }
}

/// Whether a browser sent the request, or something that prefetches for one.
fn is_of_browser(headers: &HeaderMap) -> bool {
    let mut names = headers.keys();
    let accepts_pages = |value: &header::HeaderValue| {
        let text = value.as_bytes().to_ascii_lowercase();
        text.windows(9).any(|part| part == b"text/html")
    };
    names.any(|name| OF_BROWSERS.contains(name) || name.as_str().starts_with("sec-"))
        || headers.get_all(header::ACCEPT).iter().any(accepts_pages)
}

/// The token, with or without `Bearer`; `None` without the header. A second header is refused, because a proxy may have read
/// another of the two.
fn token(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Code::Validation.because("The request has two Authorization headers."));
    }
    let invalid = |text: &'static str| Err(Code::InvalidIdentityToken.because(text));
    let Ok(text) = value.to_str() else {
        return invalid("The Authorization header isn't a token.");
    };
    let text = text.trim_end_matches(['\r', '\n']);
    let token = match text.split_once(' ') {
        None => text,
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token,
        Some(_) => {
            return invalid(
                "The Authorization header must be an ID token, with or without Bearer. No other scheme is accepted.",
            );
        }
    };
    let part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !part.is_empty() && part.bytes().all(plain)
    };
    let is_jwt =
        token.len() <= LONGEST_TOKEN && token.split('.').count() == 3 && token.split('.').all(part);
    if !is_jwt {
        return invalid(
            "The Authorization header isn't an ID token. Access tokens aren't accepted.",
        );
    }
    Ok(Some(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::error::Dialect;

    const PATH: &str = "/credentials/eu-west-1:00000000-0000-4000-8000-000000000001";
    const TOKEN: &str = "e30.e30.AA";

    fn read(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<String, u16> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let head = CredentialsHead::read(&parts, true, true);
        head.map(|head| head.token)
            .map_err(|error| error.code.on_the_wire(Dialect::Container).1)
    }

    #[test]
    fn a_token_comes_with_or_without_its_scheme() {
        for value in [TOKEN, "Bearer e30.e30.AA", "bearer e30.e30.AA"] {
            let read = read("GET", PATH, &[("authorization", value)]);
            assert_eq!(read.as_deref(), Ok(TOKEN));
        }
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer  e30.e30.AA",
            "Basic e30.e30.AA",
            "Basic dXNlcjpwYXNz",
            "e30.e30",
            "e30.e30.AA.AA",
            "e30.e30.",
            "e30.e30.A A",
            "e30.e30.AA=",
            "AWS4-HMAC-SHA256 Credential=AKIA/x",
            "opaque",
        ] {
            let read = read("GET", PATH, &[("authorization", value)]);
            assert_eq!(read, Err(401), "{value:?}");
        }
        assert_eq!(read("GET", PATH, &[]), Err(401), "a guest has its own path");
    }

    #[test]
    fn only_one_get_of_a_program_is_read() {
        let token = ("authorization", TOKEN);
        for method in [
            "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "X",
        ] {
            assert_eq!(read(method, PATH, &[token]), Err(405), "{method}");
        }
        assert_eq!(read("GET", PATH, &[token, token]), Err(400), "two headers");
        for query in ["?", "?role=Build", "?x"] {
            let uri = format!("{PATH}{query}");
            assert_eq!(read("GET", &uri, &[token]), Err(400), "{uri}");
        }
        for header in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("referer", "http://localhost/"),
            ("cookie", "a=b"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "image"),
            ("sec-purpose", "prefetch"),
            ("sec-ch-ua", "x"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
            ("upgrade-insecure-requests", "1"),
            ("accept", "text/html,application/xhtml+xml"),
            ("accept", "application/json, TEXT/HTML"),
        ] {
            assert_eq!(read("GET", PATH, &[token, header]), Err(400), "{header:?}");
        }
        for header in [
            ("accept", "application/json"),
            ("accept", "*/*"),
            ("user-agent", "aws-sdk-go-v2"),
            ("x-amz-user-agent", "x"),
            ("content-type", "application/json"),
        ] {
            assert!(read("GET", PATH, &[token, header]).is_ok(), "{header:?}");
        }
    }

    #[test]
    fn a_guest_has_no_token() {
        let path = PATH.replace("/credentials", "/guest-credentials");
        assert_eq!(read("GET", &path, &[]).as_deref(), Ok(""));
        let refused = read("GET", &path, &[("authorization", TOKEN)]);
        assert_eq!(refused, Err(400));
    }
}
