//! What the most expensive documents cost a server, at their size limits. The generators in `documents` search the sizes.
//! The server is a process of its own, so that its processor time is known.
//!
//! The bounds are those of a package's build: `scripts/test --only cost`. A build without optimisation checks smaller
//! documents against looser bounds.

mod documents;
mod policies;
mod scene;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use self::documents::{Document, Family, families};
use self::scene::Scene;
use crate::world::release_build;

/// What is measured, and how.
struct Plan {
    /// The longest processor time of one request.
    longest: Duration,
    /// How often a document is measured.
    runs: usize,
    /// The sizes that are tried: parts of the largest one, each three quarters of the one before.
    sizes: RangeInclusive<i32>,
    /// Whether the largest sizes are searched exactly, and the delay of other requests is measured.
    is_thorough: bool,
}

const RELEASE: Plan = Plan {
    longest: Duration::from_millis(20),
    runs: 20,
    sizes: 0..=20,
    is_thorough: true,
};

const DEBUG: Plan = Plan {
    longest: Duration::from_millis(400),
    runs: 3,
    sizes: 9..=9,
    is_thorough: false,
};

/// The answers to some families, which show that the documents reach the work that they are for.
const REACHED: [(&str, &str); 5] = [
    (
        "SAML: elements that are signed",
        "RoleSessionName is required",
    ),
    ("SAML: another signer", "Response signature invalid"),
    ("JWT: eight large keys", "Couldn't verify signed token"),
    ("policy: many patterns", "Not authorized to perform"),
    ("XML: certificates", "already exists"),
];

/// How soon others are answered while expensive documents arrive.
const SOON: Duration = Duration::from_millis(100);

/// The median processor time of a request with this document.
async fn cost(scene: &Scene, document: &Document, runs: usize) -> Duration {
    let mut times = Vec::new();
    for _ in 0..runs {
        let before = scene.server.processor_time();
        let answer = scene.send(document).await;
        times.push(scene.server.processor_time().saturating_sub(before));
        assert!(
            answer.status != 413 && answer.text.len() < 1 << 16,
            "{} {}",
            answer.status,
            answer.text.len()
        );
    }
    times.sort_unstable();
    times[runs / 2]
}

/// The largest size with a document within its limit: doubled until it doesn't fit, then divided into halves.
fn largest(scene: &Scene, family: &Family, plan: &Plan) -> usize {
    let fits = |size: usize| (family.make)(scene, size).size <= family.limit;
    let mut above = 2;
    while fits(above) {
        above *= 2;
    }
    let mut below = above / 2;
    while plan.is_thorough && above - below > below.div_ceil(16) {
        let middle = below.midpoint(above);
        if fits(middle) {
            below = middle;
        } else {
            above = middle;
        }
    }
    below
}

/// Three quarters of `size`, `power` times.
fn part(size: usize, power: i32) -> usize {
    (0..power).fold(size, |size, _| size * 3 / 4).max(1)
}

/// The most expensive document of a family, and what it costs. A document of some size gets the answer of [`REACHED`].
async fn most_expensive(scene: &Scene, family: &Family, plan: &Plan) -> (Document, Duration) {
    let largest = largest(scene, family, plan);
    let mut worst: Option<(Document, Duration)> = None;
    let text = REACHED.iter().find(|(name, _)| *name == family.name);
    let mut is_reached = text.is_none();
    for power in plan.sizes.clone() {
        let document = (family.make)(scene, part(largest, power));
        let time = cost(scene, &document, 3).await;
        if let (Some((_, text)), false) = (text, is_reached) {
            is_reached = scene.send(&document).await.text.contains(text);
        }
        if worst.as_ref().is_none_or(|(_, known)| *known < time) {
            worst = Some((document, time));
        }
    }
    assert!(is_reached, "{}: {text:?} is not reached", family.name);
    let (document, _) = worst.expect("a size");
    let time = cost(scene, &document, plan.runs).await;
    (document, time)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_most_expensive_documents_cost_little_and_delay_no_other_request() {
    let plan = if release_build().is_some() {
        &RELEASE
    } else {
        &DEBUG
    };
    let scene = Scene::new().await;
    let mut slow = Vec::new();
    let mut all = Vec::new();
    for family in families() {
        let (document, time) = most_expensive(&scene, &family, plan).await;
        let answer = scene.send(&document).await.text;
        println!(
            "{:7.2} ms  {:38} {:7} bytes  {}",
            time.as_secs_f64() * 1000.0,
            family.name,
            document.size,
            reason(&answer)
        );
        if time > plan.longest {
            slow.push((family.name, time));
        }
        all.push((time, document));
    }
    assert!(slow.is_empty(), "{slow:?}");
    if plan.is_thorough {
        all.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        others_are_answered_soon(&scene, all.into_iter().map(|(_, document)| document)).await;
    }
}

/// Sends the eight most expensive documents in a loop each, and others' requests meanwhile.
async fn others_are_answered_soon(scene: &Scene, documents: impl Iterator<Item = Document>) {
    let mut loops = JoinSet::new();
    for document in documents.take(8) {
        let sender = scene.sender();
        loops.spawn(async move {
            loop {
                sender.send(&document).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut times = Vec::new();
    for _ in 0..50 {
        let begin = now();
        assert_eq!(scene.server.get("/health").await.status, 200);
        times.push(begin.elapsed());
        let begin = now();
        scene.guest().await;
        times.push(begin.elapsed());
    }
    assert_eq!(loops.len(), 8, "no loop has ended");
    times.sort_unstable();
    println!("others: median {:?}, longest {:?}", times[50], times[99]);
    assert!(times[99] <= SOON, "{times:?}");
}

/// The beginning of the text in a refusal.
fn reason(answer: &str) -> String {
    let text = answer.split(['>', '"']).filter(|part| part.contains(' '));
    let longest = text.max_by_key(|part| part.len()).unwrap_or_default();
    longest.chars().take(70).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test measures how long it takes"
)]
fn now() -> Instant {
    Instant::now()
}
