//! The connection of a request, as the condition keys about it describe it: the client is the peer, or what trusted proxies
//! say.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use http::HeaderMap;
use http::header::{HeaderName, REFERER, USER_AGENT};

use super::App;
use crate::config::ProxySettings;
use crate::permits::shares::ClientNetwork;

/// The connection that a request came on. Without a connection, a call comes from this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// The client's address: the peer's, or the one that a trusted proxy named.
    pub client: Option<IpAddr>,
    /// The address of the connection's other end: a proxy's, or the client's.
    pub peer: Option<IpAddr>,
    /// Whether the connection's other end is a trusted proxy.
    pub is_by_trusted_proxy: bool,
    /// Whether the client used TLS, as far as this server can know it.
    pub is_secure: bool,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// The header `Referer`.
    pub referer: Option<String>,
}

impl Connection {
    /// The connection of a request with these headers. Without a peer (in a test without sockets), the client is unknown.
    pub fn new(app: &App, peer: Option<IpAddr>, headers: &HeaderMap) -> Self {
        let peer = peer.map(|peer| peer.to_canonical());
        let proxies = &app.live.proxies.load();
        let config = &app.config;
        let by_proxy = peer.is_some_and(|peer| is_trusted(proxies, peer));
        if !by_proxy && headers.contains_key(&proxies.header) {
            warn_of_unnamed(app, peer, proxies);
        }
        let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
        Self {
            client: peer.map(|peer| client(proxies, peer, headers)),
            peer,
            is_by_trusted_proxy: by_proxy,
            // A trusted proxy serves the public URL.
            is_secure: config.tls.is_some() || by_proxy && config.has_https_public_url(),
            user_agent: text(USER_AGENT),
            referer: text(REFERER),
        }
    }

    /// The network that the call counts for. Calls without a connection count for an address of their own.
    pub fn network(&self) -> ClientNetwork {
        self.client
            .map_or(ClientNetwork::THIS_PROCESS, ClientNetwork::new)
    }
}

/// Warns, once an hour, of a peer that names a client and isn't a trusted proxy: the operator may have forgotten it.
fn warn_of_unnamed(app: &App, peer: Option<IpAddr>, proxies: &ProxySettings) {
    let now = app.ambient.now().as_second();
    let warned = &app.live.warned_of_unnamed;
    let before = warned.load(Ordering::Relaxed);
    let is_due = now - before >= 3600;
    if is_due
        && let Some(peer) = peer
        && warned
            .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    {
        let header = proxies.header.as_str();
        tracing::warn!(
            %peer,
            header,
            "a peer that trusted_proxies doesn't have sent the header that names clients, which counts for nothing: if it is \
             your proxy, add its address"
        );
    }
}

/// The address of the client behind `peer`: from the right of the header, the first that isn't a trusted proxy. If the
/// header is missing or an address in it can't be read, the client is the peer.
fn client(proxies: &ProxySettings, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !is_trusted(proxies, peer) {
        return peer;
    }
    let lines = headers.get_all(&proxies.header).iter();
    let Ok(lines) = lines
        .map(|line| line.to_str())
        .collect::<Result<Vec<_>, _>>()
    else {
        return peer;
    };
    let mut client = peer;
    for text in lines.join(",").rsplit(',') {
        let Some(address) = address(text.trim()) else {
            return peer;
        };
        client = address;
        if !is_trusted(proxies, address) {
            break;
        }
    }
    client
}

/// Parses an address, also with a port: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

fn is_trusted(proxies: &ProxySettings, address: IpAddr) -> bool {
    proxies.trusted.iter().any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client_of(peer: &str, lines: &[&str]) -> String {
        let proxies = ProxySettings {
            trusted: ["10.0.0.0/8", "fd00::/8"]
                .map(|net| net.parse().unwrap())
                .into(),
            ..ProxySettings::default()
        };
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append("x-forwarded-for", line);
        }
        let peer: IpAddr = peer.parse().unwrap();
        client(&proxies, peer.to_canonical(), &headers).to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_no_trusted_proxy_has() {
        for (lines, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            (
                &["203.0.113.9", "192.0.2.1, 10.1.1.1", "10.2.2.2"],
                "192.0.2.1",
            ),
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["10.3.3.3, 10.1.1.1"], "10.3.3.3"),
        ] {
            assert_eq!(client_of("10.0.0.1", lines), expected, "{lines:?}");
            assert_eq!(client_of("::ffff:10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_header_that_can_t_be_read_or_of_another_peer_counts_for_nothing() {
        for lines in [
            &[][..],
            &[""],
            &["unknown"],
            &["192.0.2.1, _hidden"],
            &["192.0.2.1, 10.1.1.1,"],
            &["192.0.2.1", "\u{e9}"],
            &["192.0.2.1 10.0.0.2"],
        ] {
            assert_eq!(client_of("10.0.0.1", lines), "10.0.0.1", "{lines:?}");
        }
        assert_eq!(client_of("198.51.100.7", &["192.0.2.1"]), "198.51.100.7");
    }
}
