//! Time and randomness: the real ones, and a still clock for tests. No other module reads either.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// The source of time and random bytes.
pub trait Ambient: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;

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

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks for randomness"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the system has a random number generator");
    }
}

/// A clock that only [`Still::advance`] moves, and real randomness: for tests.
#[derive(Debug)]
pub struct Still(Mutex<Timestamp>);

impl Still {
    /// Makes a clock that shows `moment`.
    pub fn at(moment: Timestamp) -> Self {
        Self(Mutex::new(moment))
    }

    /// Moves the clock by `seconds`, backwards if negative.
    pub fn advance(&self, seconds: i64) {
        let mut now = self.0.lock().expect("no holder of the clock panics");
        *now += SignedDuration::from_secs(seconds);
    }
}

impl Ambient for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no holder of the clock panics")
    }

    fn fill(&self, bytes: &mut [u8]) {
        Real.fill(bytes);
    }
}
