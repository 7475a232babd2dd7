//! Where logins may be fetched from besides the public internet: the entries of `logins.private_networks`. Pure;
//! `outgoing` asks it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The metadata services of clouds outside the link-local networks, which are closed as a whole. No entry opens them.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba Cloud
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),     // Oracle Cloud, classic
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // AWS
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), // Google Cloud
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)), // Oracle Cloud
];

/// The private networks: only addresses inside them can be opened by an entry. Loopback, link-local, multicast and
/// translated addresses are in none of them.
const PRIVATE_V4: [Ipv4Net; 8] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10), // behind a carrier's NAT, and overlay networks
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 2, 0), 24), // documentation
    Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 15), // benchmarking
    Ipv4Net::new_assert(Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    Ipv4Net::new_assert(Ipv4Addr::new(203, 0, 113, 0), 24), // documentation
];

/// The private networks of IPv6: unique local addresses.
const PRIVATE_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateNetwork {
    /// This host: `keycloak.internal`. It may have any private address.
    Host(String),
    /// All hosts below this domain, by whole labels: `.internal`, held without its dot. They may have any private address.
    Below(String),
    /// All hosts with an address in this network: `10.0.0.0/8`.
    Network(IpNet),
}

/// Why a string isn't an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrivateNetworkError {
    /// The string is neither a host, a suffix nor a network.
    #[error("it is not a host, a suffix or a network")]
    Form,
    /// The address of the network has bits outside the prefix.
    #[error("its address has bits that its prefix does not cover")]
    HostBits,
    /// The network isn't private, or it is loopback, link-local or a metadata service.
    #[error(
        "it is not inside a private network (loopback, link-local and metadata addresses are never fetched from)"
    )]
    NotPrivate,
    /// The name always means this machine.
    #[error("it is this machine, which logins are never fetched from")]
    Loopback,
}

/// Whether an entry may open `address` at all.
pub fn can_be_opened(address: IpAddr) -> bool {
    !is_metadata(address)
        && match address.to_canonical() {
            IpAddr::V4(address) => PRIVATE_V4.iter().any(|net| net.contains(&address)),
            IpAddr::V6(address) => PRIVATE_V6.contains(&address),
        }
}

/// Whether `address` is a metadata service outside the link-local networks.
pub fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&address.to_canonical())
}

impl PrivateNetwork {
    /// Whether the entry names `host`, a host of a URL without brackets. A network names the addresses in it.
    pub fn names(&self, host: &str) -> bool {
        match self {
            Self::Host(name) => host == name,
            Self::Below(domain) => host
                .strip_suffix(domain.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty()),
            Self::Network(_) => host.parse().is_ok_and(|address| self.contains(address)),
        }
    }

    /// Whether the entry is a network with `address`.
    pub fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Network(network) => network.contains(&address.to_canonical()),
            Self::Host(_) | Self::Below(_) => false,
        }
    }
}

impl FromStr for PrivateNetwork {
    type Err = PrivateNetworkError;

    fn from_str(text: &str) -> Result<Self, PrivateNetworkError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return network(address.into());
        }
        if text.contains(['/', ':']) {
            return network(text.parse().map_err(|_| PrivateNetworkError::Form)?);
        }
        let below = text.strip_prefix("*.").or(text.strip_prefix('.'));
        let name = below.unwrap_or(text);
        if !is_host(name) {
            return Err(PrivateNetworkError::Form);
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return Err(PrivateNetworkError::Loopback);
        }
        let name = name.to_owned();
        Ok(below.map_or(Self::Host(name.clone()), |_| Self::Below(name)))
    }
}

fn network(network: IpNet) -> Result<PrivateNetwork, PrivateNetworkError> {
    let inside = match network {
        IpNet::V4(inner) => PRIVATE_V4.iter().any(|outer| outer.contains(&inner)),
        IpNet::V6(inner) => PRIVATE_V6.contains(&inner),
    };
    if network.trunc() != network {
        return Err(PrivateNetworkError::HostBits);
    }
    let one = network.prefix_len() == network.max_prefix_len();
    if !inside || (one && !can_be_opened(network.addr())) {
        return Err(PrivateNetworkError::NotPrivate);
    }
    Ok(PrivateNetwork::Network(network))
}

/// Whether `name` is a host name as URLs have it: labels in lower case, and the last isn't a number.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.split('.').all(label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for PrivateNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => formatter.write_str(name),
            Self::Below(domain) => write!(formatter, ".{domain}"),
            Self::Network(network) => write!(formatter, "{network}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> PrivateNetwork {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_entry_is_a_host_a_suffix_or_a_network() {
        for (text, shown) in [
            ("keycloak.internal", "keycloak.internal"),
            ("keycloak", "keycloak"),
            ("id_1.corp-2.example", "id_1.corp-2.example"),
            (".svc.cluster.local", ".svc.cluster.local"),
            ("*.corp.example", ".corp.example"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.168.7.0/24", "192.168.7.0/24"),
            ("100.64.0.0/10", "100.64.0.0/10"),
            ("172.16.5.4", "172.16.5.4/32"),
            ("fd12:3456::/32", "fd12:3456::/32"),
            ("fd12::1", "fd12::1/128"),
        ] {
            assert_eq!(entry(text).to_string(), shown);
        }
    }

    #[test]
    fn every_other_string_is_refused() {
        use PrivateNetworkError::{Form, HostBits, Loopback, NotPrivate};
        for (text, why) in [
            ("", Form),
            (".", Form),
            ("*", Form),
            ("*.", Form),
            ("a..b", Form),
            ("a.", Form),
            ("Keycloak.internal", Form),
            ("keycloak.internal:8443", Form),
            ("https://keycloak.internal", Form),
            ("keyclöak.internal", Form),
            ("-a.internal", Form),
            ("*.*.internal", Form),
            ("a*.internal", Form),
            ("10.0.0", Form),
            ("10.0.0.0/33", Form),
            ("10.0.0.0/8/8", Form),
            ("10.1.0.0/8", HostBits),
            ("fd12::1/32", HostBits),
            ("0.0.0.0/0", NotPrivate),
            ("::/0", NotPrivate),
            ("8.8.8.0/24", NotPrivate),
            ("8.0.0.0/6", NotPrivate),
            ("127.0.0.0/8", NotPrivate),
            ("127.0.0.1", NotPrivate),
            ("::1", NotPrivate),
            ("169.254.0.0/16", NotPrivate),
            ("169.254.169.254", NotPrivate),
            ("100.100.100.200", NotPrivate),
            ("168.63.129.16", NotPrivate),
            ("fe80::/10", NotPrivate),
            ("fd00:ec2::254", NotPrivate),
            ("::ffff:10.0.0.1", NotPrivate),
            ("64:ff9b::/96", NotPrivate),
            ("224.0.0.0/4", NotPrivate),
            ("240.0.0.0/4", NotPrivate),
            ("localhost", Loopback),
            ("a.localhost", Loopback),
            (".localhost", Loopback),
        ] {
            assert_eq!(text.parse::<PrivateNetwork>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_name_matches_whole_labels() {
        for (text, host, names) in [
            ("keycloak.internal", "keycloak.internal", true),
            ("keycloak.internal", "a.keycloak.internal", false),
            ("keycloak.internal", "akeycloak.internal", false),
            ("keycloak.internal", "keycloak.internal.example.com", false),
            ("keycloak.internal", "keycloak.internal.", false),
            (".corp.example", "id.corp.example", true),
            (".corp.example", "a.b.corp.example", true),
            (".corp.example", "corp.example", false),
            (".corp.example", ".corp.example", false),
            (".corp.example", "evilcorp.example", false),
            (".corp.example", "corp.example.com", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/8", "10.1.2.3.example.com", false),
            ("fd12::/16", "fd12::7", true),
        ] {
            assert_eq!(entry(text).names(host), names, "{text} {host}");
        }
    }

    #[test]
    fn no_entry_opens_this_machine_or_a_metadata_service() {
        for text in [
            "127.0.0.1",
            "127.255.0.9",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "::",
            "169.254.169.254",
            "169.254.170.2",
            "::ffff:169.254.169.254",
            "100.100.100.200",
            "::ffff:100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fe80::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "224.0.0.1",
            "255.255.255.255",
            "ff02::1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:0a00:0001::1",
            "::10.0.0.1",
        ] {
            assert!(!can_be_opened(text.parse().unwrap()), "{text}");
        }
        for text in [
            "10.0.0.1",
            "::ffff:10.0.0.1",
            "172.31.0.9",
            "192.168.1.1",
            "fd12::1",
        ] {
            assert!(can_be_opened(text.parse().unwrap()), "{text}");
        }
    }
}
