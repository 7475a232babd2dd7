//! Bounds on the log: a line of warning or information is written ten times a minute for each pool and reason, and counted
//! beyond that. Lines about calls that a valid key signed, and lines of the command line and the store, are never bounded.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// The most lines of one pool and reason in a window.
const LINES: u64 = 10;

/// The time after which a count is reported and begins again.
const WINDOW: Duration = Duration::from_mins(1);

/// The most counts; further pools and reasons of a line share one.
const COUNTS: usize = 1024;

/// The fields that are a pool and a reason. Other fields, for example a cause, may have the client's text.
const REASON: [&str; 10] = [
    "code",
    "key",
    "kind",
    "limit",
    "operation",
    "path",
    "pool",
    "role",
    "source",
    "user_pool",
];

/// The fields of lines that are not bounded: a report, and a call that a valid key signed.
const UNBOUNDED: [&str; 2] = ["not_written", "signed_by_key"];

/// The modules that write about the server's own state, not about requests.
const OWN_STATE: [&str; 2] = ["cognate::cli", "cognate::store"];

/// A filter that bounds lines.
#[derive(Clone, Default)]
pub(super) struct LogBounds(Arc<Mutex<HashMap<LineKind, Count>>>);

/// The source line that writes, and the pool and reason; no reason for the shared count of a source line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct LineKind {
    callsite: &'static str,
    reason: String,
}

struct Count {
    begun: Instant,
    lines: u64,
    /// The message of the first line.
    message: String,
}

/// Reads the fields of a line.
#[derive(Default)]
struct LineFields {
    message: String,
    reason: String,
    unbounded: bool,
}

impl Visit for LineFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name if UNBOUNDED.contains(&name) => self.unbounded = true,
            name if REASON.contains(&name) => {
                let separator = if self.reason.is_empty() { "" } else { " " };
                let _ = write!(self.reason, "{separator}{name}={value:?}");
            }
            _ => {}
        }
    }
}

impl LogBounds {
    /// Whether a line may be written now.
    fn count(&self, mut kind: LineKind, message: String) -> bool {
        let mut counts = self.lock();
        if counts.len() >= COUNTS && !counts.contains_key(&kind) {
            kind.reason = String::new();
        }
        let count = counts.entry(kind).or_insert_with(|| Count {
            begun: Instant::now(),
            lines: 0,
            message,
        });
        count.lines += 1;
        count.lines <= LINES
    }

    /// Reports the exact number of lines that were not written, and begins new counts where a window is over.
    pub(super) fn report_ended(&self) {
        self.report(|count| count.begun.elapsed() >= WINDOW);
    }

    /// Reports the exact number of lines that were not written, before the server stops.
    pub(super) fn report_all(&self) {
        self.report(|_| true);
    }

    fn report(&self, is_reported: impl Fn(&Count) -> bool) {
        for (reason, message, more) in self.take(is_reported) {
            tracing::warn!(
                not_written = more,
                reason,
                "more lines like this were not written: {message}"
            );
        }
    }

    /// The reasons, the messages and the numbers of lines that were not written.
    fn take(&self, is_taken: impl Fn(&Count) -> bool) -> Vec<(String, String, u64)> {
        let mut counts = self.lock();
        let taken = counts.extract_if(|_, count| is_taken(count));
        taken
            .filter(|(_, count)| count.lines > LINES)
            .map(|(kind, count)| (kind.reason, count.message, count.lines - LINES))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LineKind, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Filter<S> for LogBounds {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if !matches!(*metadata.level(), Level::WARN | Level::INFO) {
            return true;
        }
        if OWN_STATE
            .iter()
            .any(|own| metadata.target().starts_with(own))
        {
            return true;
        }
        let mut fields = LineFields::default();
        event.record(&mut fields);
        if fields.unbounded {
            return true;
        }
        let kind = LineKind {
            callsite: metadata.name(),
            reason: fields.reason,
        };
        self.count(kind, fields.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(bounds: &LogBounds, reason: &str, message: &str) -> bool {
        let kind = LineKind {
            callsite: "event",
            reason: reason.to_owned(),
        };
        bounds.count(kind, message.to_owned())
    }

    fn ended(bounds: &LogBounds) -> Vec<(String, String, u64)> {
        bounds.take(|count| count.begun.elapsed() >= WINDOW)
    }

    #[tokio::test(start_paused = true)]
    async fn lines_beyond_the_bound_are_counted_for_each_reason() {
        let bounds = LogBounds::default();
        let written = (0..1000).filter(|at| count(&bounds, "pool=a", &format!("refused {at}")));
        assert_eq!(written.count(), 10);
        assert!(
            count(&bounds, "pool=b", ""),
            "another pool has its own count"
        );
        assert!(ended(&bounds).is_empty(), "the window isn't over");
        tokio::time::advance(WINDOW).await;
        let expected = ("pool=a".to_owned(), "refused 0".to_owned(), 990);
        assert_eq!(ended(&bounds), [expected]);
        assert!(count(&bounds, "pool=a", ""), "a new window");
    }

    #[tokio::test(start_paused = true)]
    async fn reasons_beyond_the_table_share_one_count() {
        let bounds = LogBounds::default();
        let written = (0..10_000).filter(|at| count(&bounds, &format!("pool={at}"), "refused"));
        assert_eq!(written.count(), COUNTS + 10);
        assert!(bounds.lock().len() <= COUNTS + 1);
        let shared = u64::try_from(10_000 - COUNTS - 10).unwrap();
        let all = bounds.take(|_| true);
        assert_eq!(all, [(String::new(), "refused".to_owned(), shared)]);
    }

    #[test]
    fn every_line_is_bounded_but_errors_own_state_and_calls_of_valid_keys() {
        use tracing_subscriber::layer::{Layer, SubscriberExt};
        #[derive(Clone, Default)]
        struct Lines(Arc<Mutex<usize>>);
        impl<S: Subscriber> Layer<S> for Lines {
            fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
                *self.0.lock().unwrap() += 1;
            }
        }
        let lines = Lines::default();
        let layer = lines.clone().with_filter(LogBounds::default());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for at in 0..50 {
                tracing::warn!(target: "cognate::wire", request = at, code = "X", "refused");
                tracing::info!(target: "cognate::wire", "a line without a reason");
                tracing::warn!(target: OWN_STATE[1], "a line of the store");
                tracing::info!(target: "cognate::wire", signed_by_key = true, code = "X", "refused");
                tracing::error!(target: "cognate::wire", code = "X", "failed");
            }
        });
        assert_eq!(*lines.0.lock().unwrap(), 10 + 10 + 50 + 50 + 50);
    }
}
