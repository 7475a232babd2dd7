//! The pipeline: the steps before every operation of every protocol, in the real service's order: signature, syntax, types,
//! constraints, permission.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::admission::crowded;
use super::audit::CallRecord;
use super::signature::Signature;
use super::{Front, limits};
use crate::app::access::caller;
use crate::app::{Call, Caller, rates, records};
use crate::error::{Code, Error};
use crate::operations::models::{MODELS, Model, OperationShape, constraints};
use crate::operations::{ALL, Access, Entry, OperationAnswer, Prepared, Service};
use crate::sigv4::SignatureError;

/// How often a request runs if its pool changes each time.
pub(super) const RUNS: usize = 8;

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

/// Runs all steps of a request; `read` decodes its bytes to a JSON value that conforms to the model. The steps after the
/// signature need a permit of the caller's class. The request was counted, with its signature; a call counts as its work once,
/// before anything is done for it, also if it runs again.
pub(super) async fn run(
    front: &Front,
    entry: &'static Entry,
    call: &mut Call<'_>,
    signature: Signature,
    length: usize,
    read: impl FnOnce(&Model, &OperationShape) -> Result<Value, Error> + Send + 'static,
) -> Result<Box<dyn OperationAnswer>, Error> {
    call.operation = entry.name;
    let mut refusal = None;
    if entry.access != Access::Public {
        match signature {
            Ok((caller, region)) => {
                call.region = Some(region);
                call.caller = Some(caller);
            }
            Err(error) => refusal = Some(refused(&error, entry.service)),
        }
    }
    let call: &Call<'_> = call;
    let record = CallRecord::begin(entry, call);
    if let Some(error) = refusal {
        return record.end(Err(error)).await;
    }
    let permits = front.work.class(call.caller.as_ref());
    let client = call.connection.network();
    let work = permits.run(client, after_signature(entry, call, &record, length, read));
    let outcome = work.await.unwrap_or_else(|| Err(crowded()));
    // The permit is free again before the call waits for its line.
    record.end(outcome).await
}

async fn after_signature(
    entry: &Entry,
    call: &Call<'_>,
    record: &CallRecord<'_>,
    length: usize,
    read: impl FnOnce(&Model, &OperationShape) -> Result<Value, Error> + Send + 'static,
) -> Result<Box<dyn OperationAnswer>, Error> {
    if let Some(Caller::Session(session)) = &call.caller
        && !caller::origin_is_valid(call, session).await?
    {
        return Err(refused(&SignatureError::UnknownKey, entry.service));
    }
    let (model, shape) = model(entry);
    let missing_member = entry.missing_member;
    let work = move || {
        let value = read(model, shape)?;
        let violations = shape
            .input
            .and_then(|input| constraints::violations(model, input, &value));
        match violations {
            None => Ok(value),
            Some(mut text) => {
                if let Some((member, advice)) = missing_member
                    && value.get(member).is_none_or(Value::is_null)
                {
                    text = format!("{text}. {advice}");
                }
                Err(Code::Validation.because(text))
            }
        }
    };
    let value = decode(call, length, work).await?;
    record.admit(&value)?;
    let mut prepared = (entry.prepare)(&value)?;
    rates::admit_work(call, prepared.work(call))?;
    for _ in 1..RUNS {
        match run_once(entry, call, record, prepared).await {
            Err(error) if error.code == Code::Outdated => records::refresh(call.app).await?,
            outcome => return outcome,
        }
        prepared = (entry.prepare)(&value)?;
    }
    run_once(entry, call, record, prepared).await
}

/// Takes the steps that depend on stored data: what they read may change before they write, and then they run again.
async fn run_once(
    entry: &Entry,
    call: &Call<'_>,
    record: &CallRecord<'_>,
    prepared: Box<dyn Prepared>,
) -> Result<Box<dyn OperationAnswer>, Error> {
    if entry.access == Access::Signed {
        prepared.authorise(call).await?;
    }
    record.runs();
    prepared.run(call).await
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
