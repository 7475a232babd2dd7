//! What the server does to the store as a whole, for the health check and the end of the process.

use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::App;
use super::keys::last_use;
use crate::ambient::Ambient;
use crate::seal::master_key::{self, MasterKeyError};
use crate::store::StoreError;
use crate::store::catalog::{OLDEST, Outdated};

/// How long a stopping server tries to store when access keys were used last.
const PATIENCE: Duration = Duration::from_secs(1);

/// Makes a master key in a new file.
pub fn make_master_key(path: &Path, ambient: &dyn Ambient) -> Result<(), MasterKeyError> {
    master_key::make(path, ambient).map(drop)
}

/// Checks that the store can answer and be written now, and that the view of its records is fresh; a warning for the operator
/// where it soon may not.
pub async fn check(app: &App) -> Result<Option<&'static str>, StoreError> {
    // An outdated view needs no further question to a database that may be slow.
    app.records.snapshot()?;
    let checked = tokio::time::timeout(OLDEST, app.records.store.check()).await;
    checked.unwrap_or_else(|_| Err(Outdated.into()))
}

/// How many other servers of the store have other security settings or routes than this one.
pub fn servers_with_other_settings(app: &App) -> u64 {
    app.records.other_settings.load(Ordering::Relaxed)
}

/// Finishes the calls in progress in the store and closes it. Later calls are refused.
pub async fn close(app: &App) {
    app.tasks
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .abort_all();
    let _ = tokio::time::timeout(PATIENCE, app.jobs.store_uses(last_use::FINE)).await;
    app.jobs.release().await;
    app.records.store.close().await;
    if let Some(log) = app.audit.clone() {
        // The thread writes what waits; its end is not worth a failure of the whole end.
        let _ = tokio::task::spawn_blocking(move || log.close()).await;
    }
    app.records.catalog.outdate();
}
