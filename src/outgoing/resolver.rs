//! The resolver behind the fence: the system's addresses of a name, without those out of reach. The client resolves
//! right before it connects, so the checked address is the dialled one (no DNS rebinding).

use std::io;
use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;
use super::private::{OpenedNetworks, Refused};

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Addresses on the public internet.
    Public,
    /// Addresses on the public internet or of this machine.
    PublicAndLoopback,
    /// Every address, because the operator configures the host.
    Anywhere,
}

impl Reach {
    /// Whether a connection to `address` is allowed.
    pub(super) fn covers(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::PublicAndLoopback => is_public(address) || is_loopback(address),
            Self::Anywhere => true,
        }
    }
}

/// Whether `address` is this machine, the mapped form of 127.0.0.0/8 included.
pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether `name` always means this machine: `localhost` or a name under it.
pub(super) fn is_loopback_name(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// A name without an address within reach.
#[derive(Debug, thiserror::Error)]
#[error("the host has no address that may be connected to")]
pub(super) struct OutOfReach(pub(super) Refused);

/// The system's resolver behind the fence.
#[derive(Debug, Clone)]
pub(super) struct Fenced {
    pub(super) reach: Reach,
    /// What the operator opened besides, if anything.
    pub(super) opened: Option<OpenedNetworks>,
}

impl From<Reach> for Fenced {
    fn from(reach: Reach) -> Self {
        Self {
            reach,
            opened: None,
        }
    }
}

impl Resolve for Fenced {
    fn resolve(&self, name: Name) -> Resolving {
        let fenced = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            let allowed = fenced.within(name.as_str(), found).map_err(OutOfReach)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Fenced {
    /// The addresses of `name` within reach, at least one. A loopback name keeps only loopback addresses, whatever a name
    /// server answers, because plain http is allowed for it.
    fn within(&self, name: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let here_only = self.reach != Reach::Anywhere && is_loopback_name(name);
        let mut allowed = Vec::new();
        let mut refused = Refused::Closed;
        for address in addresses {
            let ip = address.ip();
            if here_only && !is_loopback(ip) {
                continue;
            }
            match self.check(name, ip) {
                Ok(()) => allowed.push(address),
                Err(Refused::Closed) => {}
                Err(why) => refused = why,
            }
        }
        if allowed.is_empty() {
            Err(refused)
        } else {
            Ok(allowed)
        }
    }

    /// Checks an address of `host`; a literal address is its own host.
    pub(super) fn check(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        if self.reach.covers(address) {
            return Ok(());
        }
        match &self.opened {
            Some(opened) => opened.check(host, address),
            None => Err(Refused::of(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(reach: Reach, name: &str, addresses: &[&str]) -> Vec<String> {
        let addresses = addresses
            .iter()
            .map(|text| SocketAddr::new(text.parse().unwrap(), 0))
            .collect();
        Fenced::from(reach)
            .within(name, addresses)
            .unwrap_or_default()
            .iter()
            .map(|address| address.ip().to_string())
            .collect()
    }

    #[test]
    fn a_name_keeps_only_the_addresses_within_reach() {
        let mixed = ["10.0.0.1", "8.8.8.8", "127.0.0.1", "::ffff:127.0.0.1"];
        assert_eq!(reached(Reach::Public, "a.example", &mixed), ["8.8.8.8"]);
        assert_eq!(
            reached(Reach::PublicAndLoopback, "a.example", &mixed),
            ["8.8.8.8", "127.0.0.1", "::ffff:127.0.0.1"]
        );
        assert_eq!(reached(Reach::Anywhere, "a.example", &mixed), mixed);
    }

    #[test]
    fn this_machines_names_stay_here() {
        for name in ["localhost", "a.localhost"] {
            let found = reached(Reach::PublicAndLoopback, name, &["8.8.8.8", "127.0.0.1"]);
            assert_eq!(found, ["127.0.0.1"]);
            assert!(reached(Reach::Public, name, &["8.8.8.8", "127.0.0.1"]).is_empty());
        }
    }

    #[tokio::test]
    async fn a_name_without_an_address_within_reach_is_refused() {
        let refused = Fenced::from(Reach::Public)
            .resolve("localhost".parse().unwrap())
            .await;
        assert!(refused.err().unwrap().is::<OutOfReach>());
        let found = Fenced::from(Reach::PublicAndLoopback)
            .resolve("localhost".parse().unwrap())
            .await
            .unwrap();
        assert!(found.into_iter().all(|address| is_loopback(address.ip())));
    }
}
