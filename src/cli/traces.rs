//! The exporter of traces: finished spans wait in a bounded queue, and one task sends them to the collector over OTLP. No request
//! waits for it. What the spans have is in `spans`.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use miette::{IntoDiagnostic, Result, WrapErr};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor};
use prost::Message;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Subscriber;
use tracing::subscriber::Interest;
use tracing_subscriber::filter::{LevelFilter, dynamic_filter_fn};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::ambient::{Ambient, Real};
use crate::config::{Config, TraceSettings};
use crate::outgoing::{CollectorClient, OutgoingError};
use crate::spans;

/// The finished spans that wait, at most. Further ones are dropped and counted.
const QUEUE: usize = 4096;

/// The spans of one request to the collector, at most.
const BATCH: usize = 512;

/// How long spans wait for others.
const DELAY: Duration = Duration::from_secs(1);

/// How long a stop waits for the collector.
const FLUSH: Duration = Duration::from_secs(3);

/// The exporter, running.
pub(super) struct TraceExporter {
    provider: SdkTracerProvider,
    stop: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl TraceExporter {
    /// Starts the exporter on the current runtime.
    pub(super) fn start(config: &Config, settings: &TraceSettings) -> Result<Self> {
        let authorities = match &config.logins.extra_ca_file {
            None => Vec::new(),
            Some(path) => std::fs::read(path)
                .into_diagnostic()
                .wrap_err_with(|| format!("{} can't be read", path.display()))?,
        };
        let collector =
            CollectorClient::new(settings.url.clone(), &authorities).into_diagnostic()?;
        let (queue, spans) = mpsc::channel(QUEUE);
        let resource = resource();
        let export = Export {
            collector,
            resource: ResourceAttributesWithSchema::from(&resource),
            is_failing: false,
        };
        let sampler = Sampler::TraceIdRatioBased(settings.sample_ratio);
        let stop = Arc::new(Notify::new());
        Ok(Self {
            provider: SdkTracerProvider::builder()
                .with_resource(resource)
                .with_sampler(Sampler::ParentBased(Box::new(sampler)))
                .with_span_processor(SpanQueue(queue))
                .build(),
            task: Mutex::new(Some(tokio::spawn(export.run(spans, Arc::clone(&stop))))),
            stop,
        })
    }

    /// The layer that hands finished spans to the exporter: requests, and what is a part of one. It takes no lines of the log.
    pub(super) fn layer<S>(&self) -> impl Layer<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let is_ours = |metadata: &tracing::Metadata<'_>| {
            metadata.is_span() && metadata.target() == spans::TARGET
        };
        let filter = dynamic_filter_fn(move |metadata, context| {
            is_ours(metadata)
                && (metadata.name() == spans::REQUEST || context.lookup_current().is_some())
        });
        let filter = filter
            .with_max_level_hint(LevelFilter::INFO)
            .with_callsite_filter(move |metadata| {
                if is_ours(metadata) {
                    Interest::sometimes()
                } else {
                    Interest::never()
                }
            });
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("cognate"))
            .with_context_activation(false)
            .with_tracked_inactivity(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_filter(filter)
    }

    /// Sends what waits, for three seconds at most.
    pub(super) async fn stop(&self) {
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut task) = task else { return };
        self.stop.notify_one();
        if tokio::time::timeout(FLUSH, &mut task).await.is_err() {
            task.abort();
            tracing::warn!("stopping without the last traces: the collector is too slow");
        }
    }
}

/// What all spans of this process have in common.
fn resource() -> Resource {
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes([
            KeyValue::new("service.name", "cognate"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", Real.uuid().to_string()),
        ])
        .build()
}

/// The sampled spans that have ended, on their way to the exporter.
#[derive(Debug)]
struct SpanQueue(mpsc::Sender<SpanData>);

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.0.try_send(span).is_err() {
            dropped(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        // `TraceExporter::stop` flushes.
        Ok(())
    }
}

fn dropped(spans: usize) {
    metrics::counter!("cognate_trace_spans_dropped_total").increment(spans as u64);
}

/// Why the collector has no batch.
#[derive(Debug)]
enum ExportError {
    Outgoing(OutgoingError),
    Status(StatusCode),
}

impl fmt::Display for ExportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outgoing(error) => error.fmt(formatter),
            Self::Status(status) => write!(formatter, "it answered {status}"),
        }
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Outgoing(error) => error.source(),
            Self::Status(_) => None,
        }
    }
}

/// The task that sends spans.
struct Export {
    collector: CollectorClient,
    resource: ResourceAttributesWithSchema,
    /// Whether the last batch failed. The log has the first failure, and the first success after one.
    is_failing: bool,
}

impl Export {
    /// Sends batches until the stop, and then what waits.
    async fn run(mut self, mut spans: mpsc::Receiver<SpanData>, stop: Arc<Notify>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                received = spans.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        return;
                    }
                }
                () = stop.notified() => spans.close(),
            }
            let full = Instant::now() + DELAY;
            while batch.len() < BATCH && !spans.is_closed() {
                let space = BATCH - batch.len();
                tokio::select! {
                    _ = spans.recv_many(&mut batch, space) => {}
                    () = tokio::time::sleep_until(full) => break,
                    () = stop.notified() => spans.close(),
                }
            }
            if !batch.is_empty() {
                self.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)))
                    .await;
            }
        }
    }

    async fn send(&mut self, batch: Vec<SpanData>) {
        let count = batch.len();
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        let sent = match self.collector.post(request.encode_to_vec()).await {
            Ok(status) if status.is_success() => Ok(()),
            Ok(status) => Err(ExportError::Status(status)),
            Err(error) => Err(ExportError::Outgoing(error)),
        };
        let was_failing = std::mem::replace(&mut self.is_failing, sent.is_err());
        match sent {
            Ok(()) => {
                metrics::counter!("cognate_trace_spans_exported_total").increment(count as u64);
                if was_failing {
                    tracing::info!("the collector takes traces again");
                }
            }
            Err(error) => {
                dropped(count);
                if !was_failing {
                    tracing::warn!(
                        error = &error as &dyn Error,
                        "the collector doesn't take traces: they are dropped and counted until it does"
                    );
                }
            }
        }
    }
}
