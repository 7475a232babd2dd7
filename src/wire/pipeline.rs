//! The pipeline: the steps before every operation of every protocol, in the real service's order: signature, syntax, types,
//! constraints, permission.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::header::AUTHORIZATION;
use http::request::Parts;
use serde_json::Value;

use super::admission::crowded;
use super::models::{MODELS, Model, OperationShape};
use super::{Front, constraints, limits};
use crate::app::access::caller::{self, CallerError};
use crate::app::{App, Call, Caller, rates, records};
use crate::error::{Code, Error};
use crate::model::ids::Region;
use crate::operations::{ALL, Access, Entry, OperationAnswer, Prepared, Service};
use crate::sigv4::{self, KeyError, SecretKey, SecretKeys, SignatureError, SignatureRules};

/// How often a request runs if its pool changes each time.
const RUNS: usize = 8;

static BY_NAME: LazyLock<HashMap<(Service, &'static str), &'static Entry>> = LazyLock::new(|| {
    ALL.iter()
        .map(|entry| ((entry.service, entry.name), entry))
        .collect()
});

/// The operation with this name, if it exists.
pub(super) fn entry(service: Service, name: &str) -> Option<&'static Entry> {
    BY_NAME.get(&(service, name)).copied()
}

/// The model and the shapes of an operation.
pub(super) fn model(entry: &Entry) -> (&'static Model, &'static OperationShape) {
    let model = MODELS.of(entry.service);
    (
        model,
        model
            .operation(entry.name)
            .expect("a test checks that each operation is in its model"),
    )
}

/// Runs `work` on a body of this length: on the pool if the body isn't small.
pub(super) async fn decode<T: Send + 'static>(
    call: &Call<'_>,
    length: usize,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if length <= limits::SMALL_BODY {
        return work();
    }
    let pool = &call.app.pools.expensive;
    pool.run_for(call.connection.network(), work).await?
}

/// Whether a request claims to be signed, in a header or in the URL.
fn claims_signature(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    parts.headers.contains_key(AUTHORIZATION) || query.contains("X-Amz-")
}

/// Counts a request that claims no signature for its address, before it is decoded.
pub(super) fn admit_unsigned(call: &Call<'_>, parts: &Parts) -> Result<(), Error> {
    if !claims_signature(parts) {
        rates::admit_request(call)?;
    }
    Ok(())
}

/// Runs all steps of a request; `read` decodes its bytes to a JSON value that conforms to the model. The steps after the
/// signature need a permit of the caller's class. A call counts for its rates once, also if it runs again: for its address as
/// soon as its caller is known, and as its work before anything is done for it.
pub(super) async fn run(
    front: &Front,
    entry: &Entry,
    call: &mut Call<'_>,
    parts: &Parts,
    body: &[u8],
    read: impl FnOnce(&Model, &OperationShape) -> Result<Value, Error> + Send + 'static,
) -> Result<Box<dyn OperationAnswer>, Error> {
    let mut verified = Ok(());
    if entry.access != Access::Public {
        verified = signature(front, entry, call, parts, body).map(|(caller, region)| {
            call.region = Some(region);
            call.caller = Some(caller);
        });
    }
    if claims_signature(parts) {
        rates::admit_request(call)?;
    }
    verified.map_err(|error| refused(&error, entry.service))?;
    let permits = front.work.class(call.caller.as_ref());
    let client = call.connection.network();
    let work = permits.run(client, after_signature(entry, call, body.len(), read));
    work.await.unwrap_or_else(|| Err(crowded()))
}

async fn after_signature(
    entry: &Entry,
    call: &mut Call<'_>,
    length: usize,
    read: impl FnOnce(&Model, &OperationShape) -> Result<Value, Error> + Send + 'static,
) -> Result<Box<dyn OperationAnswer>, Error> {
    if let Some(Caller::Session(session)) = &call.caller
        && !caller::origin_is_valid(call, session).await?
    {
        return Err(refused(&SignatureError::UnknownKey, entry.service));
    }
    let (model, shape) = model(entry);
    let work = move || {
        let value = read(model, shape)?;
        let violations = shape
            .input
            .and_then(|input| constraints::violations(model, input, &value));
        match violations {
            None => Ok(value),
            Some(text) => Err(Code::Validation.because(text)),
        }
    };
    let value = decode(call, length, work).await?;
    call.operation = entry.name;
    let mut prepared = (entry.prepare)(&value)?;
    rates::admit_work(call, prepared.work(call))?;
    for _ in 1..RUNS {
        match run_once(entry, call, prepared).await {
            Err(error) if error.code == Code::Outdated => records::refresh(call.app).await?,
            outcome => return outcome,
        }
        prepared = (entry.prepare)(&value)?;
    }
    run_once(entry, call, prepared).await
}

/// Takes the steps that depend on stored data: what they read may change before they write, and then they run again.
async fn run_once(
    entry: &Entry,
    call: &Call<'_>,
    prepared: Box<dyn Prepared>,
) -> Result<Box<dyn OperationAnswer>, Error> {
    if entry.access == Access::Signed {
        prepared.authorise(call).await?;
    }
    prepared.run(call).await
}

fn signature(
    front: &Front,
    entry: &Entry,
    call: &Call<'_>,
    parts: &Parts,
    body: &[u8],
) -> Result<(Caller, Region), SignatureError> {
    let anywhere = matches!(entry.service, Service::Iam | Service::Sts);
    let app = call.app;
    let rules = SignatureRules {
        services: &[entry.service.signing_name()],
        region: &|region| anywhere || app.serves(region),
        presigned: entry.service == Service::Sts && entry.name == "GetCallerIdentity",
    };
    let request = sigv4::Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        authority: parts.uri.authority().map(http::uri::Authority::as_str),
        headers: &parts.headers,
        body,
    };
    let verified = sigv4::verify(
        &request,
        &rules,
        &CallerKeys(app),
        &front.signing_keys,
        call.now,
    )?;
    Ok((verified.owner, verified.region))
}

fn refused(error: &SignatureError, service: Service) -> Error {
    let code = match error {
        SignatureError::Missing if matches!(service, Service::Sts | Service::Iam) => {
            return Code::MissingAuthenticationToken
                .because("Request is missing Authentication Token");
        }
        SignatureError::Missing => Code::MissingAuthenticationToken,
        SignatureError::Incomplete(_) => Code::IncompleteSignature,
        SignatureError::Invalid(_) => Code::InvalidSignature,
        SignatureError::UnknownKey => Code::UnrecognizedClient,
        SignatureError::ExpiredToken => Code::ExpiredToken,
    };
    code.because(error.to_string())
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
