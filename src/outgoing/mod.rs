//! The one HTTP client, with its fences. Not a client for talking to what the operator runs beside this server: what
//! is fetched here is named, at least in part, by strangers.
//!
//! No proxy from the environment, no redirect, no cookie. https to addresses on the public internet, checked where a
//! URL spells an address and again when a name is resolved for the connection; exceptions are named by the operator.
//! Everything that comes back has a bound: 2 seconds to connect, 5 seconds in all (an STS that the operator named has 10),
//! 1 MiB of body after decompression,
//! 100 header fields of 400 KiB (64 KiB in HTTP/2).

mod address;
mod fence;
mod pinned;
mod resolver;
mod settings;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::{Certificate, Client, ClientBuilder, redirect};
use url::Url;

pub use self::address::is_public;
use self::fence::Fence;
pub use self::fence::Forbidden;
use self::pinned::Authorities;
use self::resolver::{Fenced, OutOfReach, Reach};
pub use self::settings::{OutgoingSettings, OutgoingSettingsError};

/// How long a connection may take, its name's resolution and TLS included.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a request may take, from the name's resolution to the last byte of the answer.
const WHOLE: Duration = Duration::from_secs(5);
/// How long a request to an STS may take: it asks this server for keys before it answers.
const STS: Duration = Duration::from_secs(10);
/// How long an answer's body may be, decompressed.
const LARGEST: usize = 1024 * 1024;
const LARGEST_HEADERS: u32 = 64 * 1024;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The URL may not be fetched.
    #[error("the URL may not be fetched")]
    Forbidden(#[source] Forbidden),
    /// No connection, no TLS, or no answer that is HTTP.
    #[error("the host can't be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The connection or the answer took too long.
    #[error("the host took too long to answer")]
    TooSlow,
    /// TLS can't be set up.
    #[error("TLS can't be set up")]
    Tls(#[source] rustls::Error),
    /// The body is longer than 1 MiB.
    #[error("the answer is longer than 1 MiB")]
    TooLarge,
}

/// An answer, of any status.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its status. A redirect is not followed: it is an answer like any other.
    pub status: StatusCode,
    /// Its body, decompressed; at most 1 MiB.
    pub body: Bytes,
    /// How long it may be kept, where it says so; zero where it says that it may not.
    pub max_age: Option<Duration>,
}

/// The client.
#[derive(Debug)]
pub struct Outgoing {
    fence: Fence,
    /// For what strangers name.
    fenced: Client,
    /// For upstreams, which the operator named.
    open: Client,
    /// Where there are private authorities beside the well-known ones.
    authorities: Option<Arc<Authorities>>,
}

impl Outgoing {
    /// A client with these settings. rustls's provider must be installed in the process; the system's roots are read
    /// once, here.
    pub fn new(settings: OutgoingSettings) -> Result<Self, OutgoingSettingsError> {
        let roots = settings.check()?;
        let reach = if settings.allow_http_loopback {
            Reach::PublicAndLoopback
        } else {
            Reach::Public
        };
        let authorities = Authorities::new(&settings.extra_roots);
        Ok(Self {
            authorities: authorities.map(Arc::new),
            fence: Fence {
                upstreams: settings.upstreams,
                allow_http_loopback: settings.allow_http_loopback,
            },
            fenced: client(reach, &roots)?,
            open: client(Reach::Anywhere, &roots)?,
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

    /// Fetches `url` with GET. Where the host's certificate leads to none but the operator's extra roots, one of the
    /// certificates that it shows must have one of `thumbprints`, SHA-1 in hexadecimal digits; none given, none is
    /// wanted. An upstream's certificate is compared with nothing: the operator named it.
    pub async fn get_pinned(
        &self,
        url: &str,
        thumbprints: &[String],
    ) -> Result<Fetched, OutgoingError> {
        let admitted = self.fence.admit(url).map_err(OutgoingError::Forbidden)?;
        let authorities = match (&self.authorities, admitted.reach) {
            (Some(authorities), Reach::Public | Reach::PublicAndLoopback)
                if !thumbprints.is_empty() =>
            {
                authorities
            }
            _ => return self.get(url).await,
        };
        let tls = authorities
            .config(thumbprints)
            .map_err(OutgoingError::Tls)?;
        let client = builder(admitted.reach)
            .tls_backend_preconfigured(tls)
            .build()
            .map_err(OutgoingError::Unreachable)?;
        send(&client, Method::GET, admitted.url, WHOLE, |request| request).await
    }

    /// Sends `body` with these headers to `url` with POST. It is sent once: who sends it again decides that.
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Fetched, OutgoingError> {
        let with = |request: reqwest::RequestBuilder| request.headers(headers).body(body);
        self.ask(Method::POST, url, with).await
    }

    /// As [`Outgoing::post`], to an STS that the operator named: it may have a private address, and 10 seconds to answer.
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
        send(&self.open, Method::POST, admitted, STS, with).await
    }

    async fn ask(
        &self,
        method: Method,
        url: &str,
        with: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Result<Fetched, OutgoingError> {
        let admitted = self.fence.admit(url).map_err(OutgoingError::Forbidden)?;
        let client = match admitted.reach {
            Reach::Anywhere => &self.open,
            Reach::Public | Reach::PublicAndLoopback => &self.fenced,
        };
        send(client, method, admitted.url, WHOLE, with).await
    }
}

async fn send(
    client: &Client,
    method: Method,
    url: Url,
    patience: Duration,
    with: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
) -> Result<Fetched, OutgoingError> {
    let request = client
        .request(method, url)
        .timeout(patience)
        .header(header::ACCEPT, "application/json");
    tokio::time::timeout(patience, fetch(with(request)))
        .await
        .unwrap_or(Err(OutgoingError::TooSlow))
}

async fn fetch(request: reqwest::RequestBuilder) -> Result<Fetched, OutgoingError> {
    let mut answer = request.send().await.map_err(failed)?;
    let max_age = max_age(answer.headers());
    let mut body = BytesMut::new();
    // Counted behind the decompression, so that a bomb is cut off while it still unfolds.
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(OutgoingError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched {
        status: answer.status(),
        body: body.freeze(),
        max_age,
    })
}

/// What a failed request means here. The URL goes: the log has it already.
fn failed(error: reqwest::Error) -> OutgoingError {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<OutOfReach>() {
            return OutgoingError::Forbidden(Forbidden::Address);
        }
        source = cause.source();
    }
    if error.is_timeout() {
        return OutgoingError::TooSlow;
    }
    OutgoingError::Unreachable(error.without_url())
}

/// The smallest time that `Cache-Control` names.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
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

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that makes a client"
)]
fn builder(reach: Reach) -> ClientBuilder {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .referer(false)
        .dns_resolver(Fenced(reach))
        .connect_timeout(CONNECT)
        .http2_max_header_list_size(LARGEST_HEADERS)
        .user_agent(concat!("cognate/", env!("CARGO_PKG_VERSION")))
}

fn client(reach: Reach, roots: &[Certificate]) -> Result<Client, OutgoingSettingsError> {
    // On Linux the system's roots are the files of ca-certificates, or what SSL_CERT_FILE and SSL_CERT_DIR name.
    builder(reach)
        .tls_certs_merge(roots.iter().cloned())
        .build()
        .or_else(|error| {
            // An image without any roots still serves its own upstreams and loopback issuers; https then finds no trust.
            let only_given = builder(reach).tls_certs_only(roots.iter().cloned()).build()?;
            tracing::warn!(
                error = &error as &dyn Error,
                "the system's root certificates can't be read: https hosts are trusted by the extra roots alone"
            );
            Ok(only_given)
        })
        .map_err(OutgoingSettingsError::Client)
}
