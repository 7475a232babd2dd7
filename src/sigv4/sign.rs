//! Signing requests, in either form: for this program's own clients and for tests.

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

use super::canonical::{Query, canonical_path, canonical_request, encode, string_to_sign};
use super::key::{DerivedKey, SecretKey};
use super::{ALGORITHM, Request, TERMINATOR, amz_date, hex_hash};

/// Headers that a proxy may change or remove, and the signature itself.
const NEVER_SIGNED: [&str; 8] = [
    "authorization",
    "connection",
    "expect",
    "te",
    "transfer-encoding",
    "user-agent",
    "via",
    "x-amzn-trace-id",
];

/// The signing access key and the scope.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'s> {
    /// The access key's id.
    pub access_key_id: &'s str,
    /// The secret key.
    pub secret: &'s SecretKey,
    /// The session token of a temporary key.
    pub session_token: Option<&'s str>,
    /// The region of the credential scope.
    pub region: &'s str,
    /// The service of the credential scope.
    pub service: &'s str,
}

/// Why a request can't be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// The access key's id, the session token or the scope has characters that a header can't hold.
    #[error(
        "the access key, session token, region or service has characters that a header can't hold"
    )]
    Credentials,
    /// The query can't be decoded.
    #[error("the query can't be decoded")]
    Query,
}

/// Signs `request` at `now` and answers the headers to add: `x-amz-date`, `x-amz-security-token` for a temporary key, and
/// `authorization`. Signs all headers except those that proxies change. The request must have a host.
pub fn sign(
    request: &Request<'_>,
    signer: &Signer<'_>,
    now: Timestamp,
) -> Result<HeaderMap, CannotSign> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| CannotSign::Credentials);
    let date = amz_date::format(now);
    let mut added = HeaderMap::new();
    added.insert("x-amz-date", value(&date)?);
    if let Some(token) = signer.session_token {
        added.insert("x-amz-security-token", value(token)?);
    }
    let mut headers = request.headers.clone();
    headers.extend(added.clone());
    let request = Request {
        headers: &headers,
        ..*request
    };
    let query = Query::parse(request.query).map_err(|_| CannotSign::Query)?;
    let names = signed_headers(&request);
    let scope = signer.scope(&date);
    let signature = signer.signature(&request, &query, &names, &scope, &date);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        signer.access_key_id
    );
    added.insert("authorization", value(&authorization)?);
    Ok(added)
}

/// Signs `request` at `now` in the presigned form, for `expires` seconds, and answers the whole query. All its headers are
/// signed and must be sent.
pub fn presign(
    request: &Request<'_>,
    signer: &Signer<'_>,
    expires: u32,
    now: Timestamp,
) -> Result<String, CannotSign> {
    let date = amz_date::format(now);
    let names = signed_headers(request);
    let scope = signer.scope(&date);
    let credential = format!("{}/{scope}", signer.access_key_id);
    let expires = expires.to_string();
    let mut parameters = vec![
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", &date),
        ("X-Amz-SignedHeaders", &names),
        ("X-Amz-Expires", &expires),
    ];
    parameters.extend(
        signer
            .session_token
            .map(|token| ("X-Amz-Security-Token", token)),
    );
    let mut query = request.query.to_owned();
    for (name, value) in parameters {
        let before = if query.is_empty() { "" } else { "&" };
        query.extend([before, name, "=", &encode(value.as_bytes())]);
    }
    let signature = {
        let query = Query::parse(&query).map_err(|_| CannotSign::Query)?;
        signer.signature(request, &query, &names, &scope, &date)
    };
    Ok(format!("{query}&X-Amz-Signature={signature}"))
}

impl Signer<'_> {
    fn scope(&self, date: &str) -> String {
        let day = amz_date::day(date);
        format!("{day}/{}/{}/{TERMINATOR}", self.region, self.service)
    }

    fn signature(
        &self,
        request: &Request<'_>,
        query: &Query<'_>,
        signed_headers: &str,
        scope: &str,
        date: &str,
    ) -> String {
        let path = canonical_path(request.path, true);
        let query = query.canonical(&[]);
        let payload_hash = hex_hash(request.body);
        let canonical = canonical_request(request, &path, &query, signed_headers, &payload_hash);
        DerivedKey::derive(self.secret, amz_date::day(date), self.region, self.service)
            .sign(&string_to_sign(date, scope, &canonical))
    }
}

/// The list of the headers to sign: sorted, with semicolons.
fn signed_headers(request: &Request<'_>) -> String {
    let mut names: Vec<&str> = request
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| *name != "host" && !NEVER_SIGNED.contains(name))
        .chain(["host"])
        .collect();
    names.sort_unstable();
    names.join(";")
}
