//! What the application of a seed needs of the store: one transaction, one server at a time at a start, and what was
//! there before.

use std::time::Duration;

use jiff::SignedDuration;

use super::staging::{Staging, record_kind};
use super::{App, Call, records, refusals};
use crate::error::Error;
use crate::model::iam_role;
use crate::model::ids::PoolId;
use crate::model::pool::Pool;
use crate::model::provider::oidc_key;
use crate::model::seed::ObjectKind;
use crate::sigv4::hex_hash;
use crate::store::StoreError;
use crate::store::lease::LeaseRequest;
use crate::store::record::PutOutcome;

/// How long the lease of a starting server lasts.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// How often a starting server asks for the lease.
const PAUSE: Duration = Duration::from_millis(200);

/// How often a starting server asks before it gives up: for longer than a lease of a server that died.
const TRIES: u32 = 200;

/// Writes what is staged, in the name of a call.
pub async fn commit(call: &Call<'_>, staging: Staging, seed: Option<&str>) -> Result<(), Error> {
    match staging.commit(seed, call.origin()).await? {
        PutOutcome::Stored(_) => Ok(()),
        _ => Err(refusals::changed_meanwhile()),
    }
}

/// Writes what is staged at a start; `false` where another server changed the same meanwhile.
pub async fn commit_at_start(
    app: &App,
    staging: Staging,
    seed: Option<&str>,
) -> Result<bool, StoreError> {
    let outcome = staging.commit(seed, app.own_origin("Start")).await?;
    Ok(matches!(outcome, PutOutcome::Stored(_)))
}

/// What is known of an object with this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectHistory {
    /// There is no such object, and there never was one.
    Never,
    /// The object is there.
    There,
    /// An object with this name was deleted.
    Deleted,
}

/// What is known of an object with this name.
pub fn history(app: &App, kind: ObjectKind, name: &str) -> Result<ObjectHistory, StoreError> {
    let key = match kind {
        ObjectKind::OidcProvider => {
            let name = name.split_once("://").map_or(name, |(_, rest)| rest);
            oidc_key(name).to_owned()
        }
        ObjectKind::SamlProvider | ObjectKind::AccessKey => name.to_owned(),
        ObjectKind::ManagedPolicy => name.to_ascii_lowercase(),
        ObjectKind::Role => iam_role::key(name),
        ObjectKind::Pool => match PoolId::parse(name) {
            Some(id) => id.uuid.to_string(),
            None => return Ok(ObjectHistory::Never),
        },
    };
    let snapshot = app.records.snapshot()?;
    let kind = record_kind(kind);
    Ok(if snapshot.was_deleted(kind, &key) {
        ObjectHistory::Deleted
    } else if snapshot.is_there(kind, &key) {
        ObjectHistory::There
    } else {
        ObjectHistory::Never
    })
}

/// Whether a seed made an access key with this id before, under whatever name.
pub fn had_access_key(app: &App, id: &str) -> Result<bool, StoreError> {
    let snapshot = app.records.snapshot()?;
    let mut marks = snapshot.seed_marks();
    Ok(marks.any(|mark| {
        let user_and_id = mark.object.split_once('/');
        mark.kind == record_kind(ObjectKind::AccessKey).as_str()
            && user_and_id.is_some_and(|(_, made)| made == id)
    }))
}

/// Whether a pool has any identity, merged ones included.
pub async fn has_identities(call: &Call<'_>, pool: &Pool) -> Result<bool, StoreError> {
    let store = &call.app.records.store;
    let reference = super::pools::reference(pool);
    let found = store.list_identities(reference, None, 1, true).await?;
    Ok(!found.is_empty())
}

/// Takes the lease of starting servers; `false` where it can't be had. A server releases it by [`release`].
pub async fn lease(app: &App) -> Result<bool, StoreError> {
    for _ in 0..TRIES {
        if lease_for(app, LEASE).await? {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
}

/// Ends the lease.
pub async fn release(app: &App) {
    if lease_for(app, SignedDuration::ZERO).await.is_err() {
        tracing::debug!("the lease of starting servers is not released, so it lasts to its end");
    }
}

async fn lease_for(app: &App, time: SignedDuration) -> Result<bool, StoreError> {
    let now = app.now();
    let request = LeaseRequest {
        name: "seeds",
        owner: app.jobs.server,
        now,
        until: now + time,
    };
    Ok(app.records.store.lease(&request).await?.is_some())
}

/// Reads what changed in the store.
pub async fn refresh(app: &App) -> Result<(), StoreError> {
    records::refresh(app).await
}

/// The SHA-256 of a text, in hexadecimal digits.
pub fn digest(text: &str) -> String {
    hex_hash(text.as_bytes())
}
