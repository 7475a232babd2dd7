//! Leases: one server at a time does a shared duty. A fence number rises with every new owner, so that a late write of
//! an owner that lost its lease is refused.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// A request to take or prolong a lease.
#[derive(Debug, Clone)]
pub struct LeaseRequest {
    /// The duty, such as `maintenance`.
    pub name: &'static str,
    /// The server that asks.
    pub owner: Uuid,
    /// The moment of the request, in whole milliseconds.
    pub now: Timestamp,
    /// Until when the lease is to last.
    pub until: Timestamp,
}

impl LeaseRequest {
    /// The same request on a clock that is ahead by `offset`.
    #[must_use]
    pub fn on_clock(&self, offset: SignedDuration) -> Self {
        Self {
            now: self.now + offset,
            until: self.until + offset,
            ..self.clone()
        }
    }

    /// The proof that this request got the lease as its owner number `number`.
    pub fn fence(&self, number: u64) -> LeaseFence {
        let name = self.name;
        LeaseFence { name, number }
    }
}

/// A lease as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The server that holds it.
    pub owner: Uuid,
    /// When it ends.
    pub until: Timestamp,
    /// How many owners it has had, from 1.
    pub fence: u64,
}

/// The proof of holding a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseFence {
    /// The duty.
    pub name: &'static str,
    /// The number of this owner.
    pub number: u64,
}

impl LeaseFence {
    /// Whether no other owner has held the lease since, where `held` is stored.
    pub fn is_newest(&self, held: Option<Lease>) -> bool {
        held.is_some_and(|held| held.fence == self.number)
    }
}

/// The lease after `request`, where `held` is stored; `None` while another owner holds it.
pub fn decide(request: &LeaseRequest, held: Option<Lease>) -> Option<Lease> {
    let fence = match held {
        None => 1,
        Some(held) if held.owner == request.owner => held.fence,
        Some(held) if held.until <= request.now => held.fence + 1,
        Some(_) => return None,
    };
    Some(Lease {
        owner: request.owner,
        until: request.until,
        fence,
    })
}
