//! Seeds at a start of the server: they make what was never there, and leave everything else as it is.

use super::{ApplyOptions, apply, at};
use crate::app::seeds::{self, ObjectHistory};
use crate::app::staging::{self, Staging};
use crate::app::{App, Call, Caller};
use crate::error::{Code, Error};
use crate::model::seed::{ObjectKind, SeedDocument, SeedObject};

/// How often a seed is tried where other servers change the same meanwhile.
const TRIES: u32 = 8;

/// What became of the objects of a seed at a start, each in a sentence's beginning such as `Role app-guest`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StartReport {
    /// Objects that were made.
    pub made: Vec<String>,
    /// Objects that differ from the seed, because they were changed since, or weren't made by a seed.
    pub changed: Vec<String>,
    /// Objects that were deleted since.
    pub deleted: Vec<String>,
    /// Access keys that the seed names without a secret.
    pub without_secret: Vec<String>,
    /// Objects that can't be made as long as others differ or are deleted, each with the reason.
    pub failed: Vec<String>,
}

/// Makes what the document describes and what was never there. One server of a store does this at a time.
pub async fn apply_at_start(app: &App, document: &SeedDocument) -> Result<StartReport, Error> {
    if !seeds::lease(app).await? {
        return Err(Code::InternalError
            .because("another server applies its seeds for over half a minute: start again"));
    }
    let applied = apply_with_lease(app, document).await;
    seeds::release(app).await;
    applied
}

async fn apply_with_lease(app: &App, document: &SeedDocument) -> Result<StartReport, Error> {
    for _ in 0..TRIES {
        seeds::refresh(app).await?;
        let mut staging = staging::begin(app).await?;
        let report = stage(app, &mut staging, document).await?;
        if seeds::commit_at_start(app, staging, document.name.as_deref()).await? {
            return Ok(report);
        }
    }
    Err(Code::ConcurrentModification
        .because("other servers change the same objects all the time: start again"))
}

async fn stage(
    app: &App,
    staging: &mut Staging,
    document: &SeedDocument,
) -> Result<StartReport, Error> {
    let call = Call {
        operation: "Start",
        caller: Some(Caller::Root("seed".to_owned())),
        region: None,
        ..app.call()
    };
    let options = ApplyOptions::default();
    let mut report = StartReport::default();
    // What is there or was deleted comes first, so that a failure of another object can be explained by it.
    let mut new = Vec::new();
    for object in &document.objects {
        match seeds::history(&staging.app, object.kind, object.name())? {
            ObjectHistory::Never if is_a_key_again(&staging.app, object)? => {
                report.deleted.push(named(object));
            }
            ObjectHistory::Never => new.push(object),
            ObjectHistory::Deleted => report.deleted.push(named(object)),
            ObjectHistory::There => {
                if differs(&call, staging, object, &options).await? {
                    report.changed.push(named(object));
                }
            }
        }
    }
    for object in new {
        if object.kind == ObjectKind::AccessKey && object.text("SecretAccessKey").is_none() {
            report.without_secret.push(named(object));
            continue;
        }
        let savepoint = staging.savepoint();
        match apply(&call, &staging.app, object, &options).await {
            Ok(_) => report.made.push(named(object)),
            Err(error) if report.deleted.is_empty() && report.changed.is_empty() => {
                return Err(at(object, error));
            }
            Err(error) => {
                staging.roll_back(savepoint).await?;
                let text = error.text.unwrap_or_default();
                report.failed.push(format!("{}: {text}", named(object)));
            }
        }
    }
    Ok(report)
}

/// Whether the object is an access key that a seed made before, under another name.
fn is_a_key_again(app: &App, object: &SeedObject) -> Result<bool, Error> {
    match object.text("AccessKeyId") {
        Some(id) if object.kind == ObjectKind::AccessKey => Ok(seeds::had_access_key(app, id)?),
        _ => Ok(false),
    }
}

/// Whether the object that is there differs from the one of the seed. Nothing stays staged.
async fn differs(
    call: &Call<'_>,
    staging: &mut Staging,
    object: &SeedObject,
    options: &ApplyOptions,
) -> Result<bool, Error> {
    let savepoint = staging.savepoint();
    let applied = apply(call, &staging.app, object, options).await;
    if applied.is_ok() && staging.changes()?.is_empty() {
        return Ok(false);
    }
    staging.roll_back(savepoint).await?;
    Ok(true)
}

fn named(object: &SeedObject) -> String {
    format!("{} {}", object.kind.as_str(), object.name())
}
