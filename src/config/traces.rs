//! Traces: the collector that they go to, and how many of them.

use std::net::IpAddr;

use url::{Host, Url};

use super::Config;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError, quoted};
use super::source::setting::settings;
use crate::model::{issuer, private_network};

settings! {
    OTLP_ENDPOINT = "traces.otlp_endpoint" hidden();
    SAMPLE_RATIO = "traces.sample_ratio";
}

const DEFAULT_SAMPLE_RATIO: f64 = 1.0;

/// The path of traces below the URL of a collector.
const PATH: &str = "/v1/traces";

/// The last labels of names that no public name server has.
const INTERNAL: [&str; 4] = ["internal", "local", "svc", "test"];

const HELP: &str = "write the URL of a collector that takes OTLP over HTTP: http://127.0.0.1:4318";

/// Where traces go.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSettings {
    /// The URL that takes the traces, with its path.
    pub url: Url,
    /// The share of the requests with a trace, 0 to 1, of those that belong to no trace of a trusted proxy.
    pub sample_ratio: f64,
}

pub(super) fn read(sources: &mut Sources<'_>) -> Option<TraceSettings> {
    let url = sources.string(OTLP_ENDPOINT, None, parse_endpoint);
    let ratio = sources.ratio(SAMPLE_RATIO);
    if let (true, Some(origin)) = (url.is_unset(), ratio.origin()) {
        sources.require_other(SAMPLE_RATIO, origin, OTLP_ENDPOINT);
    }
    Some(TraceSettings {
        url: url.into_value()?,
        sample_ratio: ratio.or(DEFAULT_SAMPLE_RATIO),
    })
}

/// Parses the URL of a collector, with or without the path of traces.
fn parse_endpoint(text: &str) -> Parsed<Url> {
    let is_url = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let Some(mut url) = Url::parse(text).ok().filter(is_url) else {
        // It may hold a password that was meant for a URL.
        return Err(ValueError::new("this is not the URL of a collector", HELP));
    };
    if !url.username().is_empty() || url.password().is_some() {
        let help = "remove them: a collector of your own adds the key of a service";
        return Err(ValueError::new(
            "the URL has a user name or a password",
            help,
        ));
    }
    if url.query().is_some() || url.fragment().is_some() || url.port() == Some(0) {
        let what = "the URL has a query, a fragment or port 0";
        return Err(ValueError::new(what, HELP));
    }
    if url.scheme() == "http" && !url.host().is_some_and(|host| is_near(&host.to_owned())) {
        let what = format!(
            "{} is not https, and its host may be anywhere",
            quoted(text)
        );
        let help = "write an https URL, or http for a host of this network: a name without dots or below .internal, .local, \
                    .svc or .test, or a loopback or private address";
        return Err(ValueError::new(what, help));
    }
    let base = url.path().trim_end_matches('/');
    let base = base.strip_suffix(PATH).unwrap_or(base);
    url.set_path(&format!("{base}{PATH}"));
    Ok(url)
}

/// Whether a host is on this machine or on its own network.
fn is_near(host: &Host<String>) -> bool {
    issuer::is_loopback(host)
        || match host {
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                name.rsplit_once('.')
                    .is_none_or(|(_, last)| INTERNAL.contains(&last))
            }
            Host::Ipv4(address) => private_network::can_be_opened(IpAddr::V4(*address)),
            Host::Ipv6(address) => private_network::can_be_opened(IpAddr::V6(*address)),
        }
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let traces = match &config.traces {
        None => "not exported".to_owned(),
        Some(traces) => format!("to {}, of a share of {}", traces.url, traces.sample_ratio),
    };
    vec![("traces", traces)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_https_or_near() {
        for (text, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://[::1]:4318/", "http://[::1]:4318/v1/traces"),
            (
                "http://localhost:4318/v1/traces",
                "http://localhost:4318/v1/traces",
            ),
            (
                "http://otel-collector:4318",
                "http://otel-collector:4318/v1/traces",
            ),
            (
                "http://otel.traces.svc:4318",
                "http://otel.traces.svc:4318/v1/traces",
            ),
            (
                "http://otel.traces.svc.cluster.local",
                "http://otel.traces.svc.cluster.local/v1/traces",
            ),
            ("http://10.1.2.3:4318", "http://10.1.2.3:4318/v1/traces"),
            ("http://[fd00::1]:4318", "http://[fd00::1]:4318/v1/traces"),
            (
                "https://otlp.example.com/otlp/",
                "https://otlp.example.com/otlp/v1/traces",
            ),
        ] {
            let parsed = parse_endpoint(text).map(String::from);
            assert_eq!(parsed.as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn any_other_endpoint_is_refused() {
        for text in [
            "",
            "me:hunter2@127.0.0.1:4318",
            "127.0.0.1:4318",
            "ftp://127.0.0.1",
            "http://",
            "https://otlp.example.com?key=secret",
            "https://otlp.example.com#a",
            "https://me:hunter2@otlp.example.com",
            "https://me@otlp.example.com",
            "http://127.0.0.1:0",
            "http://otlp.example.com:4318",
            "http://8.8.8.8:4318",
            "http://169.254.169.254",
            "http://[fd00:ec2::254]",
        ] {
            let error = parse_endpoint(text).unwrap_err();
            assert!(!error.what.contains("hunter2"), "{text}");
        }
    }
}
