//! What was obtained from other STSs, until five minutes before it ends. A session is found again only by everything that
//! it was asked for with.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use uuid::Uuid;

use super::Obtained;
use crate::model::principal_tags::Tags;

/// How many sessions are remembered.
const MOST: usize = 10_000;

/// How long a session is still good when it is given for the last time.
const LEFT: SignedDuration = SignedDuration::from_mins(5);

/// What a session was asked for with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The number of the route.
    pub route: usize,
    /// The role's ARN.
    pub role: String,
    /// The pool.
    pub pool: Uuid,
    /// The identity.
    pub identity: Uuid,
    /// The epoch that it was in.
    pub epoch: u64,
    /// How it was authenticated, sorted: a guest's differs from everybody's who is signed in.
    pub amr: Vec<String>,
    /// What the session is narrowed to.
    pub policy: Option<String>,
    /// Its tags, sorted.
    pub tags: Vec<(String, String)>,
    /// How long it was to last, in seconds.
    pub seconds: i64,
    /// The moment that it may not outlive.
    pub end: Option<Timestamp>,
}

impl Key {
    /// Tags as a key has them.
    pub fn sorted(tags: &Tags) -> Vec<(String, String)> {
        let mut sorted: Vec<_> = tags
            .iter()
            .map(|(tag, value)| (tag.clone(), value.clone()))
            .collect();
        sorted.sort_unstable();
        sorted
    }
}

/// The sessions.
pub struct Memory(Cache<Key, Arc<Obtained>>);

impl Default for Memory {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Memory {
    /// A session that was asked for with `key` and is good for more than five minutes.
    pub fn find(&self, key: &Key, now: Timestamp) -> Option<Arc<Obtained>> {
        let found = self.0.get(key)?;
        if found.expires.duration_since(now) > LEFT {
            return Some(found);
        }
        self.0.remove(key);
        None
    }

    /// Keeps a session.
    pub fn keep(&self, key: Key, obtained: Arc<Obtained>) {
        self.0.insert(key, obtained);
    }
}
