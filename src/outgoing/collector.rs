//! The client of the exporter of traces. It connects to the one URL that the operator configures, at any address: the fence is for
//! URLs of strangers, and this client is the named exception to it. The other rules hold: no proxy, no redirect, bounds.

use http::{HeaderValue, StatusCode, header};
use reqwest::Client;
use url::Url;

use super::fetch::fetch;
use super::resolver::Reach;
use super::settings::extra_roots;
use super::{LARGEST, OutgoingError, OutgoingSettingsError, WHOLE, client};

/// A client of one collector.
#[derive(Debug)]
pub struct CollectorClient {
    client: Client,
    url: Url,
}

impl CollectorClient {
    /// Makes a client that trusts the system's roots and the authorities in `extra_pem`, which may be empty. rustls's provider must
    /// be installed in the process.
    pub fn new(url: Url, extra_pem: &[u8]) -> Result<Self, OutgoingSettingsError> {
        let roots = extra_roots(extra_pem)?;
        let client = client(Reach::Anywhere.into(), &roots)?;
        Ok(Self { client, url })
    }

    /// Sends a document of Protocol Buffers with POST, once. It is no request to a provider: it has neither a span nor a metric.
    pub async fn post(&self, document: Vec<u8>) -> Result<StatusCode, OutgoingError> {
        let content_type = HeaderValue::from_static("application/x-protobuf");
        let request = self
            .client
            .post(self.url.clone())
            .timeout(WHOLE)
            .header(header::CONTENT_TYPE, content_type)
            .body(document);
        let fetched = tokio::time::timeout(WHOLE, fetch(request, LARGEST)).await;
        let (fetched, _) = fetched.unwrap_or(Err(OutgoingError::TooSlow))?;
        Ok(fetched.status)
    }
}
