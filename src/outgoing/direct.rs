//! The client of the command line: it connects to the one server that the user names, at any address. The fence is for
//! URLs of strangers and has no part in it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use reqwest::{Certificate, Client};
use url::Url;

use super::fetch::{MIB, send};
use super::resolver::Reach;
use super::{Fetched, OutgoingError, builder};

/// The longest time to connect: the server may be far away.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest time of a request, from the name's resolution to the last byte of the answer.
const WHOLE: Duration = Duration::from_secs(30);
/// The longest body, decompressed: a list of everything on the server.
const LARGEST: usize = 64 * MIB;

/// A client without a fence, which keeps the other rules: no proxy, no redirect, no cookie, a bound on everything.
#[derive(Debug)]
pub struct DirectClient(Client);

impl DirectClient {
    /// Makes a client that trusts the authorities in `authorities`, which are PEM, or else the system's roots. rustls's
    /// provider must be installed in the process.
    pub fn new(authorities: Option<&[u8]>) -> Result<Self, OutgoingError> {
        let builder = || builder(Reach::Anywhere.into()).connect_timeout(CONNECT);
        if let Some(pem) = authorities {
            let roots = Certificate::from_pem_bundle(pem);
            let client = roots.and_then(|roots| builder().tls_certs_only(roots).build());
            return client.map(Self).map_err(OutgoingError::Unreachable);
        }
        // A container image without roots can still call a server by http.
        let client = builder().build();
        let client = client.or_else(|_| builder().tls_certs_only([]).build());
        client.map(Self).map_err(OutgoingError::Unreachable)
    }

    /// Fetches `url` with GET.
    pub async fn get(&self, url: Url) -> Result<Fetched, OutgoingError> {
        let sent = send(&self.0, Method::GET, url, WHOLE, LARGEST, |request| request);
        Ok(sent.await?.0)
    }

    /// Fetches `url` with GET and these headers.
    pub async fn get_with(&self, url: Url, headers: HeaderMap) -> Result<Fetched, OutgoingError> {
        let with = |request: reqwest::RequestBuilder| request.headers(headers);
        let sent = send(&self.0, Method::GET, url, WHOLE, LARGEST, with);
        Ok(sent.await?.0)
    }

    /// Sends `body` with these headers to `url` with POST, once.
    pub async fn post(
        &self,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Fetched, OutgoingError> {
        let with = |request: reqwest::RequestBuilder| request.headers(headers).body(body);
        let sent = send(&self.0, Method::POST, url, WHOLE, LARGEST, with);
        Ok(sent.await?.0)
    }
}
