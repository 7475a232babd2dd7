//! What happened in simulations.

use std::fmt;

/// Numbers of what happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub seeds: u64,
    pub steps: u64,
    /// Steps that were done; the others were refused, or failed with the disk.
    pub done: u64,
    pub failed: u64,
    pub power_cuts: u64,
    pub faults: u64,
    pub restarts: u64,
    /// What a seed did, as a hash; of several seeds, their sum.
    pub hash: u64,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        let one = |number: &mut u64, other: u64| *number = number.wrapping_add(other);
        one(&mut self.seeds, other.seeds);
        one(&mut self.steps, other.steps);
        one(&mut self.done, other.done);
        one(&mut self.failed, other.failed);
        one(&mut self.power_cuts, other.power_cuts);
        one(&mut self.faults, other.faults);
        one(&mut self.restarts, other.restarts);
        one(&mut self.hash, other.hash);
    }

    /// Reads the line that [`Counts`] are printed as.
    pub fn parse(line: &str) -> Option<Self> {
        let words = line.split([' ', ',', '(']);
        let mut numbers = words.filter_map(|word| word.parse().ok());
        let mut next = || numbers.next();
        Some(Self {
            seeds: next()?,
            steps: next()?,
            done: next()?,
            failed: next()?,
            power_cuts: next()?,
            faults: next()?,
            restarts: next()?,
            hash: next()?,
        })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seeds,
            steps,
            done,
            failed,
            power_cuts,
            faults,
            restarts,
            hash,
        } = self;
        write!(
            formatter,
            "{seeds} seeds, {steps} steps ({done} done, {failed} failed with the disk), {power_cuts} power cuts, {faults} faults of \
             the disk, {restarts} restarts, hash {hash}"
        )
    }
}

#[test]
fn counts_are_read_as_they_are_printed() {
    let counts = Counts {
        seeds: 1,
        steps: 2,
        done: 3,
        failed: 4,
        power_cuts: 5,
        faults: 6,
        restarts: 7,
        hash: u64::MAX,
    };
    let read = Counts::parse(&counts.to_string()).expect("counts");
    assert_eq!(read.to_string(), counts.to_string());
}
