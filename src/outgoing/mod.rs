//! The one HTTP client, with its fence against server-side request forgery (SSRF): strangers name at least a part of
//! what is fetched. [`DirectClient`] is the same client without the fence, for the command line, and `CollectorClient` for the
//! exporter of traces.
//!
//! No proxy from the environment, no redirect, no cookie. https to addresses on the public internet, checked where a
//! URL spells an address and again when a name is resolved for the connection; the operator configures exceptions
//! (`private` for logins, `http_issuers` for issuers without TLS).
//! Every answer has a bound: 2 seconds to connect, 5 seconds in all (10 for an STS that the operator configures),
//! 1 MiB of body after decompression, 100 header fields of 400 KiB (64 KiB in HTTP/2).

mod address;
#[cfg(feature = "otel")]
mod collector;
mod direct;
mod fence;
mod fetch;
mod http_issuers;
mod pinned;
mod private;
mod resolver;
mod settings;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::{Certificate, Client, ClientBuilder, redirect};
use url::Url;

pub use self::address::is_public;
#[cfg(feature = "otel")]
pub use self::collector::CollectorClient;
pub use self::direct::DirectClient;
pub use self::fence::Forbidden;
use self::fence::{Admitted, Fence};
pub use self::fetch::{Fetched, OutgoingError};
use self::fetch::{MIB, send};
use self::http_issuers::NamedHttpIssuers;
use self::pinned::Authorities;
use self::private::PrivateNetworks;
use self::resolver::{Fenced, Reach};
pub use self::settings::{OutgoingSettings, OutgoingSettingsError};

/// The longest time to connect, with the name's resolution and TLS.
const CONNECT: Duration = Duration::from_secs(2);
/// The longest time of a request, from the name's resolution to the last byte of the answer.
const WHOLE: Duration = Duration::from_secs(5);
/// The longest time of a request to an STS, which fetches this server's keys before it answers.
const STS: Duration = Duration::from_secs(10);
/// The longest body of an answer, decompressed.
const LARGEST: usize = MIB;
const LARGEST_HEADERS: u32 = 64 * 1024;

/// The client with the fence.
#[derive(Debug)]
pub struct Outgoing {
    fence: Fence,
    /// For URLs of strangers.
    fenced: Client,
    /// For hosts that the operator opens, if there are any.
    private: Option<Client>,
    /// The certificates in the operator's file.
    extra_roots: Vec<Certificate>,
    /// For upstreams, which the operator configures.
    open: Client,
    /// The private certificate authorities, if the operator configures any.
    authorities: Option<Arc<Authorities>>,
}

impl Outgoing {
    /// Makes a client with these settings. rustls's provider must be installed in the process. The system's roots are
    /// read once, here.
    pub fn new(settings: OutgoingSettings) -> Result<Self, OutgoingSettingsError> {
        let roots = settings.check()?;
        let reach = if settings.allow_http_loopback {
            Reach::PublicAndLoopback
        } else {
            Reach::Public
        };
        let authorities = Authorities::new(&settings.extra_roots);
        let private = PrivateNetworks {
            entries: settings.private_networks.into(),
            listeners: settings.listeners.into(),
        };
        let opened = private.opened_to_any_port();
        let opened = opened.map(|opened| {
            let opened = Some(opened);
            client(Fenced { reach, opened }, &roots)
        });
        Ok(Self {
            authorities: authorities.map(Arc::new),
            private: opened.transpose()?,
            fence: Fence {
                upstreams: settings.upstreams,
                allow_http_loopback: settings.allow_http_loopback,
                http_issuers: NamedHttpIssuers::new(&settings.http_issuers),
                private,
            },
            fenced: client(reach.into(), &roots)?,
            open: client(Reach::Anywhere.into(), &roots)?,
            extra_roots: roots,
        })
    }

    /// Fetches `url` with GET.
    pub async fn get(&self, url: &str) -> Result<Fetched, OutgoingError> {
        self.ask(Method::GET, url, |request| request).await
    }

    /// Fetches `url` with GET and the Authorization header `authorization`, which is a secret.
    pub async fn get_authorized(
        &self,
        url: &str,
        mut authorization: HeaderValue,
    ) -> Result<Fetched, OutgoingError> {
        authorization.set_sensitive(true);
        let with =
            |request: reqwest::RequestBuilder| request.header(header::AUTHORIZATION, authorization);
        self.ask(Method::GET, url, with).await
    }

    /// Fetches `url` of a provider's own host with GET. If the host's certificate chain ends only at the operator's extra
    /// roots, one certificate of the chain must have one of `thumbprints` (SHA-1 in hexadecimal digits; an empty list
    /// requires nothing). An upstream's certificate needs no thumbprint, because the operator configures upstreams.
    pub async fn get_pinned(
        &self,
        url: &str,
        thumbprints: &[String],
    ) -> Result<Fetched, OutgoingError> {
        self.get_admitted(self.fence.admit(url), thumbprints).await
    }

    /// Does the same as [`Outgoing::get_pinned`] for a URL that the document `from` names.
    pub async fn get_linked(
        &self,
        url: &str,
        thumbprints: &[String],
        from: &Fetched,
    ) -> Result<Fetched, OutgoingError> {
        let admitted = self.fence.admit_linked(url, from.is_listed);
        self.get_admitted(admitted, thumbprints).await
    }

    async fn get_admitted(
        &self,
        admitted: Result<Admitted, Forbidden>,
        thumbprints: &[String],
    ) -> Result<Fetched, OutgoingError> {
        let admitted = admitted.map_err(OutgoingError::Forbidden)?;
        let authorities = match &self.authorities {
            Some(authorities)
                if admitted.fenced.reach != Reach::Anywhere && !thumbprints.is_empty() =>
            {
                authorities
            }
            _ => return self.send(Method::GET, admitted, |request| request).await,
        };
        let tls = authorities
            .config(thumbprints)
            .map_err(OutgoingError::Tls)?;
        let client = builder(admitted.fenced)
            .tls_backend_preconfigured(tls)
            .build()
            .map_err(OutgoingError::Unreachable)?;
        self.send_with(&client, Method::GET, admitted.url, |request| request)
            .await
    }

    /// Sends `body` with these headers to `url` with POST, once. The caller decides about retries.
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Fetched, OutgoingError> {
        let with = |request: reqwest::RequestBuilder| request.headers(headers).body(body);
        self.ask(Method::POST, url, with).await
    }

    /// Does the same as [`Outgoing::post`] for an STS that the operator configures: it may have a private address, and has
    /// 10 seconds to answer.
    pub async fn post_to_sts(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Fetched, OutgoingError> {
        let admitted = self
            .fence
            .admit_operators(url)
            .map_err(OutgoingError::Forbidden)?;
        let with = |request: reqwest::RequestBuilder| request.headers(headers).body(body);
        let (fetched, _) = send(&self.open, Method::POST, admitted, STS, LARGEST, with).await?;
        Ok(fetched)
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        with: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Fetched, OutgoingError> {
        let admitted = self.fence.admit(url).map_err(OutgoingError::Forbidden)?;
        self.send(method, admitted, with).await
    }

    async fn send(
        &self,
        method: Method,
        admitted: Admitted,
        with: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Fetched, OutgoingError> {
        let Admitted { url, fenced } = admitted;
        match (fenced.reach, &fenced.opened, &self.private) {
            (Reach::Anywhere, ..) => self.send_with(&self.open, method, url, with).await,
            (_, None, _) => self.send_with(&self.fenced, method, url, with).await,
            (_, Some(opened), Some(client)) if opened.is_unrestricted() => {
                self.send_with(client, method, url, with).await
            }
            // The request has a restriction of its own.
            (_, Some(_), _) => {
                let roots = self.extra_roots.iter().cloned();
                let client = builder(fenced).tls_certs_merge(roots).build();
                let client = client.map_err(OutgoingError::Unreachable)?;
                self.send_with(&client, method, url, with).await
            }
        }
    }

    async fn send_with(
        &self,
        client: &Client,
        method: Method,
        url: Url,
        with: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Fetched, OutgoingError> {
        let sent = url.clone();
        let (mut fetched, peer) = send(client, method, url, WHOLE, LARGEST, with).await?;
        fetched.is_listed = self.fence.private.lists(&sent, peer);
        Ok(fetched)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one function that builds a client"
)]
fn builder(fenced: Fenced) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .dns_resolver(fenced)
        .connect_timeout(CONNECT)
        .http2_max_header_list_size(LARGEST_HEADERS)
        .user_agent(concat!("cognate/", env!("CARGO_PKG_VERSION")))
}

fn client(fenced: Fenced, roots: &[Certificate]) -> Result<Client, OutgoingSettingsError> {
    // On Linux the system's roots are the files of ca-certificates, or what SSL_CERT_FILE and SSL_CERT_DIR name.
    builder(fenced.clone())
        .tls_certs_merge(roots.iter().cloned())
        .build()
        .or_else(|error| {
            // A container image without roots can still use its upstreams and loopback issuers.
            let extra_roots_only = builder(fenced).tls_certs_only(roots.iter().cloned()).build()?;
            tracing::warn!(
                error = &error as &dyn Error,
                "the system's root certificates can't be read: only the configured extra roots are trusted"
            );
            Ok(extra_roots_only)
        })
        .map_err(OutgoingSettingsError::Client)
}
