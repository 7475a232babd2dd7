//! Amounts that are bounded in total and for each client, by dynamic thresholds: a client may use as much as it leaves free.
//! One client alone gets half, two get a third each, and a new client always finds something free.
//! <https://doi.org/10.1109/90.664262>

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The network that a client is counted under: its IPv4 address, or the /64 of its IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// The address that calls without a client count for.
    pub const THIS_PROCESS: Self = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

    /// The network of an address.
    pub fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            address @ IpAddr::V4(_) => address,
        })
    }

    /// The network around it, which one provider or company usually has: the /16 of an IPv4 address, the /32 of an IPv6
    /// address.
    pub(super) fn surrounding(self) -> Self {
        Self(match self.0 {
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() >> 16 << 16)),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 96 << 96)),
        })
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(formatter),
            IpAddr::V6(network) => write!(formatter, "{network}/64"),
        }
    }
}

/// An amount that clients share.
#[derive(Debug)]
pub struct Shares {
    total: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    total: usize,
    /// Only clients that use something, so the size is bounded by the total.
    by_client: HashMap<ClientNetwork, usize, foldhash::fast::RandomState>,
}

impl Shares {
    /// At most `total` for all clients.
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Self {
            total,
            used: Mutex::default(),
        })
    }

    /// A share of nothing yet.
    pub fn share(self: &Arc<Self>, client: ClientNetwork) -> Share {
        Share {
            shares: Arc::clone(self),
            client,
            amount: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An amount that one client uses until this value is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    client: ClientNetwork,
    amount: usize,
}

impl Share {
    /// Takes `more`; `false`, without taking anything, if the client would use more than it leaves free.
    #[must_use]
    pub fn grow(&mut self, more: usize) -> bool {
        let mut used = self.shares.lock();
        let fits = more <= used.left(self.shares.total, self.client);
        if fits {
            used.add(self.client, more);
            self.amount += more;
        }
        fits
    }

    /// Takes `most`, or what is left of the client's share if that is less. Others lose nothing by it.
    pub fn grow_up_to(&mut self, most: usize) {
        let mut used = self.shares.lock();
        let more = most.min(used.left(self.shares.total, self.client));
        used.add(self.client, more);
        self.amount += more;
    }
}

impl Used {
    /// How much more a client may use, so that it leaves as much free as it uses.
    fn left(&self, total: usize, client: ClientNetwork) -> usize {
        let own = self.by_client.get(&client).copied().unwrap_or(0);
        (total - self.total).saturating_sub(own) / 2
    }

    fn add(&mut self, client: ClientNetwork, more: usize) {
        if more > 0 {
            self.total += more;
            *self.by_client.entry(client).or_default() += more;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        let mut used = self.shares.lock();
        used.total -= self.amount;
        let own = used.by_client.get(&self.client).copied().unwrap_or(0);
        if own > self.amount {
            used.by_client.insert(self.client, own - self.amount);
        } else {
            used.by_client.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientNetwork {
        ClientNetwork::new(address.parse().unwrap())
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
        assert_eq!(client("192.0.2.1"), client("::ffff:192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:0:0:2"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
    }

    fn takes(shares: &Arc<Shares>, last: u8, most: usize) -> (Share, usize) {
        let mut share = shares.share(client(&format!("192.0.2.{last}")));
        let taken = (0..most).take_while(|_| share.grow(1)).count();
        (share, taken)
    }

    #[test]
    fn a_client_uses_no_more_than_it_leaves_free() {
        let shares = Shares::new(100);
        let (one, taken) = takes(&shares, 1, 100);
        assert_eq!(taken, 50);
        assert!(
            !shares.share(client("192.0.2.1")).grow(1),
            "also by another share"
        );
        let (two, taken) = takes(&shares, 2, 100);
        assert_eq!(taken, 25);
        drop(one);
        let (more, taken) = takes(&shares, 2, 100);
        assert_eq!(taken, 25, "half in all");
        drop((two, more));
        assert_eq!(shares.lock().total, 0);
        assert!(shares.lock().by_client.is_empty());
    }

    #[test]
    fn a_flood_of_many_clients_leaves_something_for_a_new_one() {
        let shares = Shares::new(1 << 20);
        let mut flood: Vec<_> = (0..200)
            .map(|last| shares.share(client(&format!("192.0.2.{last}"))))
            .collect();
        for _ in 0..(1 << 12) {
            for share in &mut flood {
                let _ = share.grow(64);
            }
        }
        let left = takes(&shares, 201, 1 << 20).1;
        assert!(left > 2048, "{left}");
    }

    #[test]
    fn what_can_t_be_refused_takes_no_more_than_the_share() {
        let shares = Shares::new(100);
        let mut share = shares.share(client("192.0.2.1"));
        share.grow_up_to(1000);
        assert_eq!(share.amount, 50);
        assert!(!shares.share(client("192.0.2.1")).grow(1));
        assert!(shares.share(client("192.0.2.2")).grow(25));
        share.grow_up_to(1);
        drop(share);
        assert!(shares.lock().by_client.is_empty());
    }
}
