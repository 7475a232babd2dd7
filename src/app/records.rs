//! Records: read from the catalog, written to the store. A write is in force here when it returns; other servers of the
//! store see it within a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tracing::Instrument;
use uuid::Uuid;

use super::keys::in_use::KeysInUse;
use super::keys::last_use::LastUses;
use super::keys::rings::Ring;
use super::{App, Call};
use crate::ambient::Ambient;
use crate::spans;
use crate::store::catalog::{Catalog, Moment, OLDEST, Outdated, Snapshot};
use crate::store::event::Origin;
use crate::store::identities::{Answer, Question};
use crate::store::record::{PutOutcome, RecordWrite};
use crate::store::{Store, StoreError};

/// How often the catalog is refreshed.
const POLL: Duration = Duration::from_millis(500);

/// How many refreshes pass between two announcements of this server's settings.
const ANNOUNCEMENT: u32 = 30;

/// The store, the catalog of its records and the keys in use.
pub(super) struct Records {
    pub(super) store: Arc<dyn Store>,
    pub(super) catalog: Catalog,
    pub(super) keys: Arc<KeysInUse>,
    /// When this server's callers used their access keys last.
    pub(super) uses: LastUses,
    /// Whether these records are staged: what changes in them is in use nowhere yet.
    pub(super) is_staged: bool,
    pub(super) ambient: Arc<dyn Ambient>,
    /// The digest of the settings that all servers of the store should share.
    pub(super) settings: ArcSwap<String>,
    /// How many other servers of the store have other settings.
    pub(super) other_settings: AtomicU64,
}

impl Records {
    /// The records; an error where the view of them is too old.
    pub(super) fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        if self.is_staged {
            // A staged view is compared with the store when it is written.
            return Ok(self.catalog.newest());
        }
        Ok(self.catalog.snapshot(moment(self.ambient.as_ref()))?)
    }

    /// Reads what changed in the store, and swaps the keys in use.
    pub(super) async fn refresh(&self) -> Result<(), StoreError> {
        let moment = moment(self.ambient.as_ref());
        let (snapshot, changed) = self.catalog.refresh(self.store.as_ref(), moment).await?;
        if self.is_staged {
            return Ok(());
        }
        if (changed || !self.keys.are_current()) && !self.keys.follow(&snapshot) {
            // Nothing that depends on keys may go on with keys that are not those of the store.
            self.catalog.outdate();
        }
        Ok(())
    }

    /// Writes records, all or none, and takes them over, in a task of its own: a write that began is finished, also where
    /// the client goes away.
    pub(super) async fn put(
        self: &Arc<Self>,
        writes: Vec<RecordWrite>,
        origin: Origin,
    ) -> Result<PutOutcome, StoreError> {
        let records = Arc::clone(self);
        let put = tokio::spawn(async move { records.put_now(&writes, &origin).await });
        put.instrument(spans::store("store put"))
            .await
            .unwrap_or_else(|ended| match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(StoreError::Unknown("the server stops".into())),
            })
    }

    async fn put_now(
        &self,
        writes: &[RecordWrite],
        origin: &Origin,
    ) -> Result<PutOutcome, StoreError> {
        let outcome = self.store.put(writes, origin).await;
        // A write with an unknown outcome may be there, and a conflict is with something that this view lacks.
        let refreshed = tokio::time::timeout(OLDEST, self.refresh()).await;
        if let Err(error) = refreshed.unwrap_or_else(|_| Err(Outdated.into())) {
            self.catalog.outdate();
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "records were written and can't be read again yet"
            );
        }
        outcome
    }

    /// Measures when the keys in use were made.
    fn measure_keys(&self) {
        let snapshot = self.catalog.newest();
        for ring in [Ring::Signing, Ring::Sealing] {
            let purpose = ring.purpose();
            if let Ok(Some(keys)) = snapshot.key_ring(purpose) {
                let made = keys.current.made.as_duration().as_secs_f64();
                metrics::gauge!("cognate_key_made_seconds", "purpose" => purpose).set(made);
            }
        }
    }

    /// Announces the settings of this server, and notices where those of another server differ.
    pub(super) async fn announce(&self) {
        self.measure_keys();
        // An error is one of the store, which the next poll reports.
        let Ok(differing) = self.store.announce(&self.settings.load_full()).await else {
            return;
        };
        let before = self.other_settings.swap(differing, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a number of servers")]
        metrics::gauge!("cognate_servers_with_other_settings").set(differing as f64);
        if differing > 0 && before == 0 {
            tracing::warn!(
                servers = differing,
                "other servers of this store have other security settings or routes: compare their configurations with \
                 `cognate check-config`"
            );
        }
    }

    /// Refreshes the catalog until the task is aborted.
    pub(super) async fn poll(self: Arc<Self>) {
        let (mut failure, mut polls, mut pause) = (None, 0_u32, POLL);
        loop {
            tokio::time::sleep(pause).await;
            let began = self.ambient.uptime();
            let refreshed = self.refresh().await;
            // A view counts from the beginning of its refresh, so that of a slow one is old at once.
            let is_slow = refreshed.is_ok() && self.ambient.uptime().saturating_sub(began) > POLL;
            pause = if is_slow { Duration::ZERO } else { POLL };
            failure = match (refreshed, failure) {
                (Ok(()), None) => None,
                (Ok(()), Some(_)) => {
                    tracing::info!("the records of the store can be read again");
                    None
                }
                (Err(error), before) => {
                    // Another cause is news, and the same one is not.
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    if before.as_ref() != Some(&cause) {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the records of the store can't be read: after five seconds, calls are refused"
                        );
                    }
                    Some(cause)
                }
            };
            if polls % ANNOUNCEMENT == 0 && failure.is_none() {
                self.announce().await;
            }
            polls = polls.wrapping_add(1);
        }
    }
}

/// The present moment.
pub(super) fn moment(ambient: &dyn Ambient) -> Moment {
    Moment {
        uptime: ambient.uptime(),
        now: ambient.now(),
    }
}

/// The generation of the store: another one after a restore or a copy.
pub(super) fn generation(app: &App) -> Result<Uuid, StoreError> {
    Ok(app.records.snapshot()?.view().generation)
}

/// Reads what changed in the store.
pub async fn refresh(app: &App) -> Result<(), StoreError> {
    app.records.refresh().await
}

/// Writes a record in the name of a call.
pub(super) async fn put(call: &Call<'_>, write: RecordWrite) -> Result<PutOutcome, StoreError> {
    call.app.records.put(vec![write], call.origin()).await
}

/// Writes records, all or none, in the name of a call.
pub(super) async fn put_all(
    call: &Call<'_>,
    writes: Vec<RecordWrite>,
) -> Result<PutOutcome, StoreError> {
    call.app.records.put(writes, call.origin()).await
}

/// Asks the store about identities in the name of a call.
pub(super) async fn ask(call: &Call<'_>, question: &Question) -> Result<Answer, StoreError> {
    let store = call.app.records.store.as_ref();
    let answer = crate::store::ask(store, question, || call.origin()).await?;
    if let Answer::Identity(identity) | Answer::Orphan(identity) = &answer {
        call.found.note(identity.id, !identity.authenticated);
    }
    Ok(answer)
}
