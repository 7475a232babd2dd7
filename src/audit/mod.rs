//! The audit log: a sink of whole lines, and the bounds on the lines that strangers can cause. It doesn't know calls: what
//! a line says is in `wire::audit`.
//!
//! One thread writes. It takes all lines that wait, so that one write, and one sync, serves many calls.

mod bounds;
mod line;
mod log_file;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Instrument;

pub use self::bounds::StrangerLine;
pub use self::line::{CloudTrailLine, ascii_json};
pub use self::log_file::{log_files, newest_requests};

use self::log_file::LogOutput;
use self::writer::{AuditQueue, QueuedLine};
use crate::ambient::Ambient;
use crate::config::{AuditSettings, AuditTarget, AuditWrite};
use crate::spans;

/// How long an answer waits for its line.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the audit log can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenAuditError {
    /// The file can't be opened or made.
    #[error(
        "the audit log {path} can't be opened: make its directory, let this user write there, or change `file` in [audit]"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Another process writes the file.
    #[error(
        "another process writes the audit log {0}: give each server a file of its own, in [audit] `file`"
    )]
    InUse(PathBuf),
    /// The thread that writes can't be started.
    #[error("the thread that writes the audit log can't be started")]
    Thread(#[source] io::Error),
}

/// Why a line is not in the audit log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The line can't be written.
    #[error("the audit log can't be written: {0}")]
    Unwritten(String),
    /// The line isn't written yet.
    #[error("the audit log takes lines too slowly")]
    Slow,
    /// The log is closed.
    #[error("the audit log is closed")]
    Closed,
}

/// The audit log, open.
pub struct AuditLog {
    queue: Arc<AuditQueue>,
    write: AuditWrite,
    data_events: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl AuditLog {
    /// Opens the log; `service_line` makes a line about the log itself, from an event's name and further data.
    pub fn open(
        settings: &AuditSettings,
        ambient: Arc<dyn Ambient>,
        service_line: impl Fn(&'static str, serde_json::Value) -> Vec<u8> + Send + 'static,
    ) -> Result<Self, OpenAuditError> {
        let output = match &settings.target {
            AuditTarget::StandardOutput => LogOutput::standard_output(),
            AuditTarget::File(path) => LogOutput::open(
                path,
                settings.rotate_bytes,
                settings.keep_files,
                Arc::clone(&ambient),
            )?,
        };
        let queue = Arc::new(AuditQueue::default());
        let thread = writer::start(
            Arc::clone(&queue),
            output,
            settings.write == AuditWrite::Synced,
            ambient,
            Box::new(service_line),
        );
        Ok(Self {
            queue,
            write: settings.write,
            data_events: settings.data_events,
            thread: Mutex::new(Some(thread.map_err(OpenAuditError::Thread)?)),
        })
    }

    /// Whether sign-ins, tokens and credentials have lines.
    pub fn has_data_events(&self) -> bool {
        self.data_events
    }

    /// Appends the line of a call that is about to be answered, and waits as long as the settings say. With `buffered`, a
    /// line beyond the limit of the queue is counted.
    pub async fn append(&self, line: Vec<u8>) -> Result<(), AuditError> {
        if self.write == AuditWrite::Buffered {
            self.append_later(line);
            return Ok(());
        }
        let (reply, written) = oneshot::channel();
        self.queue.push(QueuedLine {
            line,
            reply: Some(reply),
            stranger: None,
        })?;
        let written = tokio::time::timeout(PATIENCE, written);
        match written.instrument(spans::audit_line()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(AuditError::Closed),
            Err(_) => {
                // Further calls are refused at once, until a line is written.
                self.queue.is_slow();
                Err(AuditError::Slow)
            }
        }
    }

    /// Appends a line that no answer waits for. A line beyond the limit of the queue is counted.
    pub fn append_later(&self, line: Vec<u8>) {
        let line = QueuedLine {
            line,
            reply: None,
            stranger: None,
        };
        self.queue.push_within_limit(line);
    }

    /// Appends the line of a refusal that a stranger caused, within the bounds. Beyond them it is counted, and the line isn't
    /// made.
    pub fn append_refusal(&self, kind: StrangerLine, line: impl FnOnce() -> Vec<u8>) {
        if self.queue.bounds().admit(&kind) {
            self.queue.push_within_limit(QueuedLine {
                line: line(),
                reply: None,
                stranger: Some(kind),
            });
        }
    }

    /// Why the log can't be written now; `None` while it can.
    pub fn problem(&self) -> Option<AuditError> {
        self.queue.problem()
    }

    /// Opens the file again by its name, after another program moved it away.
    pub fn reopen(&self) {
        self.queue.reopen();
    }

    /// Writes what waits, and ends the thread.
    pub fn close(&self) {
        self.queue.close();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes the audit log failed");
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.queue.close();
    }
}
