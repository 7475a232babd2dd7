//! The log on standard error, and the exporter of traces beside it. The log's filter and format can be replaced while the server
//! runs.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use miette::{IntoDiagnostic, Result, WrapErr, bail};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::format::{DefaultFields, Format, Full, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::layer::{Filter, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_bounds::LogBounds;
#[cfg(feature = "otel")]
use super::traces::TraceExporter;
use crate::config::{Config, LogFormat, LogSettings};

/// The log of the process.
pub(super) struct ProcessLog {
    /// The bounds on lines that clients cause.
    pub(super) bounds: LogBounds,
    filter: reload::Handle<EnvFilter, Registry>,
    is_json: Arc<AtomicBool>,
    #[cfg(feature = "otel")]
    traces: Option<TraceExporter>,
}

/// A filter that was parsed.
pub(super) fn filter(settings: &LogSettings) -> Result<EnvFilter> {
    EnvFilter::try_new(&settings.filter)
        .into_diagnostic()
        .wrap_err("the log filter is invalid: write for example `info`")
}

/// Refuses traces if this program can't export them.
pub(super) fn check_traces(config: &Config) -> Result<()> {
    if config.traces.is_some() && !cfg!(feature = "otel") {
        bail!(
            "traces.otlp_endpoint is set, and this program was built without traces: remove the setting, use a package of \
             Cognate, or build the program with `--features otel`"
        );
    }
    Ok(())
}

impl ProcessLog {
    /// Starts the log, and the exporter of traces if there is one.
    pub(super) fn start(config: &Config) -> Result<Self> {
        check_traces(config)?;
        let settings = &config.log;
        let (filter, handle) = reload::Layer::new(filter(settings)?);
        let bounds = LogBounds::default();
        let is_json = Arc::new(AtomicBool::new(settings.format == LogFormat::Json));
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .event_format(EitherFormat {
                is_json: Arc::clone(&is_json),
                text: Format::default().with_target(false),
                json: Format::default().json().with_span_list(false),
            });
        let lines = lines.with_filter(restricted(filter, bounds.clone()));
        let subscriber = tracing_subscriber::registry().with(lines);
        #[cfg(feature = "otel")]
        let traces = config.traces.as_ref();
        #[cfg(feature = "otel")]
        let traces = traces
            .map(|traces| TraceExporter::start(config, traces))
            .transpose()?;
        #[cfg(feature = "otel")]
        match &traces {
            Some(traces) => subscriber.with(traces.layer()).init(),
            // Without a layer that could enable them, spans are disabled where they are made.
            None => subscriber.init(),
        }
        #[cfg(not(feature = "otel"))]
        subscriber.init();
        Ok(Self {
            bounds,
            filter: handle,
            is_json,
            #[cfg(feature = "otel")]
            traces,
        })
    }

    /// Exports the last traces.
    #[cfg_attr(
        not(feature = "otel"),
        expect(clippy::unused_async, reason = "only an exporter takes time")
    )]
    pub(super) async fn end(&self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = &self.traces {
            traces.stop().await;
        }
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

/// The part of `filter` that is written within `bounds`.
///
/// Other crates log at `info` and above, whatever the filter is: their lower levels may print headers, frames and
/// documents with tokens, secret keys and guests' ids. Spans are for traces: no filter of the log enables one.
fn restricted(filter: impl Filter<Registry>, bounds: LogBounds) -> impl Filter<Registry> {
    let others = Targets::new()
        .with_target("cognate", LevelFilter::TRACE)
        .with_default(LevelFilter::INFO);
    filter.and(others).and(bounds).and(filter_fn(is_no_span))
}

fn is_no_span(metadata: &Metadata<'_>) -> bool {
    !metadata.is_span()
}

/// Lines for people, or JSON objects. The log has no spans, so that no line has fields of one in the other format.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spans;

    #[test]
    fn no_filter_of_the_log_enables_a_span() {
        for text in [
            "trace",
            "error,cognate::spans=trace",
            "error,[request]=trace",
            "error,cognate[{rpc.method}]=trace",
        ] {
            let filter = restricted(EnvFilter::new(text), LogBounds::default());
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
            let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
            tracing::subscriber::with_default(subscriber, || {
                assert!(
                    tracing::enabled!(target: "cognate::wire", tracing::Level::ERROR),
                    "{text}"
                );
                assert!(spans::request(None).is_disabled(), "{text}");
                assert!(spans::store("store read").is_disabled(), "{text}");
            });
        }
    }
}
