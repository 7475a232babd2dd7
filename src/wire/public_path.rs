//! The path of the public URL: everything is served below it. A proxy passes it on, because it is signed.

use axum::body::Body;
use http::uri::PathAndQuery;
use http::{Request, Uri};
use url::Url;

/// The path of a request as its client signed it, where the server answers it at another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignedPath(pub(super) String);

/// The path of the public URL, without a final slash; empty for none.
#[derive(Debug, Clone)]
pub(super) struct PublicPath(String);

impl PublicPath {
    pub(super) fn of(public_url: &str) -> Self {
        let path = Url::parse(public_url).map(|url| url.path().trim_end_matches('/').to_owned());
        Self(path.unwrap_or_default())
    }

    /// The request without the path of the public URL. A request of another path stays as it is, so that a health check needn't
    /// know the public URL.
    pub(super) fn strip(&self, request: &mut Request<Body>) {
        let Some(rest) = self.rest(request.uri()) else {
            return;
        };
        let signed = SignedPath(request.uri().path().to_owned());
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(rest);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
            request.extensions_mut().insert(signed);
        }
    }

    fn rest(&self, uri: &Uri) -> Option<PathAndQuery> {
        if self.0.is_empty() {
            return None;
        }
        let rest = uri.path().strip_prefix(self.0.as_str())?;
        let rest = match rest.as_bytes().first() {
            None => "/",
            Some(b'/') => rest,
            // Another path with the same beginning.
            Some(_) => return None,
        };
        let query = uri.query().map(|query| format!("?{query}"));
        format!("{rest}{}", query.unwrap_or_default()).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(public_url: &str, uri: &str) -> (String, Option<String>) {
        let mut request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        PublicPath::of(public_url).strip(&mut request);
        let signed = request.extensions().get::<SignedPath>();
        let signed = signed.map(|path| path.0.clone());
        (request.uri().to_string(), signed)
    }

    #[test]
    fn what_is_below_the_public_url_is_served_and_signed_as_it_came() {
        for (uri, served, signed) in [
            ("/id", "/", Some("/id")),
            ("/id/", "/", Some("/id/")),
            ("/id?Action=a&b", "/?Action=a&b", Some("/id")),
            (
                "/id/.well-known/jwks.json",
                "/.well-known/jwks.json",
                Some("/id/.well-known/jwks.json"),
            ),
            ("/identity", "/identity", None),
            ("/ID", "/ID", None),
            ("/%69d", "/%69d", None),
            ("/health", "/health", None),
            ("/", "/", None),
        ] {
            let found = stripped("https://h.example/id", uri);
            assert_eq!(
                found,
                (served.to_owned(), signed.map(str::to_owned)),
                "{uri}"
            );
        }
        assert_eq!(
            stripped("https://h.example", "/id"),
            ("/id".to_owned(), None)
        );
    }
}
