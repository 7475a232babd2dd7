//! A seeded simulation of the whole system. The server runs in this process on the real embedded store, below which a
//! simulated disk loses and tears what wasn't synced, fills up and fails. Issuers rotate their keys, are slow, fail and
//! lie. Clients do what clients and administrators do. Every answer is compared with a model.
//!
//! `COGNATE_SIMULATION_SEED=7 cargo test --test simulation every_answer -- --nocapture` repeats one seed and prints its
//! steps. `COGNATE_SIMULATION_SEEDS=1000` runs that many, from that seed or the first on, `COGNATE_TEST_FULL=1` ten
//! thousand. Steps that run at the same time may end in another order, because the store's writer is a thread.
#![expect(unreachable_pub, reason = "a test binary exports nothing")]

mod audit;
mod batches;
mod bugs;
mod choices;
mod clients;
mod counts;
mod crashes;
mod disk;
mod habits;
mod history;
mod image;
mod issued;
#[expect(dead_code, reason = "the operation tests use all of it")]
#[path = "../it/world/issuer.rs"]
mod issuer;
mod issuers;
mod model;
mod published;
mod random;
mod requests;
mod rules;
mod server;
mod settings;
mod simulation;
mod step;
mod time;
mod workers;

use bugs::Bug;
use jiff::Timestamp;

/// How many seeds run by default, and with `COGNATE_TEST_FULL`.
const SEEDS: u64 = 60;
const ALL_SEEDS: u64 = 10_000;

/// Within how many seeds each deliberate bug must be found.
const FOUND_WITHIN: u64 = 100;

/// The moment at which a simulation begins.
fn beginning() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a moment")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test reads what the server wrote"
)]
fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the caller chooses the seeds by variables"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str) -> Option<u64> {
    let value = variable(name)?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {value}")),
    )
}

#[test]
fn every_answer_agrees_with_the_model() {
    let full = variable("COGNATE_TEST_FULL").map(|_| ALL_SEEDS);
    let count = number("COGNATE_SIMULATION_SEEDS");
    let (first, count) = match number("COGNATE_SIMULATION_SEED") {
        Some(seed) => (seed, count.unwrap_or(1)),
        None => (1, count.or(full).unwrap_or(SEEDS)),
    };
    match workers::run(first, count, None) {
        Ok(summary) => println!("{summary}"),
        Err(found) => panic!(
            "{}\nrepeat it: COGNATE_SIMULATION_SEED={} cargo test --test simulation every_answer",
            found.report, found.seed
        ),
    }
}

#[test]
fn every_deliberate_bug_is_found() {
    for (bug, name) in Bug::ALL {
        let found = workers::run(1, FOUND_WITHIN, Some((bug, name)));
        let found = found.err();
        let found = found.unwrap_or_else(|| panic!("{name} isn't found by {FOUND_WITHIN} seeds"));
        let last = found.report.lines().last().unwrap_or_default();
        println!("{name}: found by seed {}: {last}", found.seed);
    }
}

/// Runs seeds in a process of its own, with the library of the simulated disk.
#[test]
#[ignore = "the other tests run it in processes of its own, with a disk that fails"]
fn worker() {
    workers::work();
}
