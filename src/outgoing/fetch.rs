//! One request of a client and its answer, within a bound on time and on size.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, header};
use reqwest::Client;
use tracing::Instrument;
use url::Url;

use super::fence::Forbidden;
use super::resolver::OutOfReach;
use crate::{permits, spans};

/// The unit of the bounds on bodies, in bytes.
pub(super) const MIB: usize = 1024 * 1024;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The fence doesn't admit the URL.
    #[error("the URL may not be fetched")]
    Forbidden(#[source] Forbidden),
    /// The connection, TLS or HTTP failed.
    #[error("the host can't be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The connection or the answer took too long.
    #[error("the host took too long to answer")]
    TooSlow,
    /// The TLS configuration can't be made.
    #[error("TLS can't be set up")]
    Tls(#[source] rustls::Error),
    /// The body is longer than this many MiB.
    #[error("the answer is longer than {0} MiB")]
    TooLarge(usize),
}

impl OutgoingError {
    /// The name of the error in a trace.
    fn name(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => "forbidden",
            Self::Unreachable(_) => "unreachable",
            Self::TooSlow => "timeout",
            Self::Tls(_) => "tls",
            Self::TooLarge(_) => "too_large",
        }
    }
}

/// An answer, of any status.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The status. Redirects aren't followed.
    pub status: StatusCode,
    /// The body, decompressed and within the bound.
    pub body: Bytes,
    /// The smallest lifetime in `Cache-Control`; zero for `no-store` and `no-cache`.
    pub max_age: Option<Duration>,
    /// Whether the host is one of `logins.private_networks`. URLs that the document names may then be private too.
    pub is_listed: bool,
}

pub(super) async fn send(
    client: &Client,
    method: Method,
    url: Url,
    patience: Duration,
    largest: usize,
    with: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) -> Result<(Fetched, Option<SocketAddr>), OutgoingError> {
    let span = spans::fetch(&method, &url);
    let request = client
        .request(method, url)
        .timeout(patience)
        .header(header::ACCEPT, "application/json");
    let began = tokio::time::Instant::now();
    let fetched = tokio::time::timeout(patience, fetch(with(request), largest));
    let fetched = permits::without(fetched.instrument(span.clone()));
    let fetched = fetched.await.unwrap_or(Err(OutgoingError::TooSlow));
    let status = fetched.as_ref().map(|(fetched, _)| fetched.status);
    spans::fetched(&span, status.map_err(OutgoingError::name));
    let outcome = if fetched.is_ok() {
        "answered"
    } else {
        "failed"
    };
    metrics::histogram!("cognate_outgoing_seconds", "outcome" => outcome)
        .record(began.elapsed().as_secs_f64());
    fetched
}

pub(super) async fn fetch(
    request: reqwest::RequestBuilder,
    largest: usize,
) -> Result<(Fetched, Option<SocketAddr>), OutgoingError> {
    let mut answer = request.send().await.map_err(failed)?;
    let peer = answer.remote_addr();
    let max_age = max_age(answer.headers());
    let mut body = BytesMut::new();
    // Bytes are counted after decompression, so that a decompression bomb is stopped early.
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > largest {
            return Err(OutgoingError::TooLarge(largest / MIB));
        }
        body.extend_from_slice(&chunk);
    }
    let fetched = Fetched {
        status: answer.status(),
        body: body.freeze(),
        max_age,
        is_listed: false,
    };
    Ok((fetched, peer))
}

/// Converts an error of the client. The URL is removed, because the log has it already.
pub(super) fn failed(error: reqwest::Error) -> OutgoingError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(OutOfReach(refused)) = cause.downcast_ref() {
            return OutgoingError::Forbidden((*refused).into());
        }
        source = cause.source();
    }
    if error.is_timeout() {
        return OutgoingError::TooSlow;
    }
    OutgoingError::Unreachable(error.without_url())
}

/// The smallest lifetime in `Cache-Control`.
pub(super) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|directive| {
            let directive = directive.trim().to_ascii_lowercase();
            match directive.as_str() {
                "no-store" | "no-cache" => Some(0),
                _ => directive.strip_prefix("max-age=")?.parse().ok(),
            }
        })
        .min()
        .map(Duration::from_secs)
}
