//! The signature of a request: verified before anything is decoded, and what the request counts for before and after that.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts;

use super::bodies::WholeBody;
use super::public_path::SignedPath;
use super::{Front, limits};
use crate::app::access::caller::{self, CallerError};
use crate::app::keys::last_use;
use crate::app::rates::{self, RateExceeded};
use crate::app::{App, Call, Caller};
use crate::error::Error;
use crate::model::ids::Region;
use crate::operations::{Entry, Service};
use crate::sigv4::{self, KeyError, SecretKey, SecretKeys, SignatureError, SignatureRules};

/// The signer of a request and the region that the request was signed for. A request without a signature has an error, too.
pub(super) type Signature = Result<(Caller, Region), SignatureError>;

/// The scope and the form that a signature must have.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExpectedSignature {
    pub(super) service: Service,
    pub(super) presigned: bool,
}

impl ExpectedSignature {
    /// What an operation expects.
    pub(super) fn by(entry: &Entry) -> Self {
        Self {
            service: entry.service,
            presigned: entry.service == Service::Sts && entry.name == "GetCallerIdentity",
        }
    }
}

/// Whether a request claims to be signed, in a header or in the URL.
fn is_claimed(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    parts.headers.contains_key(AUTHORIZATION) || query.contains("X-Amz-")
}

/// Counts a request before its body is read, unless it claims a signature that must be verified first. The body of such a
/// request is small, or the key exists.
pub(super) fn admit_head(
    call: &mut Call<'_>,
    parts: &Parts,
    body_is_small: bool,
) -> Result<(), RateExceeded> {
    if is_claimed(parts) && (body_is_small || claims_a_key(call, parts)) {
        return Ok(());
    }
    call.is_counted = true;
    rates::admit_request(call, None, body_is_small)
}

/// The access key id that a request names, unverified: at most 128 letters and digits.
pub(super) fn claimed_key(parts: &Parts) -> Option<String> {
    let written = written_credential(parts)?;
    let id = written.split('/').next()?;
    let is_id = id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_id && !id.is_empty()).then(|| id.to_owned())
}

/// Whether a request names an access key that exists, with its session token. Nothing is verified.
fn claims_a_key(call: &Call<'_>, parts: &Parts) -> bool {
    let header = |name| parts.headers.get(name)?.to_str().ok();
    let query = parts.uri.query().unwrap_or_default();
    let parameter = |name| {
        let mut parameters = form_urlencoded::parse(query.as_bytes());
        Some(parameters.find(|(its, _)| its == name)?.1)
    };
    let credential = match header("authorization") {
        Some(header) => header
            .split_once("Credential=")
            .map(|(_, after)| after.into()),
        None => parameter("X-Amz-Credential"),
    };
    let token = match header("x-amz-security-token") {
        Some(token) => Some(token.into()),
        None => parameter("X-Amz-Security-Token"),
    };
    credential.is_some_and(|credential| {
        let id = credential.split('/').next().unwrap_or_default();
        caller::find(call.app, id, token.as_deref(), call.now).is_ok()
    })
}

/// What the signature of a request in the Query protocol must be like, if its scope is one of the two services. Only
/// GetCallerIdentity accepts a signature in the URL, and the others refuse the parameters of one.
pub(super) fn expected_in_query(parts: &Parts) -> Option<ExpectedSignature> {
    let presigned = !parts.headers.contains_key(AUTHORIZATION);
    let service = match scope_service(parts).as_deref() {
        Some("sts") => Service::Sts,
        Some("iam") if !presigned => Service::Iam,
        _ => return None,
    };
    Some(ExpectedSignature { service, presigned })
}

/// The service in the scope of a request's signature, unverified. It decides only the form of errors.
pub(super) fn scope_service(parts: &Parts) -> Option<String> {
    let written = written_credential(parts)?;
    let scope = written.split([',', ' ']).next()?;
    scope.split('/').rev().nth(1).map(str::to_owned)
}

/// The credential of a request's signature with what follows it, unverified.
fn written_credential(parts: &Parts) -> Option<String> {
    if let Some(header) = parts.headers.get(AUTHORIZATION) {
        let (_, written) = header.to_str().ok()?.split_once("Credential=")?;
        return Some(written.to_owned());
    }
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let mut parameters = form_urlencoded::parse(query);
    let found = parameters.find(|(name, _)| name == "X-Amz-Credential")?;
    Some(found.1.into_owned())
}

/// Verifies the signature of a request as `expected`, if the service is known, and counts a request that wasn't counted yet.
pub(super) async fn identify(
    front: &Front,
    call: &Call<'_>,
    parts: &Parts,
    body: &Arc<WholeBody>,
    expected: Option<ExpectedSignature>,
) -> Result<Option<Signature>, Error> {
    let signature = match expected {
        Some(expected) => Some(verify(front, call, parts, body, expected).await?),
        None => None,
    };
    if !call.is_counted {
        let verified = signature
            .as_ref()
            .and_then(|signature| signature.as_ref().ok());
        let caller = verified.map(|(caller, _)| caller);
        rates::admit_request(call, caller, body.len() <= limits::SMALL_BODY)?;
    }
    Ok(signature)
}

/// Verifies the signature of a request. A body that isn't small is hashed on a thread of the pool.
pub(super) async fn verify(
    front: &Front,
    call: &Call<'_>,
    parts: &Parts,
    body: &Arc<WholeBody>,
    expected: ExpectedSignature,
) -> Result<Signature, Error> {
    let mut hash = None;
    if body.len() > limits::SMALL_BODY && is_claimed(parts) {
        let body = Arc::clone(body);
        let pool = &call.app.pools.expensive;
        let work = move || sigv4::hex_hash(&body);
        hash = Some(pool.run_for(call.connection.network(), work).await?);
    }
    let anywhere = matches!(expected.service, Service::Iam | Service::Sts);
    let app = call.app;
    let rules = SignatureRules {
        services: &[expected.service.signing_name()],
        region: &|region| anywhere || app.serves(region),
        presigned: expected.presigned,
    };
    let signed_path = parts.extensions.get::<SignedPath>();
    let request = sigv4::Request {
        method: parts.method.as_str(),
        path: signed_path.map_or(parts.uri.path(), |path| &path.0),
        query: parts.uri.query().unwrap_or_default(),
        authority: parts.uri.authority().map(http::uri::Authority::as_str),
        headers: &parts.headers,
        body,
    };
    let keys = (&CallerKeys(app), &front.signing_keys);
    let verified = sigv4::verify_hashed(&request, hash.clone(), &rules, keys, call.now);
    if let Err(error) = &verified
        && error.is_mismatch()
        && tracing::enabled!(tracing::Level::INFO)
        && let Some(seen) = sigv4::seen(&request, hash, &rules)
    {
        log_mismatch(call, &seen);
    }
    if let Ok(verified) = &verified {
        last_use::note(call.app, &verified.owner, call.now);
    }
    Ok(verified.map(|verified| (verified.owner, verified.region)))
}

/// Logs what was signed as this server sees it, so that it can be compared with what the client has signed: a proxy may change
/// a path, a host or a header. The signature isn't logged.
fn log_mismatch(call: &Call<'_>, seen: &sigv4::SeenRequest) {
    let client = call.connection.client.map(tracing::field::display);
    let (request_id, canonical_request) = (call.request_id, &seen.canonical_hash);
    let (host, path, signed_headers) = (
        escaped(&seen.host),
        escaped(&seen.path),
        escaped(&seen.signed_headers),
    );
    tracing::info!(
        %request_id,
        client,
        canonical_request,
        host,
        signed_path = path,
        signed_headers,
        "a signature doesn't match: compare the SHA-256 of the client's canonical request, its host, its path and its headers"
    );
}

/// The beginning of a client's text, in ASCII.
fn escaped(text: &str) -> String {
    text.chars()
        .take(200)
        .flat_map(char::escape_default)
        .collect()
}

/// The secret keys of all callers that may sign.
struct CallerKeys<'a>(&'a App);

impl SecretKeys for CallerKeys<'_> {
    type Owner = Caller;

    fn key(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
        now: jiff::Timestamp,
    ) -> Result<(SecretKey, Caller), KeyError> {
        match caller::find(self.0, access_key_id, session_token, now) {
            Ok((caller, secret)) => Ok((SecretKey::new(secret.as_str().to_owned()), caller)),
            Err(CallerError::UnknownKey) => Err(KeyError::Unknown),
            Err(CallerError::SessionExpired) => Err(KeyError::Expired),
        }
    }
}
