//! The proxies in front of the server, which name the addresses of clients.

use http::HeaderName;
use http::header::FORWARDED;
use ipnet::IpNet;

use super::Config;
use super::sections::{SummaryLine, joined};
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError, quoted};
use super::source::lists::items_in;
use super::source::setting::settings;

settings! {
    TRUSTED_PROXIES = "trusted_proxies" reloaded();
    CLIENT_ADDRESS_HEADER = "client_address_header" reloaded();
}

/// The proxies that may name the addresses of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySettings {
    /// The networks of the proxies. Empty by default: the client is the peer.
    pub trusted: Vec<IpNet>,
    /// The header to which each proxy adds the address of its own client, at the end.
    pub header: HeaderName,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            trusted: Vec::new(),
            header: HeaderName::from_static("x-forwarded-for"),
        }
    }
}

pub(super) fn read(sources: &mut Sources<'_>) -> ProxySettings {
    let networks = sources.list(
        TRUSTED_PROXIES,
        &[],
        |entry: &ProxyNetwork| &entry.text,
        network,
        |value| items_in(value, network),
    );
    let networks = networks.or(Vec::new()).into_iter();
    let header = sources.string(CLIENT_ADDRESS_HEADER, None, header);
    ProxySettings {
        trusted: networks.map(|entry| entry.network).collect(),
        header: header.or(ProxySettings::default().header),
    }
}

/// An entry with its spelling, by which it is known.
struct ProxyNetwork {
    text: String,
    network: IpNet,
}

fn network(text: &str) -> Parsed<ProxyNetwork> {
    let network: Option<IpNet> = text.parse().ok();
    // Every address would be a proxy, and nothing would be left to be a client.
    let network = network.filter(|network| network.prefix_len() > 0);
    let network = network.ok_or_else(|| {
        let what = format!("{} is not a network of proxies", quoted(text));
        ValueError::new(
            what,
            "write an address and a prefix length, for example 10.0.0.0/8 or 192.0.2.7/32",
        )
    });
    Ok(ProxyNetwork {
        text: text.to_owned(),
        network: network?,
    })
}

fn header(text: &str) -> Parsed<HeaderName> {
    let name: Option<HeaderName> = text.parse().ok();
    // `Forwarded` has a syntax of its own.
    name.filter(|name| *name != FORWARDED).ok_or_else(|| {
        let what = format!("{} is not a header with a list of addresses", quoted(text));
        ValueError::new(
            what,
            "name a header such as X-Forwarded-For; the header Forwarded is not supported",
        )
    })
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let proxies = &config.proxies;
    let client = if proxies.trusted.is_empty() {
        "the address of the connection".to_owned()
    } else {
        let (header, trusted) = (&proxies.header, joined(&proxies.trusted, ""));
        format!(
            "from {header} behind the proxies {trusted}, otherwise the address of the connection"
        )
    };
    vec![("clients", client)]
}
