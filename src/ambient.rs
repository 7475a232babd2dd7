//! Time and randomness: the real ones, and a still clock for tests. No other module reads either.

use std::cell::RefCell;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// The source of time and random bytes.
pub trait Ambient: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;

    /// The present moment in whole milliseconds, as records keep it.
    fn now_in_milliseconds(&self) -> Timestamp {
        let now = self.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// How long the machine has been up, suspended time included: a clock that never steps.
    fn uptime(&self) -> Duration;

    /// Fills `bytes` with cryptographic randomness.
    fn fill(&self, bytes: &mut [u8]);

    /// A random (version 4) UUID.
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// The system's clock and its cryptographic random number generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct Real;

impl Ambient for Real {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn uptime(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks for randomness"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the system has a random number generator");
    }

    fn uuid(&self) -> Uuid {
        let bytes = DRAWN.with_borrow_mut(RandomBytes::take);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

thread_local! {
    static DRAWN: RefCell<RandomBytes> = const { RefCell::new(RandomBytes::EMPTY) };
}

/// Random bytes of a thread for its next UUIDs: a draw costs the same for one as for many. Each is used once, and erased.
struct RandomBytes {
    bytes: [u8; 16 * 16],
    /// How many are left, at the start.
    left: usize,
}

impl RandomBytes {
    const EMPTY: Self = Self {
        bytes: [0; 16 * 16],
        left: 0,
    };

    fn take(&mut self) -> [u8; 16] {
        if self.left == 0 {
            Real.fill(&mut self.bytes);
            self.left = self.bytes.len();
        }
        let last = &mut self.bytes[self.left - 16..self.left];
        self.left -= 16;
        let mut taken = [0; 16];
        taken.swap_with_slice(last);
        taken
    }
}

/// A clock that only [`Still::advance`] moves, and real randomness: for tests.
#[derive(Debug)]
pub struct Still {
    now: Mutex<Timestamp>,
    uptime: Mutex<Duration>,
}

impl Still {
    /// Makes a clock that shows `moment`.
    pub fn at(moment: Timestamp) -> Self {
        Self {
            now: Mutex::new(moment),
            uptime: Mutex::new(Duration::from_secs(1000)),
        }
    }

    /// Moves the clock by `seconds`, backwards if negative.
    pub fn advance(&self, seconds: i64) {
        let mut now = self.now.lock().expect("no holder of the clock panics");
        *now += SignedDuration::from_secs(seconds);
    }

    /// Lets the machine be up for longer by `seconds`.
    pub fn advance_uptime(&self, seconds: u64) {
        let mut uptime = self.uptime.lock().expect("no holder of the clock panics");
        *uptime += Duration::from_secs(seconds);
    }
}

impl Ambient for Still {
    fn now(&self) -> Timestamp {
        *self.now.lock().expect("no holder of the clock panics")
    }

    fn uptime(&self) -> Duration {
        *self.uptime.lock().expect("no holder of the clock panics")
    }

    fn fill(&self, bytes: &mut [u8]) {
        Real.fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_uuid_is_drawn_twice() {
        let draw = || (0..1000).map(|_| Real.uuid()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
        let drawn = threads.into_iter().flat_map(|one| one.join().unwrap());
        let drawn: HashSet<Uuid> = drawn.chain(draw()).collect();
        assert_eq!(drawn.len(), 5000);
        assert!(drawn.iter().all(|one| one.get_version_num() == 4));
    }
}
