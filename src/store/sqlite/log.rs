//! The write-ahead log: when it is checkpointed, and what is refused where that fails. SQLite's automatic checkpoint is off,
//! because it drops its errors.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::condition::DiskCondition;
use super::log_file::{self, HEADER};
use super::readers::Readers;
use crate::ambient::{Ambient, Real};

/// The number of frames after which a checkpoint is due. SQLite's automatic one has 1000, which delays the changes that come
/// meanwhile for twice as long, and makes a tenth more of them possible.
const DUE: u64 = 500;

/// The time between two attempts while checkpoints fail.
const RETRY: Duration = Duration::from_millis(250);

/// How long a checkpoint that resets the log waits for reads in progress.
const PATIENCE: Duration = Duration::from_millis(100);

/// Why changes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LogRefusal {
    /// The log can't grow further.
    #[error(
        "the write-ahead log has reached its limit, and changes are refused until it is checkpointed"
    )]
    Full,
    /// A commit failed on its way to the disk, and what the disk holds of it is unknown.
    #[error(
        "changes are refused until the write-ahead log is in the database: a write to the disk failed"
    )]
    NotWritten,
}

/// The log of the writing connection.
pub(super) struct Log {
    path: PathBuf,
    /// How many frames the log has since it began anew; the connection sets it at each commit.
    frames: Arc<AtomicU64>,
    /// How many of them the database has.
    checkpointed: u64,
    /// Whether the connection wrote since this was asked last.
    is_written: Arc<AtomicBool>,
    /// The size of a frame.
    frame: u64,
    /// The most bytes.
    limit: u64,
    /// Whether a commit failed on its way to the disk since the log began anew.
    is_doubtful: bool,
    /// The uptime of the last failed attempt.
    failed: Option<Duration>,
    condition: Arc<DiskCondition>,
}

/// What a checkpoint found: frames in the log, and how many of them the database has.
struct Checkpoint {
    is_blocked: bool,
    frames: u64,
    checkpointed: u64,
}

impl Log {
    /// Takes over the checkpoints of `db`, and resets the log that an earlier process left at `path`.
    pub(super) fn open(
        db: &mut Connection,
        path: PathBuf,
        limit: u64,
        condition: Arc<DiskCondition>,
    ) -> rusqlite::Result<Self> {
        let page: u64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let frames = Arc::new(AtomicU64::new(0));
        let is_written = Arc::new(AtomicBool::new(false));
        let (counted, written) = (Arc::clone(&frames), Arc::clone(&is_written));
        db.pragma_update(None, "wal_autocheckpoint", 0)?;
        db.wal_hook(Some(
            move |_: &mut rusqlite::hooks::Wal, count: std::ffi::c_int| {
                counted.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
                written.store(true, Ordering::Relaxed);
                Ok(())
            },
        ))?;
        let mut log = Self {
            path,
            frames,
            is_written,
            checkpointed: 0,
            frame: log_file::FRAME_HEADER as u64 + page,
            limit,
            is_doubtful: false,
            failed: None,
            condition,
        };
        // After a power cut, frames of a lost commit may be behind the last one that counts. A log that goes on would keep them.
        match with_patience(db, || checkpoint(db, "TRUNCATE")) {
            Ok(done) if !done.is_blocked => {}
            Ok(done) => {
                log.count(&done);
                log.is_doubtful = true;
            }
            Err(error) => {
                log.is_doubtful = true;
                log.fail(&error);
            }
        }
        Ok(log)
    }

    fn count(&mut self, done: &Checkpoint) {
        self.frames.store(done.frames, Ordering::Relaxed);
        self.checkpointed = done.checkpointed;
    }

    fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    fn bytes(&self) -> u64 {
        match self.frames() {
            0 => 0,
            frames => HEADER + frames * self.frame,
        }
    }

    /// Why no change can be made now; tries to remove the reason first.
    pub(super) fn refusal(&mut self, db: &Connection, readers: &Readers) -> Option<LogRefusal> {
        let refusal = if self.is_doubtful {
            LogRefusal::NotWritten
        } else if self.bytes() >= self.limit {
            LogRefusal::Full
        } else {
            return None;
        };
        if self.is_due() && self.reset(db, readers) {
            self.condition.accept();
            return None;
        }
        self.condition.refuse(refusal);
        Some(refusal)
    }

    fn is_due(&self) -> bool {
        self.failed
            .is_none_or(|failed| Real.uptime().saturating_sub(failed) >= RETRY)
    }

    /// Moves all frames to the database and begins the log anew; `false` where that fails, or a reader needs the log.
    fn reset(&mut self, db: &Connection, readers: &Readers) -> bool {
        if self.is_doubtful && !self.is_intact() {
            return false;
        }
        let writing = readers.writing();
        let reset = with_patience(db, || checkpoint(db, "TRUNCATE"));
        drop(writing);
        match reset {
            Ok(done) if !done.is_blocked => {
                self.count(&done);
                self.is_doubtful = false;
                self.succeed();
                true
            }
            Ok(done) => {
                self.count(&done);
                self.failed = Some(Real.uptime());
                self.condition.log_is_read();
                false
            }
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    /// Whether the file still has every frame that was committed and isn't in the database: the page cache of the system may
    /// have dropped what it couldn't write.
    fn is_intact(&mut self) -> bool {
        if self.checkpointed == self.frames() {
            return true;
        }
        let found = log_file::examine(&self.path);
        if found
            .as_ref()
            .is_ok_and(|found| found.frames >= self.frames())
        {
            return true;
        }
        self.failed = Some(Real.uptime());
        self.condition.log_is_damaged(found.as_ref().err());
        false
    }

    /// Notes a commit, which failed on its way to the disk if `is_doubtful`; `false` if it wrote nothing.
    pub(super) fn committed(&mut self, is_doubtful: bool) -> bool {
        self.is_doubtful |= is_doubtful;
        if self.frames() < self.checkpointed {
            // The log began anew.
            self.checkpointed = 0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of bytes")]
        metrics::gauge!("cognate_store_log_bytes").set(self.bytes() as f64);
        self.is_written.swap(false, Ordering::Relaxed)
    }

    /// Moves frames to the database if enough are in the log, without waiting for readers.
    pub(super) fn checkpoint_if_due(&mut self, db: &Connection) {
        if self.frames() < DUE || self.is_doubtful || !self.is_due() {
            return;
        }
        match checkpoint(db, "PASSIVE") {
            Ok(done) => {
                self.count(&done);
                self.succeed();
            }
            Err(error) => self.fail(&error),
        }
    }

    fn succeed(&mut self) {
        self.failed = None;
        self.condition.checkpointed();
    }

    fn fail(&mut self, error: &rusqlite::Error) {
        self.failed = Some(Real.uptime());
        metrics::counter!("cognate_store_checkpoint_failures_total").increment(1);
        self.condition.checkpoint_failed(error, self.bytes());
    }
}

/// Runs `checkpoint` with a connection that waits only shortly for readers.
fn with_patience<T>(
    db: &Connection,
    checkpoint: impl FnOnce() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    db.busy_timeout(PATIENCE)?;
    let done = checkpoint();
    db.busy_timeout(super::open::WRITER_PATIENCE)?;
    done
}

fn checkpoint(db: &Connection, mode: &str) -> rusqlite::Result<Checkpoint> {
    let statement = format!("PRAGMA wal_checkpoint({mode})");
    db.prepare_cached(&statement)?.query_row([], |row| {
        let count = |column| {
            row.get(column)
                .map(|count: i64| u64::try_from(count).unwrap_or(0))
        };
        Ok(Checkpoint {
            is_blocked: row.get(0)?,
            frames: count(1)?,
            checkpointed: count(2)?,
        })
    })
}
