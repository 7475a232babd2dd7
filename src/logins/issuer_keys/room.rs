//! Who waits for keys that an issuer's set doesn't have. Pure: what it means to lose a place is the caller's matter.
//!
//! A new key is asked for by many, and made-up ones by one call each. So a place is a key's, and the calls that want the
//! same key share it; where all are taken, a newcomer gets the place of the key that has waited longest with one call
//! only. Thus a flood of made-up keys pushes itself out, and neither it nor many calls with one made-up key stand in the
//! way of those who want another.

use std::collections::HashMap;

use tokio::sync::watch;

/// How many keys are waited for.
pub(super) const KEYS: usize = 256;
/// How many calls wait beside the first ones of their keys.
pub(super) const COMPANIONS: usize = 256;

/// The calls that wait, by the id of the key that they want; those without one want the same.
#[derive(Debug, Default)]
pub(super) struct Room {
    keys: HashMap<Option<String>, Place>,
    calls: usize,
    arrivals: u64,
}

#[derive(Debug)]
struct Place {
    number: u64,
    calls: usize,
    /// Dropped when the place is lost.
    held: watch::Sender<()>,
}

/// A call's part in a place.
#[derive(Debug)]
pub(super) struct Ticket {
    kid: Option<String>,
    number: u64,
    held: watch::Receiver<()>,
}

impl Room {
    /// Lets a call in that wants the key `kid`, if there is room.
    pub(super) fn enter(&mut self, kid: Option<&str>) -> Option<Ticket> {
        let kid = kid.map(str::to_owned);
        if !self.keys.contains_key(&kid) {
            if self.keys.len() >= KEYS {
                self.push_out()?;
            }
            self.arrivals += 1;
            let place = Place {
                number: self.arrivals,
                calls: 0,
                held: watch::Sender::new(()),
            };
            self.keys.insert(kid.clone(), place);
        } else if self.calls - self.keys.len() >= COMPANIONS {
            return None;
        }
        let place = self.keys.get_mut(&kid)?;
        place.calls += 1;
        self.calls += 1;
        Some(Ticket {
            kid,
            number: place.number,
            held: place.held.subscribe(),
        })
    }

    /// Takes its place from the oldest of the calls that are alone, if one is.
    fn push_out(&mut self) -> Option<()> {
        let alone = self.keys.iter().filter(|(_, place)| place.calls == 1);
        let oldest = alone.min_by_key(|(_, place)| place.number);
        let kid = oldest.map(|(kid, _)| kid.clone())?;
        self.keys.remove(&kid);
        self.calls -= 1;
        Some(())
    }

    /// Lets a call out.
    pub(super) fn leave(&mut self, ticket: &Ticket) {
        let Some(place) = self.keys.get_mut(&ticket.kid) else {
            return;
        };
        // A place that was lost may be another call's by now.
        if place.number != ticket.number {
            return;
        }
        place.calls -= 1;
        self.calls -= 1;
        if place.calls == 0 {
            self.keys.remove(&ticket.kid);
        }
    }

    /// How many calls wait.
    #[cfg(test)]
    pub(super) fn calls(&self) -> usize {
        self.calls
    }
}

impl Ticket {
    /// Waits until the place is lost.
    pub(super) async fn lost(&mut self) {
        while self.held.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_place(ticket: &Ticket) -> bool {
        ticket.held.has_changed().is_ok()
    }

    #[test]
    fn a_flood_of_keys_pushes_itself_out_and_not_those_who_want_one() {
        let mut room = Room::default();
        let friends: Vec<_> = (0..64).map(|_| room.enter(Some("new")).unwrap()).collect();
        let flood: Vec<_> = (0..10_000)
            .map(|n| room.enter(Some(&n.to_string())).unwrap())
            .collect();
        assert!(friends.iter().all(has_place));
        let (out, inside) = flood.split_at(flood.len() - (KEYS - 1));
        assert!(inside.iter().all(has_place) && !out.iter().any(has_place));
        assert_eq!(room.calls, friends.len() + inside.len());
        for ticket in friends.iter().chain(&flood) {
            room.leave(ticket);
        }
        assert_eq!((room.calls, room.keys.len()), (0, 0));
    }

    #[test]
    fn a_newcomer_into_a_full_room_waits_for_company_a_while() {
        let mut room = Room::default();
        let mut flood = 0..;
        let mut more = |room: &mut Room, count| {
            let next = flood.by_ref().take(count);
            next.map(|n| room.enter(Some(&n.to_string())).unwrap())
                .collect::<Vec<_>>()
        };
        let _full = more(&mut room, 2 * KEYS);
        let first = room.enter(Some("new")).unwrap();
        let _while = more(&mut room, KEYS - 1);
        assert!(has_place(&first));
        let second = room.enter(Some("new")).unwrap();
        let _more = more(&mut room, 10 * KEYS);
        assert!(has_place(&first) && has_place(&second));
    }

    #[test]
    fn many_calls_with_one_key_leave_room_for_others() {
        let mut room = Room::default();
        let tickets: Vec<_> = (0..10_000).map(|_| room.enter(Some("x"))).collect();
        assert_eq!(tickets.iter().flatten().count(), 1 + COMPANIONS);
        assert!(room.enter(None).is_some());
        assert!(room.enter(Some("new")).is_some());
        assert!(
            room.enter(Some("new")).is_none(),
            "for company there is none"
        );
    }

    #[test]
    fn where_nobody_is_alone_nobody_is_pushed_out() {
        let mut room = Room::default();
        let tickets: Vec<_> = (0..2 * KEYS)
            .map(|n| room.enter(Some(&(n / 2).to_string())).unwrap())
            .collect();
        assert!(room.enter(Some("new")).is_none());
        assert!(tickets.iter().all(has_place));
    }

    #[test]
    fn a_place_that_was_lost_is_not_given_back() {
        let mut room = Room::default();
        let first = room.enter(Some("0")).unwrap();
        for n in 1..=KEYS {
            room.enter(Some(&n.to_string())).unwrap();
        }
        assert!(!has_place(&first));
        let again = room.enter(Some("0")).unwrap();
        room.leave(&first);
        assert!(has_place(&again));
        assert_eq!(room.calls, KEYS);
    }
}
