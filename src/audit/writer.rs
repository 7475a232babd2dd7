//! The thread that writes the audit log, and the queue before it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::AuditError;
use super::bounds::{StrangerBounds, StrangerLine};
use super::log_file::LogOutput;
use crate::ambient::Ambient;

/// The most bytes that wait without an answer that waits for them.
const LIMIT: usize = 16 << 20;

/// The most bytes of one write.
const BATCH: usize = 1 << 20;

/// How often the thread looks at its output without a line: for reports, and whether a failure is over.
const PAUSE: Duration = Duration::from_millis(500);

/// A line, with the channel to the call that waits for it.
pub(super) struct QueuedLine {
    pub(super) line: Vec<u8>,
    pub(super) reply: Option<oneshot::Sender<Result<(), AuditError>>>,
    /// The kind of the line, if a stranger caused it.
    pub(super) stranger: Option<StrangerLine>,
}

/// The queue, and what is known of the output.
#[derive(Default)]
pub(super) struct AuditQueue {
    state: Mutex<QueueState>,
    bounds: Mutex<StrangerBounds>,
    wake: Condvar,
}

#[derive(Default)]
struct QueueState {
    lines: VecDeque<QueuedLine>,
    bytes: usize,
    is_closed: bool,
    reopens: bool,
    problem: Option<AuditError>,
    /// The lines that were lost since the last one that was written.
    lost: u64,
}

type ServiceLine = Box<dyn Fn(&'static str, Value) -> Vec<u8> + Send>;

impl AuditQueue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bounds on the lines of strangers.
    pub(super) fn bounds(&self) -> MutexGuard<'_, StrangerBounds> {
        self.bounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line.
    pub(super) fn push(&self, line: QueuedLine) -> Result<(), AuditError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(AuditError::Closed);
        }
        state.bytes += line.line.len();
        state.lines.push_back(line);
        self.wake.notify_one();
        Ok(())
    }

    /// Adds a line if the queue is below its limit, or counts it.
    pub(super) fn push_within_limit(&self, line: QueuedLine) {
        let is_full = {
            let mut state = self.lock();
            let is_full = state.is_closed || state.bytes + line.line.len() > LIMIT;
            if is_full && line.stranger.is_none() {
                state.lost += 1;
            }
            is_full
        };
        if !is_full {
            // A line that comes after the log was closed is lost with the process.
            let _ = self.push(line);
            return;
        }
        metrics::counter!("cognate_audit_dropped_total").increment(1);
        if let Some(kind) = line.stranger {
            self.bounds().not_written(kind);
        }
    }

    pub(super) fn problem(&self) -> Option<AuditError> {
        self.lock().problem.clone()
    }

    /// Notes that lines aren't written in time.
    pub(super) fn is_slow(&self) {
        self.failed(&AuditError::Slow, 0, 0);
    }

    pub(super) fn reopen(&self) {
        self.lock().reopens = true;
        self.wake.notify_one();
    }

    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    /// Waits for lines, and takes a batch of them.
    fn take(&self) -> TakenLines {
        let state = self.lock();
        let idle =
            |state: &mut QueueState| state.lines.is_empty() && !state.is_closed && !state.reopens;
        let (mut state, _) = self
            .wake
            .wait_timeout_while(state, PAUSE, idle)
            .unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::with_capacity(state.lines.len().min(256));
        let mut bytes = 0;
        while let Some(line) = state.lines.front() {
            if bytes > 0 && bytes + line.line.len() > BATCH {
                break;
            }
            bytes += line.line.len();
            lines.extend(state.lines.pop_front());
        }
        state.bytes -= bytes;
        TakenLines {
            lines,
            reopens: std::mem::take(&mut state.reopens),
            is_last: state.is_closed && state.lines.is_empty(),
            lost: state.lost,
            is_broken: state.problem.is_some(),
        }
    }

    fn succeeded(&self, reported: u64) {
        let mut state = self.lock();
        state.lost -= reported;
        if state.problem.take().is_some() {
            tracing::info!("the audit log can be written again");
        }
    }

    fn failed(&self, error: &AuditError, lost: u64, reported: u64) {
        metrics::counter!("cognate_audit_failures_total").increment(1);
        let mut state = self.lock();
        state.lost = state.lost - reported + lost;
        if state.problem.as_ref() != Some(error) {
            tracing::error!(
                %error,
                "calls that would have a line are refused until the audit log can be written"
            );
        }
        state.problem = Some(error.clone());
    }
}

struct TakenLines {
    lines: Vec<QueuedLine>,
    reopens: bool,
    is_last: bool,
    lost: u64,
    is_broken: bool,
}

/// Starts the thread.
pub(super) fn start(
    queue: Arc<AuditQueue>,
    output: LogOutput,
    sync: bool,
    ambient: Arc<dyn Ambient>,
    service_line: ServiceLine,
) -> io::Result<JoinHandle<()>> {
    let mut writer = AuditWriter {
        queue,
        output,
        sync,
        ambient,
        service_line,
    };
    Builder::new()
        .name("audit".to_owned())
        .spawn(move || while writer.step() {})
}

struct AuditWriter {
    queue: Arc<AuditQueue>,
    output: LogOutput,
    sync: bool,
    ambient: Arc<dyn Ambient>,
    service_line: ServiceLine,
}

impl AuditWriter {
    /// Writes what waits; `false` after the last line.
    fn step(&mut self) -> bool {
        let taken = self.queue.take();
        if taken.reopens
            && let Err(error) = self.output.reopen()
        {
            self.queue
                .failed(&AuditError::Unwritten(error.to_string()), 0, 0);
        }
        let mut lines = self.without_crowding(taken.lines);
        if let Some(report) = self.report(taken.is_last) {
            lines.push(report);
        }
        // A failure is over when this line is written.
        if taken.lost > 0 || taken.is_broken {
            let data = json!({ "linesNotWritten": taken.lost });
            let line = (self.service_line)("ResumeAuditLog", data);
            lines.insert(
                0,
                QueuedLine {
                    line,
                    reply: None,
                    stranger: None,
                },
            );
            self.write(lines, taken.lost, true);
        } else if !lines.is_empty() {
            self.write(lines, 0, false);
        }
        !taken.is_last
    }

    /// Leaves out the lines of strangers where they would take the space of others.
    fn without_crowding(&self, lines: Vec<QueuedLine>) -> Vec<QueuedLine> {
        let of_strangers = lines.iter().filter(|line| line.stranger.is_some());
        let bytes = of_strangers.map(|line| line.line.len()).sum::<usize>();
        if bytes == 0 || self.output.accepts_strangers(bytes) {
            return lines;
        }
        let mut bounds = self.queue.bounds();
        let mut others = Vec::with_capacity(lines.len());
        for line in lines {
            match line.stranger {
                Some(kind) => bounds.not_written(kind),
                None => others.push(line),
            }
        }
        others
    }

    /// The line with the exact counts of the refusals without a line. It is caused by strangers, too.
    fn report(&self, is_last: bool) -> Option<QueuedLine> {
        let report = self.queue.bounds().report(self.ambient.uptime(), is_last)?;
        let count = report["refusalsWithoutLine"].as_u64().unwrap_or(0);
        let line = (self.service_line)("CountRefusals", report.clone());
        if !is_last && !self.output.accepts_strangers(line.len()) {
            self.queue.bounds().keep(&report);
            return None;
        }
        metrics::counter!("cognate_audit_refusals_counted_total").increment(count);
        Some(QueuedLine {
            line,
            reply: None,
            stranger: None,
        })
    }

    /// Writes lines; the first one reports `lost` lines, if there is a report.
    fn write(&mut self, lines: Vec<QueuedLine>, lost: u64, has_report: bool) {
        let bytes: Vec<u8> = lines.iter().flat_map(|line| &line.line).copied().collect();
        let Err((whole, error)) = self.output.append(&bytes, self.sync) else {
            metrics::counter!("cognate_audit_lines_total").increment(lines.len() as u64);
            self.queue.succeeded(lost);
            for line in lines {
                answer(line, Ok(()));
            }
            return;
        };
        let error = AuditError::Unwritten(error.to_string());
        let (mut end, mut unwritten) = (0, Vec::new());
        for line in lines {
            end += line.line.len();
            if end <= whole {
                answer(line, Ok(()));
            } else {
                unwritten.push(line);
            }
        }
        let (of_report, reported) = match (has_report, whole) {
            (true, 0) => (1, 0),
            (true, _) => (0, lost),
            (false, _) => (0, 0),
        };
        let strangers = unwritten.iter().filter(|line| line.stranger.is_some());
        let more = unwritten.len() - strangers.count() - of_report;
        self.queue.failed(&error, more as u64, reported);
        for mut line in unwritten {
            if let Some(kind) = line.stranger.take() {
                self.queue.bounds().not_written(kind);
            }
            answer(line, Err(error.clone()));
        }
    }
}

fn answer(line: QueuedLine, outcome: Result<(), AuditError>) {
    if let Some(reply) = line.reply {
        // The caller may have gone away.
        let _ = reply.send(outcome);
    }
}
