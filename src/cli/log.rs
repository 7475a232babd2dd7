//! The log on standard error. Its filter and its format can be replaced while the server runs.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use miette::{IntoDiagnostic, Result, WrapErr};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, Targets};
use tracing_subscriber::fmt::format::{DefaultFields, Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_bounds::LogBounds;
use crate::config::{LogFormat, LogSettings};

/// The log of the process.
pub(super) struct ProcessLog {
    /// The bounds on lines that clients cause.
    pub(super) bounds: LogBounds,
    filter: reload::Handle<EnvFilter, Registry>,
    is_json: Arc<AtomicBool>,
}

/// A filter that was parsed.
pub(super) fn filter(settings: &LogSettings) -> Result<EnvFilter> {
    EnvFilter::try_new(&settings.filter)
        .into_diagnostic()
        .wrap_err("the log filter is invalid: write for example `info`")
}

impl ProcessLog {
    /// Starts the log.
    ///
    /// Other crates log at `info` and above, whatever the filter is: their lower levels may print headers, frames and
    /// documents with tokens, secret keys and guests' ids.
    pub(super) fn start(settings: &LogSettings) -> Result<Self> {
        let (filter, handle) = reload::Layer::new(filter(settings)?);
        let bounds = LogBounds::default();
        let others = Targets::new()
            .with_target("cognate", LevelFilter::TRACE)
            .with_default(LevelFilter::INFO);
        let is_json = Arc::new(AtomicBool::new(settings.format == LogFormat::Json));
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .event_format(EitherFormat {
                is_json: Arc::clone(&is_json),
                text: Format::default().with_target(false),
                json: Format::default().json().with_span_list(false),
            });
        tracing_subscriber::registry()
            .with(lines.with_filter(filter.and(others).and(bounds.clone())))
            .init();
        Ok(Self {
            bounds,
            filter: handle,
            is_json,
        })
    }

    /// Logs by another filter and in another format from now on.
    pub(super) fn replace(&self, filter: EnvFilter, format: LogFormat) {
        if self.filter.reload(filter).is_err() {
            tracing::error!("the log filter can't be replaced: the log has ended");
        }
        let is_json = format == LogFormat::Json;
        self.is_json.store(is_json, Ordering::Relaxed);
    }
}

/// Lines for people, or JSON objects. The program opens no spans, so that no line has fields of one in the other format.
struct EitherFormat {
    is_json: Arc<AtomicBool>,
    text: Format<Full>,
    json: Format<Json>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, DefaultFields> for EitherFormat {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, DefaultFields>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        if self.is_json.load(Ordering::Relaxed) {
            self.json.format_event(context, writer, event)
        } else {
            self.text.format_event(context, writer, event)
        }
    }
}
