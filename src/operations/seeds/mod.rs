//! Seeds: an object of a seed is made and changed by the API's own operations, with their constraints and permissions, on
//! staged records, which are then written in one transaction.

use std::sync::Arc;

use serde_json::Value;

use crate::app::staging::{self, StagedChange, Staging, StoredObject};
use crate::app::{App, Call, seeds};
use crate::error::{Code, Error};
use crate::model::ids::{PoolId, Region};
use crate::model::seed::{ObjectKind, SeedDocument, SeedObject};

mod access_keys;
mod at_start;
pub(super) mod describe;
mod policies;
mod pools;
mod providers;
mod prune;
mod roles;
mod step;

pub use at_start::{StartReport, apply_at_start};

/// How a seed is applied.
#[derive(Debug, Default)]
pub(super) struct ApplyOptions {
    /// Whether what the same seed made and no longer has is deleted.
    pub(super) prune: bool,
    /// The ids of deleted pools that may be used again.
    pub(super) reuse: Vec<String>,
    /// The ids of pools with identities that may be deleted.
    pub(super) confirmed: Vec<String>,
}

/// A new access key, with the secret that is shown once.
pub(super) struct GeneratedKey {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) secret: String,
}

/// Staged changes, ready to be committed.
pub(super) struct Planned {
    pub(super) staging: Staging,
    pub(super) changes: Vec<StagedChange>,
    pub(super) keys: Vec<GeneratedKey>,
}

/// Stages what makes the server's objects as the document describes them.
pub(super) async fn plan(
    call: &Call<'_>,
    document: &SeedDocument,
    options: &ApplyOptions,
) -> Result<Planned, Error> {
    let staging = staging::begin(call.app).await?;
    let mut keys = Vec::new();
    for object in &document.objects {
        let applied = apply(call, &staging.app, object, options).await;
        keys.extend(applied.map_err(|error| at(object, error))?);
    }
    if options.prune {
        prune::stage(call, &staging, document, options).await?;
    }
    Ok(Planned {
        changes: staging.changes()?,
        staging,
        keys,
    })
}

/// Makes or changes one object. Returns the access key, if its secret was generated.
async fn apply(
    call: &Call<'_>,
    app: &App,
    object: &SeedObject,
    options: &ApplyOptions,
) -> Result<Option<GeneratedKey>, Error> {
    let region = call.region.clone();
    match object.kind {
        ObjectKind::OidcProvider => {
            providers::apply_oidc(&staged(call, app, region), object).await?;
        }
        ObjectKind::SamlProvider => {
            providers::apply_saml(&staged(call, app, region), object).await?;
        }
        ObjectKind::AccessKey => {
            return access_keys::apply(&staged(call, app, region), object).await;
        }
        ObjectKind::ManagedPolicy => {
            policies::apply(&staged(call, app, region), object).await?;
        }
        ObjectKind::Role => roles::apply(&staged(call, app, region), object).await?,
        ObjectKind::Pool => {
            let id = PoolId::parse(object.name()).ok_or_else(|| {
                Code::InvalidParameter.because(
                    "IdentityPoolId must be REGION:UUID, for example \
                     eu-west-1:11111111-2222-4333-8444-555555555555.",
                )
            })?;
            let call = staged(call, app, Some(id.region.clone()));
            let reuse = options.reuse.iter().any(|one| one == object.name());
            pools::apply(&call, &id, object, reuse).await?;
        }
    }
    Ok(None)
}

/// The same call on staged records.
fn staged<'a>(call: &Call<'_>, app: &'a App, region: Option<Region>) -> Call<'a> {
    Call {
        routes: Arc::clone(&call.routes),
        app,
        now: call.now,
        connection: call.connection.clone(),
        operation: call.operation,
        request_id: call.request_id,
        region,
        caller: call.caller.clone(),
        is_counted: call.is_counted,
        ..app.call()
    }
}

/// An error with the path and the name of its object.
fn at(object: &SeedObject, error: Error) -> Error {
    below(&format!("{} ({})", object.path, object.name()), error)
}

/// An error about the part of an object at this path.
fn below(path: &str, error: Error) -> Error {
    let text = error.text.unwrap_or_default();
    Error {
        text: Some(format!("{path}: {text}").into()),
        ..error
    }
}

/// Whether the pool has identities, as far as it is a pool.
async fn has_identities(call: &Call<'_>, object: &StoredObject) -> Result<bool, Error> {
    match object {
        StoredObject::Pool(pool) => Ok(seeds::has_identities(call, pool).await?),
        _ => Ok(false),
    }
}

/// The text of a policy document, which a seed has as a string or as an object.
fn document_text(value: &Value) -> Value {
    match value {
        Value::Object(_) => Value::from(value.to_string()),
        other => other.clone(),
    }
}
