//! The cache of other STSs' sessions, until shortly before their end. The key holds everything that a request for a
//! session depends on.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use uuid::Uuid;

use super::StsCredentials;
use crate::model::tags::Tags;

/// The most sessions in the cache.
const MOST: usize = 10_000;

/// The shortest rest of a session that is still used, unless the caller needs more.
pub const LEFT: SignedDuration = SignedDuration::from_mins(5);

/// Everything that a request for a session depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StsCacheKey {
    /// The number of the route.
    pub route: usize,
    /// The role's ARN.
    pub role: String,
    /// The generation of the store, within which epochs count.
    pub generation: Uuid,
    /// The pool.
    pub pool: Uuid,
    /// The identity.
    pub identity: Uuid,
    /// The identity's epoch.
    pub epoch: u64,
    /// The authentication methods, sorted; those of a guest differ from those of every signed-in identity.
    pub amr: Vec<String>,
    /// The session policy.
    pub policy: Option<String>,
    /// The session tags, sorted.
    pub tags: Vec<(String, String)>,
    /// The requested duration, in seconds.
    pub seconds: i64,
    /// The latest end of the session.
    pub end: Option<Timestamp>,
}

impl StsCacheKey {
    /// Sorts tags, so that their order makes no difference.
    pub fn sorted(tags: &Tags) -> Vec<(String, String)> {
        let mut sorted: Vec<_> = tags
            .iter()
            .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
            .collect();
        sorted.sort_unstable();
        sorted
    }
}

/// The cache.
pub struct StsCache(Cache<StsCacheKey, Arc<StsCredentials>>);

impl Default for StsCache {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl StsCache {
    /// Finds a session of `key` that has more than `left` left.
    pub fn find(
        &self,
        key: &StsCacheKey,
        left: SignedDuration,
        now: Timestamp,
    ) -> Option<Arc<StsCredentials>> {
        let found = self.0.get(key)?;
        let rest = found.expires.duration_since(now);
        if rest <= LEFT {
            self.0.remove(key);
        }
        (rest > LEFT.max(left)).then_some(found)
    }

    /// Adds a session.
    pub fn keep(&self, key: StsCacheKey, obtained: Arc<StsCredentials>) {
        self.0.insert(key, obtained);
    }
}
