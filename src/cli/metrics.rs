//! The recorder of metrics: every name with its text for `# HELP`, and the figures of the process.

use metrics::Unit;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use miette::{IntoDiagnostic, Result};

/// The bounds of the buckets of latencies, in seconds.
const BUCKETS: [f64; 13] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
];

/// Every metric of this program, by kind, with its text.
const COUNTERS: &[(&str, &str)] = &[
    (
        "cognate_accept_errors_total",
        "Connections that couldn't be accepted.",
    ),
    ("cognate_guests_total", "New guests."),
    (
        "cognate_issuer_fetches_total",
        "Fetches of issuers' key sets, by outcome.",
    ),
    (
        "cognate_audit_dropped_total",
        "Lines of the audit log beyond the limit of its queue.",
    ),
    (
        "cognate_audit_failures_total",
        "Writes to the audit log that failed.",
    ),
    ("cognate_audit_lines_total", "Lines of the audit log."),
    (
        "cognate_audit_refusals_counted_total",
        "Refusals that the audit log has as a count, not as a line.",
    ),
    (
        "cognate_refused_total",
        "Calls that a limit refused, by limit.",
    ),
    (
        "cognate_requests_total",
        "Answered requests, by operation and error code.",
    ),
    (
        "cognate_routed_total",
        "Credentials requested from another STS, by route and outcome.",
    ),
    (
        "cognate_trace_spans_dropped_total",
        "Spans of traces that the collector didn't take, or that were beyond the limit of the queue.",
    ),
    (
        "cognate_trace_spans_exported_total",
        "Spans of traces that the collector took.",
    ),
    (
        "cognate_store_changes_total",
        "Changes that the embedded store committed.",
    ),
    (
        "cognate_store_commits_total",
        "Transactions that the embedded store committed.",
    ),
    (
        "cognate_store_checkpoint_failures_total",
        "Failures to write the write-ahead log to the database.",
    ),
];
const GAUGES: &[(&str, &str)] = &[
    (
        "cognate_build_info",
        "1, with the version of the program and the commit it was built from.",
    ),
    (
        "cognate_certificate_end_seconds",
        "When the certificate of the listener ends, in seconds since 1970.",
    ),
    ("cognate_connections", "Open connections of clients."),
    (
        "cognate_issuer_oldest_keys_seconds",
        "The age of the oldest key set of an issuer that was used within the last hour.",
    ),
    ("cognate_issuers", "Issuers with a key set in the cache."),
    (
        "cognate_permits_in_use",
        "Calls in work, by limit. Calls that wait for a provider don't count.",
    ),
    (
        "cognate_store_queue",
        "Changes that wait for the next transaction of the store.",
    ),
    (
        "cognate_key_made_seconds",
        "When the current key was made, by purpose, in seconds since 1970.",
    ),
    (
        "cognate_store_bytes",
        "The size of the embedded store's file.",
    ),
    (
        "cognate_store_log_bytes",
        "The size of the write-ahead log in use.",
    ),
    (
        "cognate_servers_with_other_settings",
        "Other servers of this store that have other security settings or routes.",
    ),
];
const HISTOGRAMS: &[(&str, &str)] = &[
    (
        "cognate_outgoing_seconds",
        "The time of a request to a provider or another STS, by outcome.",
    ),
    (
        "cognate_request_seconds",
        "The time to answer a request, by operation.",
    ),
];

/// The recorder of the process.
#[derive(Clone)]
pub(super) struct Metrics {
    pub(super) prometheus: PrometheusHandle,
    process: Collector,
}

impl Metrics {
    /// Installs the recorder. Call it once.
    pub(super) fn install() -> Result<Self> {
        let prometheus = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)
            .and_then(PrometheusBuilder::install_recorder)
            .into_diagnostic()?;
        for (name, text) in COUNTERS {
            metrics::describe_counter!(*name, *text);
        }
        for (name, text) in GAUGES {
            metrics::describe_gauge!(*name, *text);
        }
        for (name, text) in HISTOGRAMS {
            metrics::describe_histogram!(*name, Unit::Seconds, *text);
        }
        let (version, commit) = (env!("CARGO_PKG_VERSION"), super::version::COMMIT);
        metrics::gauge!("cognate_build_info", "version" => version, "commit" => commit).set(1.0);
        let process = Collector::default();
        process.describe();
        process.collect();
        Ok(Self {
            prometheus,
            process,
        })
    }

    /// Compacts recorded samples, and measures the process. Call it every few seconds.
    pub(super) fn run_upkeep(&self) {
        self.prometheus.run_upkeep();
        self.process.collect();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The names of metrics in the calls of the macros below `folder`.
    fn used(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                used(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for macro_name in ["counter!(", "gauge!(", "histogram!("] {
                    for (at, _) in text.match_indices(&format!("metrics::{macro_name}")) {
                        let call = &text[at..];
                        let name = call.split('"').nth(1).unwrap_or_default();
                        found.insert(name.to_owned());
                    }
                }
            }
        }
    }

    #[test]
    fn every_metric_is_described_and_named_as_prometheus_recommends() {
        let mut names = BTreeSet::new();
        used(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut names,
        );
        names.retain(|name| name.starts_with("cognate_"));
        assert!(names.contains("cognate_requests_total"), "{names:?}");
        let described = [COUNTERS, GAUGES, HISTOGRAMS].concat();
        let described: BTreeSet<_> = described
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        assert_eq!(names, described);
        for (name, text) in COUNTERS {
            assert!(name.ends_with("_total") && text.ends_with('.'), "{name}");
        }
        for (name, _) in GAUGES.iter().chain(HISTOGRAMS) {
            assert!(!name.ends_with("_total"), "{name}");
        }
    }

    /// The names of metrics in a text, without what a histogram adds to them.
    fn names_in(text: &str) -> BTreeSet<String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = text.split(|c| !is_part(c));
        words
            .filter(|word| word.starts_with("cognate_") || word.starts_with("process_"))
            .map(|word| {
                let histogram = HISTOGRAMS.iter().find(|(name, _)| word.starts_with(name));
                histogram.map_or(word, |(name, _)| name).to_owned()
            })
            .collect()
    }

    #[test]
    fn the_dashboard_and_the_alerts_name_only_metrics_that_exist() {
        let described = [COUNTERS, GAUGES, HISTOGRAMS].concat();
        let mut existing: BTreeSet<_> = described
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let all = existing.clone();
        let process = ["process_resident_memory_bytes", "process_cpu_seconds_total"];
        let files = ["process_open_fds", "process_max_fds"];
        existing.extend([process, files].concat().into_iter().map(str::to_owned));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/monitoring");
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let (dashboard, alerts) = (read("dashboard.json"), read("alerts.yaml"));
        crate::model::json::read(dashboard.as_bytes()).unwrap();
        for text in [&dashboard, &alerts] {
            let unknown: Vec<_> = names_in(text).difference(&existing).cloned().collect();
            assert!(unknown.is_empty(), "{unknown:?}");
        }
        let shown = names_in(&dashboard);
        let missing: Vec<_> = all.difference(&shown).collect();
        assert!(missing.is_empty(), "the dashboard lacks {missing:?}");
    }
}
