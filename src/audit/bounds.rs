//! Bounds on the lines that strangers can cause: ten a minute for each operation, reason, pool and address, and counts
//! beyond that. The first line of a minute has a limit of its own, so that a flood of some kinds hides no other kind.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

/// The most lines of one kind in a window.
const LINES: u64 = 10;

/// The time after which counts are reported and begin again.
const WINDOW: Duration = Duration::from_mins(1);

/// The most kinds of a window, each with one line at least; further kinds share one count.
const KINDS: usize = 1024;

/// The most lines of a window beyond the first of each kind.
const FURTHER: u64 = 300;

/// How many kinds a report names, those with the highest counts first; the others are summed up.
const REPORTED: usize = 10;

/// A kind of refusal that a stranger can cause.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StrangerLine {
    /// The operation.
    pub operation: &'static str,
    /// The error's name on the wire.
    pub code: &'static str,
    /// The pool, if it was found.
    pub pool: Option<String>,
    /// The network of the client.
    pub network: String,
}

/// The counts of a window.
#[derive(Default)]
pub(super) struct StrangerBounds {
    began: Option<Duration>,
    /// The lines and the refusals of each kind; `None` is the kind of all others.
    kinds: HashMap<Option<StrangerLine>, StrangerCount>,
    further: u64,
}

#[derive(Default, Clone, Copy)]
struct StrangerCount {
    lines: u64,
    unwritten: u64,
}

impl StrangerBounds {
    /// Whether a line of this kind may be written. If not, it is counted.
    pub(super) fn admit(&mut self, kind: &StrangerLine) -> bool {
        let is_first = !self.kinds.contains_key(&Some(kind.clone()));
        let has_room = self.kinds.len() < KINDS;
        let key = (!is_first || has_room).then(|| kind.clone());
        let is_own = key.is_some();
        let count = self.kinds.entry(key).or_default();
        let admitted = if is_first && is_own {
            true
        } else {
            count.lines < LINES && self.further < FURTHER
        };
        if admitted {
            self.further += u64::from(!(is_first && is_own));
            count.lines += 1;
        } else {
            count.unwritten += 1;
        }
        admitted
    }

    /// Counts a line that was admitted and is not written after all.
    pub(super) fn not_written(&mut self, kind: StrangerLine) {
        let key = self.kinds.contains_key(&Some(kind.clone()));
        self.kinds.entry(key.then_some(kind)).or_default().unwritten += 1;
    }

    /// The report on a window that is over, if anything was not written in it.
    pub(super) fn report(&mut self, uptime: Duration, is_last: bool) -> Option<Value> {
        let began = *self.began.get_or_insert(uptime);
        if !is_last && uptime.saturating_sub(began) < WINDOW {
            return None;
        }
        self.began = Some(uptime);
        self.further = 0;
        let mut counts: Vec<_> = self
            .kinds
            .drain()
            .filter(|(_, count)| count.unwritten > 0)
            .collect();
        if counts.is_empty() {
            return None;
        }
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(count.unwritten));
        let total: u64 = counts.iter().map(|(_, count)| count.unwritten).sum();
        let named = counts.iter().filter_map(|(kind, count)| {
            let kind = kind.as_ref()?;
            Some(json!({
                "eventName": kind.operation,
                "errorCode": kind.code,
                "identityPoolId": kind.pool,
                "network": kind.network,
                "refusals": count.unwritten,
            }))
        });
        let named: Vec<Value> = named.take(REPORTED).collect();
        let of_named: u64 = named
            .iter()
            .filter_map(|one| one["refusals"].as_u64())
            .sum();
        Some(json!({
            "refusalsWithoutLine": total,
            "kinds": named,
            "refusalsOfOtherKinds": total - of_named,
        }))
    }

    /// Adds the counts of a report that can't be written, so that the next one has them.
    pub(super) fn keep(&mut self, report: &Value) {
        let count = report["refusalsWithoutLine"].as_u64().unwrap_or(0);
        self.kinds.entry(None).or_default().unwritten += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(network: usize) -> StrangerLine {
        StrangerLine {
            operation: "GetId",
            code: "NotAuthorizedException",
            pool: None,
            network: network.to_string(),
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_flood_of_one_kind_is_ten_lines_and_an_exact_count() {
        let mut bounds = StrangerBounds::default();
        assert_eq!(bounds.report(at(0), false), None);
        let admitted = (0..10_000).filter(|_| bounds.admit(&kind(1))).count();
        assert_eq!(admitted, 10);
        assert_eq!(bounds.report(at(59), false), None);
        let report = bounds.report(at(60), false).unwrap();
        assert_eq!(report["refusalsWithoutLine"], 9990);
        assert_eq!(report["kinds"][0]["network"], "1");
        assert_eq!(report["refusalsOfOtherKinds"], 0);
        assert_eq!(bounds.report(at(120), false), None);
        assert!(bounds.admit(&kind(1)));
    }

    #[test]
    fn a_flood_of_a_thousand_kinds_hides_no_other_and_is_bounded() {
        let mut bounds = StrangerBounds::default();
        let mut lines = 0_usize;
        for _ in 0..50 {
            lines += (0..KINDS - 1).filter(|at| bounds.admit(&kind(*at))).count();
        }
        assert!(bounds.admit(&kind(KINDS)), "one real attack");
        assert_eq!(lines as u64, KINDS as u64 - 1 + FURTHER);
        let more = (KINDS + 1..100_000).filter(|at| bounds.admit(&kind(*at)));
        assert_eq!(more.count(), 0, "the other kinds share one count");
        let report = bounds.report(at(60), true).unwrap();
        let refused = 50 * (KINDS - 1) - lines + (100_000 - KINDS - 1);
        assert_eq!(report["refusalsWithoutLine"], refused);
        assert_eq!(report["kinds"].as_array().unwrap().len(), REPORTED);
    }

    #[test]
    fn a_report_that_can_t_be_written_is_part_of_the_next() {
        let mut bounds = StrangerBounds::default();
        let _ = bounds.report(at(0), false);
        for _ in 0..12 {
            bounds.admit(&kind(1));
        }
        bounds.not_written(kind(1));
        let report = bounds.report(at(60), false).unwrap();
        bounds.keep(&report);
        let next = bounds.report(at(120), false).unwrap();
        assert_eq!(next["refusalsWithoutLine"], 3);
        assert_eq!(next["refusalsOfOtherKinds"], 3);
    }
}
