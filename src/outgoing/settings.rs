//! The operator's settings for outgoing requests, and their checks. `config` reads them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use reqwest::Certificate;
use url::Url;

use crate::model::private_network::PrivateNetwork;

/// The operator's settings for outgoing requests. The default: the public internet, and the system's roots.
#[derive(Debug, Clone, Default)]
pub struct OutgoingSettings {
    /// Upstreams by `HOST` or `HOST:PORT` in lower case: `https://HOST/path` is fetched from `BASE/path` instead. A base
    /// may be http, loopback or private, because the operator configures it.
    pub upstreams: BTreeMap<String, Url>,
    /// Whether `http://` is allowed to loopback hosts, and loopback as an address.
    pub allow_http_loopback: bool,
    /// The `http://` issuers that are fetched from wherever they are, by their URLs in canonical form.
    pub http_issuers: Vec<String>,
    /// Certificates in PEM of private authorities, trusted in addition to the system's roots; may be empty.
    pub extra_roots: Vec<u8>,
    /// Private hosts and networks that logins may be fetched from; may be empty.
    pub private_networks: Vec<PrivateNetwork>,
    /// The addresses of this server's listeners, which no entry of `private_networks` opens.
    pub listeners: Vec<SocketAddr>,
}

/// Why a client can't have these settings.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingSettingsError {
    /// An upstream's host isn't written as in a URL.
    #[error("{0:?} is not a host of an https URL: write HOST or HOST:PORT, in lower case")]
    UpstreamHost(String),
    /// An upstream's base can't be fetched from.
    #[error("an upstream's base is an http or https URL without user name, query or fragment: {0}")]
    UpstreamBase(Url),
    /// The extra roots aren't certificates.
    #[error("the extra root certificates are not certificates in PEM")]
    ExtraRoots(#[source] Option<reqwest::Error>),
    /// The client's TLS can't be set up.
    #[error("the HTTP client can't be set up")]
    Client(#[source] reqwest::Error),
}

impl OutgoingSettings {
    /// Refuses settings that can't work; answers the extra roots.
    pub(super) fn check(&self) -> Result<Vec<Certificate>, OutgoingSettingsError> {
        for (host, base) in &self.upstreams {
            check_upstream(host, base)?;
        }
        extra_roots(&self.extra_roots)
    }
}

fn check_upstream(host: &str, base: &Url) -> Result<(), OutgoingSettingsError> {
    let as_written = Url::parse(&format!("https://{host}/"))
        .is_ok_and(|url| url.authority() == host && url.path() == "/" && url.port() != Some(0));
    if !as_written || host.contains('@') {
        return Err(OutgoingSettingsError::UpstreamHost(host.to_owned()));
    }
    let plain = matches!(base.scheme(), "http" | "https")
        && base.username().is_empty()
        && base.password().is_none()
        && base.query().is_none()
        && base.fragment().is_none()
        && base.port() != Some(0);
    if plain {
        Ok(())
    } else {
        Err(OutgoingSettingsError::UpstreamBase(base.clone()))
    }
}

pub(super) fn extra_roots(pem: &[u8]) -> Result<Vec<Certificate>, OutgoingSettingsError> {
    let roots = Certificate::from_pem_bundle(pem)
        .map_err(|error| OutgoingSettingsError::ExtraRoots(Some(error)))?;
    if roots.is_empty() && !pem.is_empty() {
        return Err(OutgoingSettingsError::ExtraRoots(None));
    }
    Ok(roots)
}
