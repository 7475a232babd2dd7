//! The `http://` issuers that the operator names. Pure; `fence` asks it. Only the discovery document of such an issuer is
//! fetched, and what is at its own scheme, host and port, for example its key set. Naming an issuer opens a private
//! address of its host, too.

use std::net::IpAddr;

use url::{Host, Url};

use crate::model::issuer::discovery_url;
use crate::model::private_network::PrivateNetwork;

/// The discovery documents of the named issuers.
#[derive(Debug, Clone, Default)]
pub(super) struct NamedHttpIssuers(Vec<Url>);

impl NamedHttpIssuers {
    /// The issuers with these URLs. A URL that isn't http is ignored.
    pub(super) fn new(issuers: &[String]) -> Self {
        let urls = issuers.iter();
        let urls = urls.filter_map(|issuer| Url::parse(&discovery_url(issuer)).ok());
        Self(urls.filter(|url| url.scheme() == "http").collect())
    }

    /// Whether `url` is the discovery document of a named issuer.
    pub(super) fn publish(&self, url: &Url) -> bool {
        self.0.contains(url)
    }

    /// Whether `url` is at the scheme, host and port of a named issuer.
    pub(super) fn are_at(&self, url: &Url) -> bool {
        self.0.iter().any(|own| own.origin() == url.origin())
    }
}

/// The entry that opens the private addresses of one host.
pub(super) fn entry_of(host: &Host<String>) -> PrivateNetwork {
    match host {
        Host::Domain(name) => PrivateNetwork::Host(name.clone()),
        Host::Ipv4(address) => PrivateNetwork::Network(IpAddr::V4(*address).into()),
        Host::Ipv6(address) => PrivateNetwork::Network(IpAddr::V6(*address).into()),
    }
}
