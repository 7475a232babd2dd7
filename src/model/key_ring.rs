//! The keys of one purpose over time: which one is used, which is published to be used next, which are still believed.
//! Pure; what a key is, and who makes one, is known elsewhere.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A key of a ring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingKey {
    /// Its id, unique in the ring for ever.
    pub id: String,
    /// What is secret of it, sealed, in base64.
    pub sealed: String,
    /// What is public of it, in base64; empty where nothing is.
    pub public: String,
    /// When it was made.
    pub made: Timestamp,
}

/// A ring: always one key that is used and one that is used next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRing {
    /// What its keys are for.
    pub purpose: String,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
    /// The key that is used for what is new.
    pub current: RingKey,
    /// The key that is used next: published, so that every verifier has it before it is used.
    pub next: RingKey,
    /// From when `next` is published long enough to be used.
    pub next_ready: Timestamp,
    /// Keys that are not used any more, but believed for what was made with them, newest first.
    pub retired: Vec<Retired>,
}

/// A key that is only believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The key.
    pub key: RingKey,
    /// Until when: the last thing made with it has expired then.
    pub until: Timestamp,
}

/// How long the keys of a ring matter.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// How long whatever is made with a key may live.
    pub longest_use: SignedDuration,
    /// How long others may keep an old copy of the published keys.
    pub published_copies: SignedDuration,
}

/// Why a ring was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRotated {
    /// The next key is not published long enough; it will be at this moment.
    TooSoon(Timestamp),
    /// There is no such key in the ring.
    NoSuchKey,
}

impl KeyRing {
    /// A ring that begins with two keys: a verifier that fetches one fetches both.
    pub fn new(purpose: &str, current: RingKey, next: RingKey, now: Timestamp) -> Self {
        Self {
            purpose: purpose.to_owned(),
            version: 0,
            current,
            next,
            next_ready: now,
            retired: Vec::new(),
        }
    }

    /// Begins to use the next key, publishes `new` behind it, and retires the one that was used.
    pub fn rotate(
        &self,
        new: RingKey,
        times: Lifetimes,
        now: Timestamp,
    ) -> Result<Self, NotRotated> {
        if now < self.next_ready {
            return Err(NotRotated::TooSoon(self.next_ready));
        }
        let mut ring = self.advance(new, times, now);
        let key = self.current.clone();
        let until = now + times.longest_use;
        ring.retired.insert(0, Retired { key, until });
        Ok(ring)
    }

    /// Forgets the key `id` at once, whatever it is used for; `new` fills the gap behind it.
    pub fn drop_key(
        &self,
        id: &str,
        new: RingKey,
        times: Lifetimes,
        now: Timestamp,
    ) -> Result<Self, NotRotated> {
        if self.current.id == id {
            return Ok(self.advance(new, times, now));
        }
        let mut ring = self.without_expired(now);
        if self.next.id == id {
            ring.next = new;
            ring.next_ready = now + times.published_copies;
            return Ok(ring);
        }
        let before = ring.retired.len();
        ring.retired.retain(|retired| retired.key.id != id);
        if ring.retired.len() == before {
            Err(NotRotated::NoSuchKey)
        } else {
            Ok(ring)
        }
    }

    fn advance(&self, new: RingKey, times: Lifetimes, now: Timestamp) -> Self {
        let mut ring = self.without_expired(now);
        ring.current = self.next.clone();
        ring.next = new;
        ring.next_ready = now + times.published_copies;
        ring
    }

    fn without_expired(&self, now: Timestamp) -> Self {
        let mut ring = self.clone();
        ring.retired.retain(|retired| now < retired.until);
        ring
    }

    /// The keys that are believed at `now`: the one in use first, the next one behind it, then the retired ones.
    pub fn believed(&self, now: Timestamp) -> impl Iterator<Item = &RingKey> {
        let retired = self
            .retired
            .iter()
            .filter(move |retired| now < retired.until);
        [&self.current, &self.next]
            .into_iter()
            .chain(retired.map(|retired| &retired.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Lifetimes = Lifetimes {
        longest_use: SignedDuration::from_hours(24),
        published_copies: SignedDuration::from_hours(1),
    };

    fn key(id: &str) -> RingKey {
        RingKey {
            id: id.into(),
            sealed: String::new(),
            public: String::new(),
            made: Timestamp::UNIX_EPOCH,
        }
    }

    fn hour(number: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(number)
    }

    fn ids(ring: &KeyRing, now: Timestamp) -> Vec<&str> {
        ring.believed(now).map(|key| key.id.as_str()).collect()
    }

    #[test]
    fn the_next_key_stands_behind_the_one_in_use_before_it_is_used() {
        let ring = KeyRing::new("signing", key("a"), key("b"), hour(0));
        assert_eq!(ids(&ring, hour(0)), ["a", "b"]);
        let ring = ring.rotate(key("c"), TIMES, hour(0)).unwrap();
        assert_eq!(ids(&ring, hour(0)), ["b", "c", "a"]);
    }

    #[test]
    fn a_key_is_not_used_before_every_copy_has_it() {
        let ring = KeyRing::new("signing", key("a"), key("b"), hour(0));
        let ring = ring.rotate(key("c"), TIMES, hour(5)).unwrap();
        let early = ring.rotate(key("d"), TIMES, hour(6) - SignedDuration::from_secs(1));
        assert_eq!(early, Err(NotRotated::TooSoon(hour(6))));
        assert!(ring.rotate(key("d"), TIMES, hour(6)).is_ok());
    }

    #[test]
    fn a_retired_key_is_believed_until_its_last_token_has_expired() {
        let ring = KeyRing::new("signing", key("a"), key("b"), hour(0));
        let ring = ring.rotate(key("c"), TIMES, hour(1)).unwrap();
        assert_eq!(
            ids(&ring, hour(25) - SignedDuration::from_secs(1)),
            ["b", "c", "a"]
        );
        assert_eq!(ids(&ring, hour(25)), ["b", "c"]);
        let ring = ring.rotate(key("d"), TIMES, hour(26)).unwrap();
        assert_eq!(ring.retired.len(), 1, "what has expired is not kept");
    }

    #[test]
    fn a_compromised_key_is_gone_at_once_and_leaves_no_gap() {
        let first = KeyRing::new("signing", key("a"), key("b"), hour(0));
        let ring = first.rotate(key("c"), TIMES, hour(1)).unwrap();
        let dropped = |id: &str| ring.drop_key(id, key("n"), TIMES, hour(1)).unwrap();
        assert_eq!(ids(&dropped("b"), hour(1)), ["c", "n", "a"]);
        assert_eq!(ids(&dropped("c"), hour(1)), ["b", "n", "a"]);
        assert_eq!(ids(&dropped("a"), hour(1)), ["b", "c"]);
        let none = ring.drop_key("x", key("n"), TIMES, hour(1));
        assert_eq!(none, Err(NotRotated::NoSuchKey));
    }
}
