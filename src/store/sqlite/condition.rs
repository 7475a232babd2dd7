//! What is known of the disk: whether it takes writes, and whether the write-ahead log gets into the database. The writing
//! thread notes it; the health check reads it, and has a probe written where nothing else was.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::log::LogRefusal;
use super::writer::Writer;
use crate::ambient::{Ambient, Real};
use crate::store::StoreError;

/// How long a write, or a refusal of one, counts as the present condition.
const FRESH: Duration = Duration::from_millis(900);

/// How often a lasting fault is reported in the log.
const REPORT: Duration = Duration::from_mins(1);

/// How many bytes a probe writes after a write has failed: more than a page that is in the file already may hold.
const SPACE: i64 = 1 << 16;

/// What the health check of the store warns of.
const NOT_CHECKPOINTED: &str = "the write-ahead log can't be written to the database; changes are refused when it reaches its limit";

/// The condition of the disk.
#[derive(Debug, Default)]
pub(super) struct DiskCondition {
    noted: Mutex<Noted>,
    /// The last probe: when it ended, and why it failed. Held while one is written.
    probe: tokio::sync::Mutex<Option<(Duration, Option<String>)>>,
}

#[derive(Debug, Default)]
struct Noted {
    /// The uptime of the last commit.
    committed: Option<Duration>,
    /// Whether the last write failed.
    is_failing: bool,
    /// Whether the last checkpoint failed.
    is_not_checkpointed: bool,
    refusal: Option<LogRefusal>,
    /// When which fault was reported last.
    reported: Vec<(Fault, Duration)>,
    /// Whether a fault was reported since the last report that there is none.
    is_reported: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Checkpoint,
    Read,
    Damaged,
    Refused(LogRefusal),
}

impl Noted {
    /// Whether a fault is reported: once a minute, also where it comes and goes.
    fn is_news(&mut self, fault: Fault) -> bool {
        let now = Real.uptime();
        self.reported
            .retain(|(_, at)| now.saturating_sub(*at) < REPORT);
        let is_known = self.reported.iter().any(|(known, _)| *known == fault);
        if !is_known {
            self.reported.push((fault, now));
            self.is_reported = true;
        }
        !is_known
    }
}

impl DiskCondition {
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether a group of changes was committed.
    pub(super) fn wrote(&self, is_committed: bool) {
        let mut noted = self.lock();
        noted.is_failing = !is_committed;
        if is_committed {
            noted.committed = Some(Real.uptime());
        }
    }

    /// Notes that changes are refused.
    pub(super) fn refuse(&self, refusal: LogRefusal) {
        let mut noted = self.lock();
        noted.is_failing = true;
        noted.refusal = Some(refusal);
        if noted.is_news(Fault::Refused(refusal)) {
            tracing::error!("{refusal}");
        }
    }

    /// Notes that changes are no longer refused.
    pub(super) fn accept(&self) {
        let mut noted = self.lock();
        let was_refused = noted.refusal.take().is_some();
        if was_refused && std::mem::take(&mut noted.is_reported) {
            tracing::info!("the write-ahead log is in the database, and changes are made again");
        }
    }

    /// Notes that frames of the log are in the database.
    pub(super) fn checkpointed(&self) {
        let mut noted = self.lock();
        let has_failed = std::mem::take(&mut noted.is_not_checkpointed);
        if has_failed && noted.refusal.is_none() && std::mem::take(&mut noted.is_reported) {
            tracing::info!("the write-ahead log can be written to the database again");
        }
    }

    /// Notes that a checkpoint failed, with `bytes` in the log.
    pub(super) fn checkpoint_failed(&self, error: &rusqlite::Error, bytes: u64) {
        let mut noted = self.lock();
        noted.is_not_checkpointed = true;
        if noted.is_news(Fault::Checkpoint) {
            tracing::error!(
                %error,
                bytes,
                "the write-ahead log can't be written to the database: see that the disk works and has space"
            );
        }
    }

    /// Notes that a reader keeps the log from starting over.
    pub(super) fn log_is_read(&self) {
        if self.lock().is_news(Fault::Read) {
            tracing::error!(
                "the write-ahead log can't start over, because another program reads the database: end that program"
            );
        }
    }

    /// Notes that the log has less than what was committed.
    pub(super) fn log_is_damaged(&self, error: Option<&io::Error>) {
        if self.lock().is_news(Fault::Damaged) {
            let error = error.map(tracing::field::display);
            tracing::error!(
                error,
                "the write-ahead log has lost changes that were answered: stop the server and restore a backup"
            );
        }
    }

    /// Checks that the disk takes writes, by the last commit or by a probe; a warning where the log can't get into the
    /// database.
    pub(super) async fn check(&self, writer: &Writer) -> Result<Option<&'static str>, StoreError> {
        let (is_proven, is_failing) = {
            let noted = self.lock();
            let is_fresh = noted
                .committed
                .is_some_and(|at| Real.uptime().saturating_sub(at) < FRESH);
            let is_well = !noted.is_failing && !noted.is_not_checkpointed;
            (is_fresh && is_well, noted.is_failing)
        };
        if !is_proven {
            self.probe(writer, is_failing).await?;
        }
        Ok(self.lock().is_not_checkpointed.then_some(NOT_CHECKPOINTED))
    }

    /// Writes a probe, at most one in [`FRESH`]; `needs_space` where the disk may be full.
    async fn probe(&self, writer: &Writer, needs_space: bool) -> Result<(), StoreError> {
        let mut last = self.probe.lock().await;
        let fresh = last
            .as_ref()
            .filter(|(at, _)| Real.uptime().saturating_sub(*at) < FRESH);
        if let Some((_, failure)) = fresh {
            return match failure {
                None => Ok(()),
                Some(failure) => Err(StoreError::Unavailable(failure.clone().into())),
            };
        }
        let bytes = if needs_space { SPACE } else { 0 };
        let written = writer
            .change(move |db, _| {
                db.prepare_cached(
                    "INSERT INTO probe VALUES (1, 1, iif(?1, randomblob(?1), zeroblob(0))) ON CONFLICT (one) DO UPDATE \
                     SET count = count + 1, bytes = iif(?1, randomblob(?1), zeroblob(0))",
                )?
                .execute([bytes])?;
                Ok(())
            })
            .await;
        let failure = written.as_ref().err().map(|error| {
            let cause = std::error::Error::source(error);
            cause.map_or_else(|| error.to_string(), ToString::to_string)
        });
        *last = Some((Real.uptime(), failure));
        written
    }
}
