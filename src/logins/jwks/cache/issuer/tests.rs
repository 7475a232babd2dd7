//! With a fetcher in the hand of the test, and a timer that runs ahead when every task waits.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::logins::fake::{TestKey, key_set, outgoing, pools};
use crate::logins::jwks::JwsAlgorithm;
use crate::logins::jwks::cache::state::UnknownKeys;
use crate::logins::jwks::fetch::FetchedJwks;
use crate::logins::jwks::waiters;

const ALLOWED: &[JwsAlgorithm] = &[JwsAlgorithm::EdDSA];

/// A fetcher in the hand of the test.
struct FakeFetcher(Arc<Published>);

struct Published {
    /// What the next fetch finds; `None` is a failure.
    publishes: Mutex<Option<Vec<Arc<TestKey>>>>,
    max_age: Mutex<Option<Duration>>,
    fetches: AtomicUsize,
    /// How long a fetch takes.
    takes: Mutex<Duration>,
    /// How many fetches may end.
    may_end: Semaphore,
}

impl FetchJwks for FakeFetcher {
    async fn fetch(&self) -> Result<FetchedJwks, JwksFetchError> {
        let state = &self.0;
        state.fetches.fetch_add(1, Ordering::SeqCst);
        let published = state.publishes.lock().unwrap().clone();
        let takes = *state.takes.lock().unwrap();
        sleep(takes).await;
        state.may_end.acquire().await.unwrap().forget();
        let published = published.ok_or(JwksFetchError::Status {
            document: "key set",
            status: StatusCode::SERVICE_UNAVAILABLE,
        })?;
        Ok(FetchedJwks {
            set: key_set(published.iter().map(AsRef::as_ref)),
            max_age: *state.max_age.lock().unwrap(),
        })
    }
}

struct Scene {
    keys: Arc<IssuerKeys<FakeFetcher>>,
    published: Arc<Published>,
    now: Timestamp,
}

impl Scene {
    /// An issuer that publishes `keys` and answers in 100 ms; nothing is fetched yet.
    fn with(keys: &[&Arc<TestKey>]) -> Self {
        let _ = outgoing(&[]);
        let published = Arc::new(Published {
            publishes: Mutex::default(),
            max_age: Mutex::default(),
            fetches: AtomicUsize::new(0),
            takes: Mutex::new(Duration::from_millis(100)),
            may_end: Semaphore::new(1_000_000),
        });
        let scene = Self {
            keys: Arc::new(IssuerKeys::new(
                FakeFetcher(Arc::clone(&published)),
                pools(),
                Arc::new(VerifiedSignatures::new()),
            )),
            published,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
        };
        scene.publish(keys);
        scene
    }

    fn publish(&self, keys: &[&Arc<TestKey>]) {
        let keys = keys.iter().map(|key| Arc::clone(key)).collect();
        *self.published.publishes.lock().unwrap() = Some(keys);
    }

    fn goes_down(&self) {
        *self.published.publishes.lock().unwrap() = None;
    }

    fn says(&self, max_age: Duration) {
        *self.published.max_age.lock().unwrap() = Some(max_age);
    }

    fn takes(&self, time: Duration) {
        *self.published.takes.lock().unwrap() = time;
    }

    fn fetches(&self) -> usize {
        self.published.fetches.load(Ordering::SeqCst)
    }

    /// The clock and the timer go on together.
    async fn pass(&mut self, time: Duration) {
        self.now += time;
        sleep(time).await;
    }

    /// The clock alone goes on: nothing happens meanwhile.
    fn jump(&mut self, time: Duration) {
        self.now += time;
    }

    async fn checks(&self, key: &TestKey) -> Result<(), SignatureCheckError> {
        let token = key.token(&json!({}));
        self.keys
            .verify(&Jws::parse(&token).unwrap(), ALLOWED, self.now)
            .await
    }

    /// The same as a call of its own.
    fn call(&self, key: &Arc<TestKey>) -> JoinHandle<Result<(), SignatureCheckError>> {
        let (keys, key, now) = (Arc::clone(&self.keys), Arc::clone(key), self.now);
        tokio::spawn(async move {
            let token = key.token(&json!({}));
            keys.verify(&Jws::parse(&token).unwrap(), ALLOWED, now)
                .await
        })
    }

    /// Whether `key` is good without any waiting.
    async fn at_once(&self, key: &TestKey) -> bool {
        let began = Instant::now();
        let good = self.checks(key).await.is_ok();
        assert_eq!(began.elapsed(), Duration::ZERO, "it waited");
        good
    }
}

fn key(kid: &str) -> Arc<TestKey> {
    Arc::new(TestKey::edwards(kid))
}

fn is_refused(result: &Result<(), SignatureCheckError>) -> bool {
    matches!(result, Err(SignatureCheckError::Jws(_)))
}

fn is_unreachable(result: &Result<(), SignatureCheckError>) -> bool {
    matches!(result, Err(SignatureCheckError::Jwks(_)))
}

/// Lets what was spawned run as far as it can without time passing.
async fn settle() {
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOURS: fn(u64) -> Duration = Duration::from_hours;

#[tokio::test(start_paused = true)]
async fn the_first_calls_share_one_fetch() {
    let a = key("a");
    let scene = Scene::with(&[&a]);
    let calls: Vec<_> = (0..64).map(|_| scene.call(&a)).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(scene.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_there_are_not_fetched() {
    let a = key("a");
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    for _ in 0..49 {
        scene.pass(MINUTE).await;
        assert!(scene.at_once(&a).await);
    }
    assert_eq!(scene.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_used_set_is_fetched_again_within_the_hour_and_nobody_waits() {
    let a = key("a");
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    for _ in 0..600 {
        scene.pass(MINUTE).await;
        assert!(scene.at_once(&a).await);
    }
    settle().await;
    assert_eq!(scene.fetches(), 1 + 600 / 50);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_from_a_fresh_set_is_gone() {
    let (a, b) = (key("a"), key("b"));
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.publish(&[&b]);
    scene.pass(50 * MINUTE).await;
    assert!(scene.at_once(&a).await, "the fetch begins behind its back");
    scene.pass(SECOND).await;
    assert!(scene.at_once(&b).await);
    assert!(is_refused(&scene.checks(&a).await));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_withdrawn_while_nobody_asked_is_not_believed_once() {
    let (a, b) = (key("a"), key("b"));
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.publish(&[&b]);
    scene.pass(HOURS(1)).await;
    assert!(is_refused(&scene.checks(&a).await));
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_long_ago_does_not_make_a_withdrawn_key_good() {
    let (a, b) = (key("a"), key("b"));
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.goes_down();
    scene.pass(50 * MINUTE).await;
    assert!(scene.at_once(&a).await);
    scene.pass(SECOND).await;
    scene.publish(&[&b]);
    scene.pass(HOURS(2)).await;
    assert!(is_refused(&scene.checks(&a).await));
}

#[tokio::test(start_paused = true)]
async fn the_issuer_may_ask_for_more_frequent_fetches_but_not_for_more_than_one_in_five_minutes() {
    let a = key("a");
    for (age, fetches) in [(0, 12), (60, 12), (600, 6), (86_400, 2)] {
        let mut scene = Scene::with(&[&a]);
        scene.says(Duration::from_secs(age));
        scene.checks(&a).await.unwrap();
        for _ in 0..59 {
            scene.pass(MINUTE).await;
            assert!(scene.at_once(&a).await);
        }
        assert_eq!(scene.fetches(), fetches, "{age} s");
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_issuer_is_down_the_set_serves_for_a_day_and_nobody_waits() {
    let a = key("a");
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.goes_down();
    scene.takes(5 * SECOND);
    for _ in 0..24 * 60 - 1 {
        scene.pass(MINUTE).await;
        assert!(scene.at_once(&a).await);
    }
    scene.pass(MINUTE).await;
    assert!(is_unreachable(&scene.checks(&a).await));
    scene.publish(&[&a]);
    scene.pass(10 * SECOND).await;
    scene.checks(&a).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_set_of_an_issuer_that_is_down_serves_after_one_try() {
    let a = key("a");
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.goes_down();
    scene.pass(HOURS(10)).await;
    scene.checks(&a).await.unwrap();
    assert_eq!(scene.fetches(), 2);
    scene.takes(SECOND * 1000);
    scene.pass(10 * SECOND).await;
    assert!(scene.at_once(&a).await);
    scene.pass(HOURS(14)).await;
    assert!(is_unreachable(&scene.checks(&a).await));
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_never_answered_is_asked_once_in_five_seconds() {
    let a = key("a");
    let mut scene = Scene::with(&[]);
    scene.goes_down();
    for _ in 0..100 {
        assert!(is_unreachable(&scene.checks(&a).await));
    }
    assert_eq!(scene.fetches(), 1);
    for _ in 0..10 {
        scene.pass(5 * SECOND).await;
        for _ in 0..10 {
            assert!(is_unreachable(&scene.checks(&a).await));
        }
    }
    assert_eq!(scene.fetches(), 11);
    scene.publish(&[&a]);
    scene.pass(5 * SECOND).await;
    scene.checks(&a).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_is_given_up_after_six_seconds() {
    let a = key("a");
    let scene = Scene::with(&[&a]);
    scene.takes(Duration::from_hours(1));
    let began = Instant::now();
    let refused = scene.checks(&a).await;
    assert!(matches!(
        refused,
        Err(SignatureCheckError::Jwks(JwksError::TooSlow))
    ));
    assert_eq!(began.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_for_what_no_key_could_make_good() {
    let a = key("a");
    let scene = Scene::with(&[&a]);
    for more in [
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "crit": ["exp"] }),
        json!({ "kid": 1 }),
    ] {
        let token = a.token_with(&more, &json!({}));
        let jws = Jws::parse(&token).unwrap();
        let refused = scene.keys.verify(&jws, ALLOWED, scene.now).await;
        assert!(is_refused(&refused), "{more}");
    }
    assert_eq!(scene.fetches(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_does_not_stop_the_fetch() {
    let a = key("a");
    let scene = Scene::with(&[&a]);
    let first = scene.call(&a);
    settle().await;
    let second = scene.call(&a);
    settle().await;
    first.abort();
    second.await.unwrap().unwrap();
    assert_eq!(scene.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn sixty_four_clients_come_through_a_rotation() {
    let (a, b) = (key("a"), key("b"));
    // Whatever time has passed since the last fetch, and however long fetches take.
    for (since, takes) in [(0, 0), (0, 900), (1, 100), (4, 900), (5, 900), (60, 4000)] {
        let mut scene = Scene::with(&[&a]);
        scene.takes(Duration::from_millis(takes));
        scene.checks(&a).await.unwrap();
        scene.now += Duration::from_millis(takes);
        scene.pass(Duration::from_secs(since)).await;
        scene.publish(&[&a, &b]);
        let calls: Vec<_> = (0..64).map(|_| scene.call(&b)).collect();
        settle().await;
        assert!(scene.at_once(&a).await, "a known key is not held up");
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(scene.fetches(), 2, "{since} s, {takes} ms");
    }
}

/// The answer to a fetch that ran when the call came may be older than the key.
#[tokio::test(start_paused = true)]
async fn a_fetch_that_began_before_the_call_does_not_make_its_key_unknown() {
    let (a, b, c) = (key("a"), key("b"), key("c"));
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.pass(10 * SECOND).await;
    scene.takes(SECOND / 2);
    let unknown = scene.call(&c);
    settle().await;
    assert_eq!(scene.fetches(), 2);
    scene.publish(&[&a, &b]);
    let fresh = scene.call(&b);
    settle().await;
    assert!(is_refused(&unknown.await.unwrap()));
    fresh.await.unwrap().unwrap();
    assert_eq!(scene.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_there_when_it_is_looked_for_ends_the_waiting() {
    let (a, b) = (key("a"), key("b"));
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.pass(10 * SECOND).await;
    scene.publish(&[&a, &b]);
    let first = scene.call(&key("c"));
    settle().await;
    let began = Instant::now();
    scene.checks(&b).await.unwrap();
    assert!(began.elapsed() < SECOND, "the running fetch brought it");
    assert!(is_refused(&first.await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_keys_cause_one_fetch_in_five_seconds() {
    let a = key("a");
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    let stranger = TestKey::edwards("x");
    let began = (Instant::now(), scene.now);
    let mut calls = Vec::new();
    for n in 0..10_000 {
        let token = stranger.token_with(&json!({ "kid": format!("k{n}") }), &json!({}));
        let (keys, now) = (Arc::clone(&scene.keys), scene.now);
        calls.push(tokio::spawn(async move {
            keys.verify(&Jws::parse(&token).unwrap(), ALLOWED, now)
                .await
        }));
        if n % 500 == 0 {
            scene.pass(SECOND).await;
            assert!(scene.at_once(&a).await, "a known key is not held up");
        }
    }
    for call in calls {
        assert!(call.await.unwrap().is_err());
    }
    let (passed, by_the_clock) = (began.0.elapsed(), scene.now.duration_since(began.1));
    assert_eq!(by_the_clock, SignedDuration::from_secs(20));
    let allowed = 1 + usize::try_from(passed.as_secs() / 5).unwrap() + 1;
    assert!(
        scene.fetches() <= allowed,
        "{} in {passed:?}",
        scene.fetches()
    );
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded_and_an_evicted_call_is_answered_at_once() {
    let a = key("a");
    let scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    let mut waiting: Vec<_> = (0..waiters::SLOTS)
        .map(|n| scene.call(&key(&n.to_string())))
        .collect();
    settle().await;
    let began = Instant::now();
    let late = scene.call(&key("late"));
    let evicted = waiting.remove(0).await.unwrap();
    let refused = matches!(
        evicted,
        Err(SignatureCheckError::Jwks(JwksError::TooManyWaiters))
    );
    assert!(refused, "{evicted:?}");
    assert!(scene.at_once(&a).await);
    assert_eq!(began.elapsed(), Duration::ZERO);
    for call in waiting.into_iter().chain([late]) {
        assert!(is_refused(&call.await.unwrap()));
    }
    let state = lock(&scene.keys.state);
    assert_eq!(state.waiters.calls(), 0, "every waiter is removed");
    assert_eq!(scene.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_unknown_keys_evict_no_call_for_the_new_key() {
    let (a, b) = (key("a"), key("b"));
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.pass(SECOND).await;
    let stranger = TestKey::edwards("x");
    let mut good = Vec::new();
    for n in 0..10_000 {
        let token = stranger.token_with(&json!({ "kid": format!("k{n}") }), &json!({}));
        let (keys, now) = (Arc::clone(&scene.keys), scene.now);
        tokio::spawn(async move {
            let jws = Jws::parse(&token).unwrap();
            keys.verify(&jws, ALLOWED, now).await.unwrap_err()
        });
        if n == 1000 {
            scene.publish(&[&a, &b]);
        }
        if n > 1000 && n % 100 == 0 && good.len() < 64 {
            good.push(scene.call(&b));
        }
        if n % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let began = Instant::now();
    assert_eq!(good.len(), 64);
    for call in good {
        call.await.unwrap().unwrap();
    }
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(scene.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_found_unknown_is_refused_at_once_for_a_minute() {
    let (a, b) = (key("a"), key("b"));
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.pass(10 * SECOND).await;
    assert!(is_refused(&scene.checks(&b).await));
    assert_eq!(scene.fetches(), 2);
    scene.pass(10 * SECOND).await;
    for _ in 0..100 {
        assert!(!scene.at_once(&b).await);
    }
    assert_eq!(scene.fetches(), 2);
    scene.publish(&[&a, &b]);
    scene.pass(MINUTE).await;
    scene.checks(&b).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_fresh_set_forgets_what_was_unknown() {
    let (a, b) = (key("a"), key("b"));
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.pass(10 * SECOND).await;
    assert!(is_refused(&scene.checks(&b).await));
    scene.publish(&[&a, &b]);
    scene.pass(10 * SECOND).await;
    assert!(is_refused(&scene.checks(&key("c")).await));
    assert!(scene.at_once(&b).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_as_unknown_has_a_bound() {
    let mut unknown = UnknownKeys::default();
    let mut now = Timestamp::UNIX_EPOCH;
    for n in 0..2000 {
        unknown.add(&n.to_string(), now);
    }
    assert!(unknown.contains("999", now) && !unknown.contains("1000", now));
    now += MINUTE;
    assert!(!unknown.contains("999", now));
    unknown.add("1000", now);
    assert!(unknown.contains("1000", now));
    unknown.add(&"k".repeat(1025), now);
    assert!(!unknown.contains(&"k".repeat(1025), now));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_of_an_issuer_that_is_down_is_no_wrong_key() {
    let a = key("a");
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.pass(10 * SECOND).await;
    scene.goes_down();
    assert!(is_unreachable(&scene.checks(&key("b")).await));
    assert!(scene.at_once(&a).await);
}

#[tokio::test(start_paused = true)]
async fn a_nameless_key_may_rotate_too() {
    let a = Arc::new(TestKey::edwards("").nameless());
    let b = Arc::new(TestKey::edwards("").nameless());
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.pass(10 * SECOND).await;
    scene.publish(&[&b]);
    scene.checks(&b).await.unwrap();
    assert!(is_refused(&scene.checks(&a).await));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_stops_nothing() {
    let (a, b) = (key("a"), key("b"));
    let mut scene = Scene::with(&[&a]);
    scene.checks(&a).await.unwrap();
    scene.now -= SECOND;
    assert!(scene.at_once(&a).await);
    scene.publish(&[&b]);
    scene.now -= HOURS(1000);
    scene.checks(&b).await.unwrap();
    assert!(is_refused(&scene.checks(&a).await));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_does_not_wait_for_the_timer() {
    let (a, b) = (key("a"), key("b"));
    let mut scene = Scene::with(&[&a]);
    scene.takes(Duration::ZERO);
    scene.checks(&a).await.unwrap();
    scene.publish(&[&b]);
    scene.jump(5 * SECOND);
    assert!(scene.at_once(&b).await);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_is_over() {
    let a = key("a");
    let mut scene = Scene::with(&[&a]);
    scene.published.may_end.close();
    let refused = scene.checks(&a).await;
    assert!(matches!(
        refused,
        Err(SignatureCheckError::Jwks(JwksError::TooSlow))
    ));
    scene.pass(10 * SECOND).await;
    let before = scene.fetches();
    assert!(is_unreachable(&scene.checks(&a).await));
    assert!(scene.fetches() > before);
}
