//! Rates that are bounded for each key by token buckets (GCRA), on a clock that never steps.
//!
//! A bucket that is full again is the same as none, so only the others are kept. If too many are kept, new keys share the
//! bucket of their group, and new groups share one bucket. Nothing takes the bucket of another key away.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};
use uuid::Uuid;

use super::shares::ClientNetwork;
use crate::ambient::Ambient;

/// The most buckets of keys, and the most buckets of groups.
const BUCKETS: usize = 1 << 15;

/// The number of buckets below which full ones are kept.
const FEW: usize = 1 << 10;

/// The shortest time between two removals of full buckets.
const PAUSE: Duration = Duration::from_millis(100);

/// A key that has a bucket.
pub trait BucketKey: Clone + Eq + Hash {
    /// A group of keys, which share a bucket if there are too many keys.
    type Group: Eq + Hash;

    /// The group of the key.
    fn group(&self) -> Self::Group;
}

/// Clients have the group of their network: the /16 of an IPv4 address, the /32 of an IPv6 address. A client with many
/// addresses has them in few groups.
impl BucketKey for ClientNetwork {
    type Group = Self;

    fn group(&self) -> Self {
        self.surrounding()
    }
}

/// Pools are all of one group.
impl BucketKey for Uuid {
    type Group = ();

    fn group(&self) {}
}

/// A rate, and the calls of each key in the recent past.
pub struct RateLimit<K: BucketKey> {
    limiter: RateLimiter<K, Buckets<K>, UptimeClock, NoOpMiddleware<Duration>>,
    /// The number of buckets at which full ones are removed.
    removal: AtomicUsize,
    /// When full buckets were removed.
    removed: Mutex<Duration>,
}

impl<K: BucketKey> RateLimit<K> {
    /// A limit of `rate` calls in a second, and of twice as many at once.
    pub fn per_second(rate: NonZeroU32, ambient: Arc<dyn Ambient>) -> Self {
        let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(1));
        Self::new(Quota::per_second(rate).allow_burst(burst), ambient)
    }

    /// A limit of `rate` calls in a minute, also at once.
    pub fn per_minute(rate: NonZeroU32, ambient: Arc<dyn Ambient>) -> Self {
        Self::new(Quota::per_minute(rate), ambient)
    }

    fn new(quota: Quota, ambient: Arc<dyn Ambient>) -> Self {
        Self {
            limiter: RateLimiter::new(quota, Buckets::default(), UptimeClock(ambient)),
            removal: AtomicUsize::new(FEW),
            removed: Mutex::default(),
        }
    }

    /// Counts a call; `false` if the key has no call left.
    #[must_use]
    pub fn admit(&self, key: &K) -> bool {
        self.remove_full();
        self.limiter.check_key(key).is_ok()
    }

    /// Removes full buckets if there are many, or twice as many as were left the last time.
    fn remove_full(&self) {
        if self.limiter.len() < self.removal.load(Ordering::Relaxed) {
            return;
        }
        let now = self.limiter.clock().now();
        {
            let mut removed = self.removed.lock().unwrap_or_else(PoisonError::into_inner);
            if now < removed.saturating_add(PAUSE) {
                return;
            }
            *removed = now;
        }
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        let next = (2 * self.limiter.len()).clamp(FEW, BUCKETS);
        self.removal.store(next, Ordering::Relaxed);
    }
}

/// The clock that never steps.
struct UptimeClock(Arc<dyn Ambient>);

impl Clock for UptimeClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.uptime()
    }
}

/// The buckets: when each is full again.
struct Buckets<K: BucketKey>(Mutex<BucketTables<K>>);

struct BucketTables<K: BucketKey> {
    keys: HashMap<K, Nanos>,
    groups: HashMap<K::Group, Nanos>,
    /// The bucket of all groups that have none.
    others: Option<Nanos>,
}

impl<K: BucketKey> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::new(BucketTables {
            keys: HashMap::new(),
            groups: HashMap::new(),
            others: None,
        }))
    }
}

impl<K: BucketKey> Buckets<K> {
    fn lock(&self) -> MutexGuard<'_, BucketTables<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: BucketKey> StateStore for Buckets<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut guard = self.lock();
        let tables = &mut *guard;
        if let Some(bucket) = tables.keys.get_mut(key) {
            let (outcome, next) = measure(Some(*bucket))?;
            *bucket = next;
            return Ok(outcome);
        }
        if tables.keys.len() < BUCKETS {
            let (outcome, next) = measure(None)?;
            tables.keys.insert(key.clone(), next);
            return Ok(outcome);
        }
        let group = key.group();
        if let Some(bucket) = tables.groups.get_mut(&group) {
            let (outcome, next) = measure(Some(*bucket))?;
            *bucket = next;
            return Ok(outcome);
        }
        if tables.groups.len() < BUCKETS {
            let (outcome, next) = measure(None)?;
            tables.groups.insert(group, next);
            return Ok(outcome);
        }
        let (outcome, next) = measure(tables.others)?;
        tables.others = Some(next);
        Ok(outcome)
    }
}

impl<K: BucketKey> ShrinkableKeyedStateStore<K> for Buckets<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        let mut tables = self.lock();
        tables.keys.retain(|_, full| *full > drop_below);
        tables.groups.retain(|_, full| *full > drop_below);
    }

    fn shrink_to_fit(&self) {
        let mut tables = self.lock();
        let (keys, groups) = (tables.keys.len(), tables.groups.len());
        tables.keys.shrink_to(2 * keys);
        tables.groups.shrink_to(2 * groups);
    }

    fn len(&self) -> usize {
        let tables = self.lock();
        tables.keys.len() + tables.groups.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::ambient::Still;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    fn still() -> Arc<Still> {
        Arc::new(Still::at(jiff::Timestamp::UNIX_EPOCH))
    }

    fn per_second(rate: u32, clock: &Arc<Still>) -> RateLimit<ClientNetwork> {
        RateLimit::per_second(number(rate), Arc::clone(clock) as Arc<dyn Ambient>)
    }

    fn client(address: &str) -> ClientNetwork {
        ClientNetwork::new(address.parse().unwrap())
    }

    /// The /64 with this number of the network 2001:db8::/32.
    fn of_flood(at: u32) -> ClientNetwork {
        let network = 0x2001_0db8_u128 << 96 | u128::from(at) << 64;
        ClientNetwork::new(IpAddr::V6(Ipv6Addr::from_bits(network)))
    }

    fn admitted<K: BucketKey>(limit: &RateLimit<K>, key: &K, calls: usize) -> usize {
        (0..calls).filter(|_| limit.admit(key)).count()
    }

    #[test]
    fn a_client_has_twice_its_rate_at_once_and_its_rate_in_each_second() {
        let clock = still();
        let limit = per_second(5, &clock);
        let (one, other) = (client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(admitted(&limit, &one, 100), 10);
        assert_eq!(admitted(&limit, &other, 100), 10, "another client");
        clock.advance_uptime(1);
        assert_eq!(admitted(&limit, &one, 100), 5);
        // The wall clock fills nothing.
        clock.advance(3600);
        assert_eq!(admitted(&limit, &one, 100), 0);
        clock.advance_uptime(3600);
        assert_eq!(admitted(&limit, &one, 100), 10, "no more than at first");
    }

    #[test]
    fn a_rate_in_a_minute_is_exact() {
        let clock = still();
        let limit = RateLimit::per_minute(number(6), Arc::clone(&clock) as Arc<dyn Ambient>);
        let one = client("192.0.2.1");
        assert_eq!(admitted(&limit, &one, 100), 6);
        for _ in 0..6 {
            clock.advance_uptime(9);
            assert_eq!(admitted(&limit, &one, 100), 0);
            clock.advance_uptime(1);
            assert_eq!(admitted(&limit, &one, 100), 1);
        }
    }

    #[test]
    fn the_addresses_of_an_ipv6_network_are_one_client() {
        let limit = per_second(5, &still());
        for last in 1..=10 {
            assert!(limit.admit(&client(&format!("2001:db8::{last}"))));
        }
        assert!(!limit.admit(&client("2001:db8::ffff:1:2:3")));
        assert!(limit.admit(&client("2001:db8:0:1::1")));
    }

    #[test]
    fn buckets_that_are_full_again_are_removed() {
        let clock = still();
        let limit = per_second(5, &clock);
        for at in 0..1_000_000 {
            assert!(limit.admit(&of_flood(at)));
            if at % 5000 == 0 {
                clock.advance_uptime(1);
            }
        }
        let most = limit.limiter.len();
        assert!(most < 20_000, "{most}");
        clock.advance_uptime(60);
        for last in 0..=u8::MAX {
            let _ = limit.admit(&client(&format!("192.0.2.{last}")));
        }
        assert!(limit.limiter.len() <= most);
    }

    #[test]
    fn a_network_that_fills_the_table_takes_nothing_from_others() {
        let clock = still();
        let limit = per_second(5, &clock);
        let early = client("192.0.2.1");
        assert_eq!(admitted(&limit, &early, 3), 3);
        let flood = 10 * u32::try_from(BUCKETS).unwrap();
        let served = (0..flood).filter(|at| limit.admit(&of_flood(*at))).count();
        assert_eq!(served, BUCKETS - 1 + 10, "and the bucket of the group");
        assert_eq!(limit.limiter.len(), BUCKETS + 1);
        assert_eq!(
            admitted(&limit, &early, 100),
            7,
            "its bucket is still there"
        );
        // New clients have the bucket of their own group.
        assert_eq!(admitted(&limit, &client("198.51.100.1"), 100), 10);
        assert_eq!(admitted(&limit, &client("198.51.200.1"), 100), 0);
        assert_eq!(admitted(&limit, &client("203.0.113.1"), 100), 10);
        assert_eq!(admitted(&limit, &client("2001:db9::1"), 100), 10);
        // A second later, clients have buckets of their own again.
        clock.advance_uptime(1);
        assert_eq!(admitted(&limit, &client("198.51.200.2"), 100), 10);
    }

    #[test]
    fn groups_are_bounded_too() {
        let limit = per_second(5, &still());
        let of = |at: u32| ClientNetwork::new(IpAddr::V4(Ipv4Addr::from_bits(at << 15)));
        let every = |limit: &RateLimit<_>| (0..1 << 17).filter(|at| limit.admit(&of(*at))).count();
        every(&limit);
        for _ in 0..20 {
            every(&limit);
        }
        assert_eq!(limit.limiter.len(), 2 * BUCKETS);
        assert_eq!(every(&limit), 0);
    }

    #[test]
    fn pools_have_buckets_of_their_own() {
        let limit = RateLimit::per_second(number(5), still() as Arc<dyn Ambient>);
        assert_eq!(admitted(&limit, &Uuid::from_u128(1), 100), 10);
        assert_eq!(admitted(&limit, &Uuid::from_u128(2), 100), 10);
    }
}
