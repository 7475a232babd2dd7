//! The spans of traces: one for each request, and one for each thing that a request waits for. Every span that leaves this server
//! is made here, with every attribute; `cli::traces` exports them. No lines of the log are exported.
//!
//! No span has a token, a login, a subject, an identity, a key, a URL, a header or a body. Without an exporter nothing enables
//! these spans, so that making one costs a comparison.

use http::{HeaderMap, Method, StatusCode};
use tracing::field::{Empty, display};
use tracing::{Span, info_span};
use url::Url;
use uuid::Uuid;

use crate::model::ids::PoolId;

/// The target of all spans, by which the exporter selects them.
pub const TARGET: &str = "cognate::spans";

/// The name of the span of a request until its operation is known. The others are parts of one.
pub const REQUEST: &str = "request";

/// The span of a request. With `headers`, those of a trusted proxy, it belongs to the trace that they name.
pub fn request(headers: Option<&HeaderMap>) -> Span {
    let span = info_span!(
        target: TARGET,
        REQUEST,
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system = "aws-api",
        rpc.method = Empty,
        aws.request_id = Empty,
        cognate.identity_pool_id = Empty,
        "http.response.status_code" = Empty,
        "error.type" = Empty,
    );
    #[cfg(feature = "otel")]
    if let Some(headers) = headers.filter(|_| !span.is_disabled()) {
        remote::join(&span, headers);
    }
    #[cfg(not(feature = "otel"))]
    let _ = headers;
    span
}

/// Notes in the span of the current request what was asked and how it ended; `code` is the name of its error. The span is named
/// after the operation, with this prefix.
pub fn ended(
    prefix: &'static str,
    operation: &'static str,
    code: Option<&'static str>,
    request_id: Uuid,
    pool: Option<&PoolId>,
) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    span.record("rpc.method", operation);
    span.record("aws.request_id", display(request_id));
    if let Some(code) = code {
        span.record("error.type", code);
    }
    if let Some(pool) = pool {
        span.record("cognate.identity_pool_id", display(pool));
    }
    #[cfg(feature = "otel")]
    remote::rename(&span, format!("{prefix}{operation}"));
    #[cfg(not(feature = "otel"))]
    let _ = prefix;
}

/// Notes the status of the answer to a request.
pub fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// The span of a request to a provider or another STS.
pub fn fetch(method: &Method, url: &Url) -> Span {
    info_span!(
        target: TARGET,
        "fetch",
        otel.name = method.as_str(),
        otel.kind = "client",
        otel.status_code = Empty,
        "http.request.method" = method.as_str(),
        "server.address" = url.host_str(),
        "server.port" = url.port_or_known_default().map(i64::from),
        "http.response.status_code" = Empty,
        "error.type" = Empty,
    )
}

/// Notes the status of the answer to a fetch, or why there is none.
pub fn fetched(span: &Span, outcome: Result<StatusCode, &'static str>) {
    match outcome {
        Ok(status) => {
            span.record("http.response.status_code", i64::from(status.as_u16()));
            if status.is_client_error() || status.is_server_error() {
                span.record("otel.status_code", "ERROR");
            }
        }
        Err(why) => {
            span.record("error.type", why);
            span.record("otel.status_code", "ERROR");
        }
    }
}

/// The span of the wait for a fetch that several requests may share. It is a child of the wait of the request that began it.
pub fn wait_for_fetch() -> Span {
    info_span!(target: TARGET, "wait for a fetch")
}

/// The span of work in a pool, with the wait for its turn.
pub fn work(pool: &'static str) -> Span {
    info_span!(target: TARGET, "work", otel.name = pool)
}

/// The span of one atomic step of the store.
pub fn store(step: &'static str) -> Span {
    info_span!(target: TARGET, "store", otel.name = step)
}

/// The span of the wait for a line of the audit log.
pub fn audit_line() -> Span {
    info_span!(target: TARGET, "audit line")
}

/// What the spans of `tracing` don't have: parents in other processes, and names that change.
#[cfg(feature = "otel")]
mod remote {
    use http::HeaderMap;
    use opentelemetry::Context;
    use opentelemetry::propagation::{Extractor, TextMapPropagator};
    use opentelemetry::trace::TraceContextExt;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    const TRACEPARENT: &str = "traceparent";

    /// The header `traceparent` alone: `tracestate` belongs to other vendors.
    struct Traceparent<'h>(Option<&'h str>);

    impl<'h> Traceparent<'h> {
        /// The header if it is there once.
        fn of(headers: &'h HeaderMap) -> Self {
            let mut lines = headers.get_all(TRACEPARENT).iter();
            Self(match (lines.next(), lines.next()) {
                (Some(line), None) => line.to_str().ok(),
                _ => None,
            })
        }

        /// The parent; an invalid one begins a trace of its own.
        fn context(&self) -> Context {
            TraceContextPropagator::new().extract_with_context(&Context::new(), self)
        }
    }

    impl Extractor for Traceparent<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.filter(|_| key == TRACEPARENT)
        }

        fn keys(&self) -> Vec<&str> {
            self.0.map(|_| TRACEPARENT).into_iter().collect()
        }
    }

    /// Makes `span` a part of the trace that the headers name.
    pub(super) fn join(span: &Span, headers: &HeaderMap) {
        // The span has just begun, and no exporter is no error.
        let _ = span.set_parent(Traceparent::of(headers).context());
    }

    /// Renames `span`.
    pub(super) fn rename(span: &Span, name: String) {
        span.context().span().update_name(name);
    }

    #[cfg(test)]
    mod tests {
        use http::HeaderValue;

        use super::*;

        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

        fn context(lines: &[&str]) -> Context {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(
                    TRACEPARENT,
                    HeaderValue::from_bytes(line.as_bytes()).unwrap(),
                );
            }
            headers.insert("tracestate", HeaderValue::from_static("vendor=text"));
            Traceparent::of(&headers).context()
        }

        #[test]
        fn a_traceparent_has_the_trace_the_span_and_the_flag() {
            for (flags, is_sampled) in [("00", false), ("01", true)] {
                let context = context(&[&format!("00-{TRACE}-00f067aa0ba902b7-{flags}")]);
                let span = context.span();
                let parent = span.span_context();
                assert_eq!(parent.trace_id().to_string(), TRACE);
                assert_eq!(parent.span_id().to_string(), "00f067aa0ba902b7");
                assert_eq!(parent.is_sampled(), is_sampled);
                assert_eq!(parent.trace_state().header(), "");
            }
        }

        #[test]
        fn any_other_header_is_no_parent() {
            let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
            let zeros = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
            let upper = good.to_uppercase();
            let long = format!("{good}-{}", "0".repeat(70_000));
            for lines in [
                &[][..],
                &[""],
                &["00"],
                &[good.as_str(), good.as_str()],
                &[zeros.as_str()],
                &[upper.as_str()],
                &[long.as_str()],
                &["ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
                &["00-\u{e9}"],
            ] {
                let context = context(lines);
                assert!(!context.span().span_context().is_valid());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// The sources below `folder` that make spans.
    fn sources_with_spans(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources_with_spans(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            let makers = ["_span!(", "::span!(", "#[instrument", "tracing::instrument"];
            if makers.iter().any(|maker| text.contains(maker)) {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn no_other_file_makes_spans() {
        let mut found = Vec::new();
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        sources_with_spans(&sources, &mut found);
        assert_eq!(found, ["spans.rs"]);
    }
}
