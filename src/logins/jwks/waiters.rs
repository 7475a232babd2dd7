//! The waiters for keys that an issuer's set doesn't have, in a bounded queue. The caller decides what eviction means.
//!
//! Many calls ask for a new key, and a flood of invented key ids has one call for each. So slots belong to key ids, and
//! the calls for one key share a slot. If all slots are taken, the oldest slot with one call only is evicted for the new
//! key. So a flood of invented keys evicts itself, and neither it nor many calls with one invented key block the calls
//! for another key.

use std::collections::HashMap;

use tokio::sync::watch;

/// The number of slots.
pub(super) const SLOTS: usize = 256;
/// The number of waiting calls beside the first one of each slot.
pub(super) const SHARING: usize = 256;

/// The waiting calls by key id; tokens without a key id share one slot.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    slots: HashMap<Option<String>, Slot>,
    calls: usize,
    arrivals: u64,
}

#[derive(Debug)]
struct Slot {
    number: u64,
    calls: usize,
    /// Dropped when the slot is evicted.
    alive: watch::Sender<()>,
}

/// A waiting call.
#[derive(Debug)]
pub(super) struct Waiter {
    kid: Option<String>,
    number: u64,
    alive: watch::Receiver<()>,
}

impl Waiters {
    /// Adds a call that wants the key `kid`; `None` if the queue is full.
    pub(super) fn add(&mut self, kid: Option<&str>) -> Option<Waiter> {
        let kid = kid.map(str::to_owned);
        if !self.slots.contains_key(&kid) {
            if self.slots.len() >= SLOTS {
                self.evict()?;
            }
            self.arrivals += 1;
            let slot = Slot {
                number: self.arrivals,
                calls: 0,
                alive: watch::Sender::new(()),
            };
            self.slots.insert(kid.clone(), slot);
        } else if self.calls - self.slots.len() >= SHARING {
            return None;
        }
        let slot = self.slots.get_mut(&kid)?;
        slot.calls += 1;
        self.calls += 1;
        Some(Waiter {
            kid,
            number: slot.number,
            alive: slot.alive.subscribe(),
        })
    }

    /// Evicts the oldest slot with one call; `None` if every slot has several calls.
    fn evict(&mut self) -> Option<()> {
        let single = self.slots.iter().filter(|(_, slot)| slot.calls == 1);
        let oldest = single.min_by_key(|(_, slot)| slot.number);
        let kid = oldest.map(|(kid, _)| kid.clone())?;
        self.slots.remove(&kid);
        self.calls -= 1;
        Some(())
    }

    /// Removes a call.
    pub(super) fn remove(&mut self, waiter: &Waiter) {
        let Some(slot) = self.slots.get_mut(&waiter.kid) else {
            return;
        };
        // The slot of an evicted waiter may belong to other calls now.
        if slot.number != waiter.number {
            return;
        }
        slot.calls -= 1;
        self.calls -= 1;
        if slot.calls == 0 {
            self.slots.remove(&waiter.kid);
        }
    }

    /// The number of waiting calls.
    #[cfg(test)]
    pub(super) fn calls(&self) -> usize {
        self.calls
    }
}

impl Waiter {
    /// Waits until the call's slot is evicted.
    pub(super) async fn evicted(&mut self) {
        while self.alive.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_waiting(waiter: &Waiter) -> bool {
        waiter.alive.has_changed().is_ok()
    }

    #[test]
    fn a_flood_of_keys_evicts_itself_and_not_the_calls_for_one_key() {
        let mut waiters = Waiters::default();
        let friends: Vec<_> = (0..64).map(|_| waiters.add(Some("new")).unwrap()).collect();
        let flood: Vec<_> = (0..10_000)
            .map(|n| waiters.add(Some(&n.to_string())).unwrap())
            .collect();
        assert!(friends.iter().all(is_waiting));
        let (out, inside) = flood.split_at(flood.len() - (SLOTS - 1));
        assert!(inside.iter().all(is_waiting) && !out.iter().any(is_waiting));
        assert_eq!(waiters.calls, friends.len() + inside.len());
        for waiter in friends.iter().chain(&flood) {
            waiters.remove(waiter);
        }
        assert_eq!((waiters.calls, waiters.slots.len()), (0, 0));
    }

    #[test]
    fn a_new_key_in_a_full_queue_waits_a_while_for_a_second_call() {
        let mut waiters = Waiters::default();
        let mut flood = 0..;
        let mut more = |waiters: &mut Waiters, count| {
            let next = flood.by_ref().take(count);
            next.map(|n| waiters.add(Some(&n.to_string())).unwrap())
                .collect::<Vec<_>>()
        };
        let _full = more(&mut waiters, 2 * SLOTS);
        let first = waiters.add(Some("new")).unwrap();
        let _while = more(&mut waiters, SLOTS - 1);
        assert!(is_waiting(&first));
        let second = waiters.add(Some("new")).unwrap();
        let _more = more(&mut waiters, 10 * SLOTS);
        assert!(is_waiting(&first) && is_waiting(&second));
    }

    #[test]
    fn many_calls_with_one_key_leave_slots_for_others() {
        let mut waiters = Waiters::default();
        let added: Vec<_> = (0..10_000).map(|_| waiters.add(Some("x"))).collect();
        assert_eq!(added.iter().flatten().count(), 1 + SHARING);
        assert!(waiters.add(None).is_some());
        assert!(waiters.add(Some("new")).is_some());
        assert!(
            waiters.add(Some("new")).is_none(),
            "no second call for a key"
        );
    }

    #[test]
    fn without_a_slot_of_one_call_nothing_is_evicted() {
        let mut waiters = Waiters::default();
        let added: Vec<_> = (0..2 * SLOTS)
            .map(|n| waiters.add(Some(&(n / 2).to_string())).unwrap())
            .collect();
        assert!(waiters.add(Some("new")).is_none());
        assert!(added.iter().all(is_waiting));
    }

    #[test]
    fn an_evicted_slot_is_not_freed_again() {
        let mut waiters = Waiters::default();
        let first = waiters.add(Some("0")).unwrap();
        for n in 1..=SLOTS {
            waiters.add(Some(&n.to_string())).unwrap();
        }
        assert!(!is_waiting(&first));
        let again = waiters.add(Some("0")).unwrap();
        waiters.remove(&first);
        assert!(is_waiting(&again));
        assert_eq!(waiters.calls, SLOTS);
    }
}
