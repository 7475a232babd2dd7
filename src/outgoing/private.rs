//! Private hosts and networks that the operator opens for logins. Rule: a private address is connected to only for a
//! provider with its own host in the list, and only on listed hosts and in listed networks.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use url::Url;

use crate::model::private_network::{PrivateNetwork, can_be_opened};

/// The entries of the operator, and this server's own listeners.
#[derive(Debug, Clone, Default)]
pub(super) struct PrivateNetworks {
    pub(super) entries: Arc<[PrivateNetwork]>,
    pub(super) listeners: Arc<[SocketAddr]>,
}

/// What is open to one request.
#[derive(Debug, Clone)]
pub(super) struct OpenedNetworks {
    entries: Arc<[PrivateNetwork]>,
    /// The listeners that have the request's port.
    listeners: Vec<SocketAddr>,
    is_listed: bool,
    /// Whether the entries are of this request alone.
    is_for_one_host: bool,
}

/// Why an address is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The address can't be opened.
    Closed,
    /// The address is private, and neither it nor its host is listed.
    Unlisted,
    /// The address is listed, and the provider's own host isn't.
    UnlistedProvider,
    /// The address is a listener of this server.
    OwnListener,
}

impl Refused {
    /// Why `address` is not connected to where nothing is opened.
    pub(super) fn of(address: IpAddr) -> Self {
        if can_be_opened(address) {
            Self::Unlisted
        } else {
            Self::Closed
        }
    }
}

impl PrivateNetworks {
    /// What is open to a request to `url`; `None` if the operator opens nothing.
    pub(super) fn opened(&self, url: &Url, is_listed: bool) -> Option<OpenedNetworks> {
        self.opened_to_any_port().map(|opened| OpenedNetworks {
            listeners: self.listeners_at_port_of(url),
            is_listed,
            ..opened
        })
    }

    /// What is open to a request to another port than the listeners'; `None` if the operator opens nothing.
    pub(super) fn opened_to_any_port(&self) -> Option<OpenedNetworks> {
        (!self.entries.is_empty()).then(|| OpenedNetworks {
            entries: Arc::clone(&self.entries),
            listeners: Vec::new(),
            is_listed: true,
            is_for_one_host: false,
        })
    }

    /// What is open to a request to `url` of a provider that the operator names: the private addresses of its host alone.
    pub(super) fn opened_for_host(&self, url: &Url, host: PrivateNetwork) -> OpenedNetworks {
        OpenedNetworks {
            entries: [host].into(),
            listeners: self.listeners_at_port_of(url),
            is_listed: true,
            is_for_one_host: true,
        }
    }

    fn listeners_at_port_of(&self, url: &Url) -> Vec<SocketAddr> {
        let port = url.port_or_known_default();
        let own = self.listeners.iter().copied();
        own.filter(|own| Some(own.port()) == port).collect()
    }

    /// Whether the host of `url`, or the address that answered for it, is listed. A host that is listed only by its network
    /// counts only while its documents come from there, so that a public host can't claim it with a name server's answer.
    pub(super) fn lists(&self, url: &Url, peer: Option<SocketAddr>) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.entries
            .iter()
            .any(|entry| entry.names(host) || peer.is_some_and(|peer| entry.contains(peer.ip())))
    }
}

impl OpenedNetworks {
    /// Whether every listed host and network is open.
    pub(super) fn is_unrestricted(&self) -> bool {
        self.is_listed && self.listeners.is_empty() && !self.is_for_one_host
    }

    /// Checks an address of `host` that isn't within reach anyway.
    pub(super) fn check(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        if !can_be_opened(address) {
            return Err(Refused::Closed);
        }
        let listed = |entry: &PrivateNetwork| entry.names(host) || entry.contains(address);
        if !self.entries.iter().any(listed) {
            return Err(Refused::Unlisted);
        }
        if !self.is_listed {
            return Err(Refused::UnlistedProvider);
        }
        if self
            .listeners
            .iter()
            .any(|own| is_address_of(*own, address))
        {
            return Err(Refused::OwnListener);
        }
        Ok(())
    }
}

/// Whether a listener at `own` accepts connections to `address`. A listener on all addresses has each address of this
/// machine, and only those can be bound.
fn is_address_of(own: SocketAddr, address: IpAddr) -> bool {
    let address = address.to_canonical();
    if own.ip().is_unspecified() {
        UdpSocket::bind((address, 0)).is_ok()
    } else {
        own.ip().to_canonical() == address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(entries: &[&str], listener: Option<&str>) -> PrivateNetworks {
        PrivateNetworks {
            entries: entries.iter().map(|text| text.parse().unwrap()).collect(),
            listeners: listener
                .map(|text| text.parse().unwrap())
                .into_iter()
                .collect(),
        }
    }

    fn checked(
        networks: &PrivateNetworks,
        url: &str,
        is_listed: bool,
        address: &str,
    ) -> Result<(), Refused> {
        let url: Url = url.parse().unwrap();
        let host = url.host_str().unwrap();
        let opened = networks.opened(&url, is_listed).unwrap();
        opened.check(host, address.parse().unwrap())
    }

    #[test]
    fn an_entry_opens_its_host_or_its_network_and_nothing_else() {
        use Refused::{Closed, Unlisted};
        let networks = networks(
            &["keycloak.internal", ".corp.example", "10.20.0.0/16"],
            None,
        );
        for (host, address, answer) in [
            ("keycloak.internal", "192.168.1.1", Ok(())),
            ("keycloak.internal", "fd12::1", Ok(())),
            ("id.corp.example", "172.16.0.1", Ok(())),
            ("other.example", "10.20.3.4", Ok(())),
            ("other.example", "::ffff:10.20.3.4", Ok(())),
            ("other.example", "10.21.3.4", Err(Unlisted)),
            ("corp.example", "192.168.1.1", Err(Unlisted)),
            ("evil-keycloak.internal", "192.168.1.1", Err(Unlisted)),
            ("keycloak.internal", "127.0.0.1", Err(Closed)),
            ("keycloak.internal", "::1", Err(Closed)),
            ("keycloak.internal", "169.254.169.254", Err(Closed)),
            ("keycloak.internal", "100.100.100.200", Err(Closed)),
            ("keycloak.internal", "fe80::1", Err(Closed)),
            ("keycloak.internal", "64:ff9b::10.20.3.4", Err(Closed)),
        ] {
            let url = format!("https://{host}/");
            assert_eq!(
                checked(&networks, &url, true, address),
                answer,
                "{host} {address}"
            );
        }
    }

    #[test]
    fn a_provider_that_is_not_listed_reaches_no_private_address() {
        let networks = networks(&["keycloak.internal", "10.20.0.0/16"], None);
        for (host, address) in [
            ("keycloak.internal", "10.1.1.1"),
            ("other.example", "10.20.3.4"),
        ] {
            let url = format!("https://{host}/keys");
            let refused = checked(&networks, &url, false, address);
            assert_eq!(refused, Err(Refused::UnlistedProvider), "{host}");
        }
    }

    #[test]
    fn a_host_is_listed_by_its_name_or_by_the_address_that_answered() {
        let networks = networks(&["keycloak.internal", "10.20.0.0/16", "fd12::/16"], None);
        for (url, peer, listed) in [
            ("https://keycloak.internal/", "8.8.8.8:443", true),
            ("https://other.example/", "8.8.8.8:443", false),
            ("https://other.example/", "10.20.3.4:443", true),
            ("https://10.20.3.4/", "10.20.3.4:443", true),
            ("https://[fd12::7]/", "[fd12::7]:443", true),
            ("https://other.example/", "10.21.0.1:443", false),
        ] {
            let peer = Some(peer.parse().unwrap());
            assert_eq!(networks.lists(&url.parse().unwrap(), peer), listed, "{url}");
        }
    }

    #[test]
    fn this_servers_listener_is_not_opened() {
        let one = networks(&["10.20.0.0/16"], Some("10.20.3.4:8443"));
        for (url, address, answer) in [
            (
                "https://a.example:8443/",
                "10.20.3.4",
                Err(Refused::OwnListener),
            ),
            (
                "https://a.example:8443/",
                "::ffff:10.20.3.4",
                Err(Refused::OwnListener),
            ),
            ("https://a.example/", "10.20.3.4", Ok(())),
            ("https://a.example:8443/", "10.20.3.5", Ok(())),
        ] {
            assert_eq!(checked(&one, url, true, address), answer, "{url} {address}");
        }
        assert!(is_address_of(
            "0.0.0.0:8443".parse().unwrap(),
            "127.0.0.1".parse().unwrap()
        ));
        assert!(!is_address_of(
            "0.0.0.0:8443".parse().unwrap(),
            "10.20.3.4".parse().unwrap()
        ));
    }
}
