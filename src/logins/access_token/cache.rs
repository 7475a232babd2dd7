//! The introspection cache: the answers of providers, for at most a minute, by provider and hash of the token. The token
//! itself isn't kept. Concurrent logins with one token share one request (single flight).
//!
//! Accepted and rejected tokens are cached, failures aren't: the next login asks again. Concurrent requests are bounded in
//! number for each provider, and in time by the client that sends them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, watch};
use tracing::Instrument;

use super::introspection::{Introspection, IntrospectionError, IntrospectionFailure};
use crate::{permits, spans};

/// The longest time for which an answer is cached.
const LIFETIME: SignedDuration = SignedDuration::from_secs(60);
/// The number of cached answers of one provider.
const MOST: usize = 10_000;
/// The number of concurrent requests to one provider.
const CONCURRENT: usize = 256;

type Hash = [u8; 32];
type CachedAnswer = Result<Arc<Introspection>, IntrospectionError>;

/// The cached answers of all providers.
#[derive(Debug, Default)]
pub(in crate::logins) struct IntrospectionCache {
    providers: Mutex<HashMap<&'static str, ProviderAnswers>>,
}

/// The cached answers of one provider.
#[derive(Debug)]
struct ProviderAnswers {
    entries: HashMap<Hash, CacheEntry>,
    /// One permit for each request in flight.
    permits: Arc<Semaphore>,
}

#[derive(Debug)]
enum CacheEntry {
    /// The request is in flight since `asked_at`. The channel sends the answer once, and closes without one if the
    /// request is cancelled.
    InFlight {
        answer: watch::Receiver<Option<CachedAnswer>>,
        asked_at: Timestamp,
    },
    /// The provider answered a request made at `asked_at`.
    Answered {
        answer: CachedAnswer,
        asked_at: Timestamp,
    },
}

impl Default for ProviderAnswers {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            permits: Arc::new(Semaphore::new(CONCURRENT)),
        }
    }
}

impl CacheEntry {
    fn is_fresh(&self, now: Timestamp) -> bool {
        match self {
            Self::InFlight { answer, .. } => answer.has_changed().is_ok(),
            Self::Answered { answer, asked_at } => {
                let expires_in = answer.as_ref().ok().and_then(|answer| answer.expires_in);
                let limit = expires_in.map_or(LIFETIME, |left| left.min(LIFETIME));
                now.duration_since(*asked_at).abs() < limit
            }
        }
    }
}

impl IntrospectionCache {
    /// The answer of `provider` about the token with this hash, and when it was asked. `request` asks it; it is not
    /// polled where a fresh answer is cached or in flight.
    pub(super) async fn get(
        self: &Arc<Self>,
        provider: &'static str,
        hash: Hash,
        now: Timestamp,
        request: impl Future<Output = Result<Introspection, IntrospectionError>> + Send + 'static,
    ) -> Result<(Timestamp, Arc<Introspection>), IntrospectionError> {
        let (mut receiver, asked_at) = {
            let mut providers = self.lock();
            let answers = providers.entry(provider).or_default();
            match answers.fresh(&hash, now) {
                Some(CacheEntry::Answered { answer, asked_at }) => {
                    return answer.clone().map(|answer| (*asked_at, answer));
                }
                Some(CacheEntry::InFlight { answer, asked_at }) => (answer.clone(), *asked_at),
                None => {
                    let permit = Arc::clone(&answers.permits).try_acquire_owned();
                    let permit = permit.map_err(|_| IntrospectionFailure::TooMany)?;
                    answers.evict(now);
                    let (sender, receiver) = watch::channel(None);
                    let entry = CacheEntry::InFlight {
                        answer: receiver.clone(),
                        asked_at: now,
                    };
                    answers.entries.insert(hash, entry);
                    let cache = Arc::clone(self);
                    // The request runs in a task of its own, so that a caller that leaves doesn't cancel it for others.
                    let request = async move {
                        let answer = request.await.map(Arc::new);
                        cache.store(provider, hash, &answer, now);
                        drop(permit);
                        sender.send_replace(Some(answer));
                    };
                    tokio::spawn(request.in_current_span());
                    (receiver, now)
                }
            }
        };
        let answer = async {
            let answer = receiver.wait_for(Option::is_some).await;
            answer.ok().and_then(|answer| answer.clone())
        };
        let answer = permits::without(answer.instrument(spans::wait_for_fetch())).await;
        let answer = answer.unwrap_or_else(|| Err(IntrospectionFailure::Cancelled.into()));
        answer.map(|answer| (asked_at, answer))
    }

    fn store(
        &self,
        provider: &'static str,
        hash: Hash,
        answer: &CachedAnswer,
        asked_at: Timestamp,
    ) {
        let mut providers = self.lock();
        let entries = &mut providers.entry(provider).or_default().entries;
        if let Err(IntrospectionError::Failed(_)) = answer {
            entries.remove(&hash);
        } else {
            let answer = answer.clone();
            entries.insert(hash, CacheEntry::Answered { answer, asked_at });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<&'static str, ProviderAnswers>> {
        self.providers.lock().expect("no holder of the map panics")
    }
}

impl ProviderAnswers {
    fn fresh(&self, hash: &Hash, now: Timestamp) -> Option<&CacheEntry> {
        self.entries.get(hash).filter(|entry| entry.is_fresh(now))
    }

    /// Evicts entries until one more fits: expired entries go first, then any answer.
    fn evict(&mut self, now: Timestamp) {
        if self.entries.len() >= MOST {
            self.entries.retain(|_, entry| entry.is_fresh(now));
        }
        if self.entries.len() >= MOST {
            let answered = self
                .entries
                .iter()
                .find(|(_, entry)| matches!(entry, CacheEntry::Answered { .. }));
            if let Some(hash) = answered.map(|(hash, _)| *hash) {
                self.entries.remove(&hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::logins::access_token::introspection::tests::summary;

    /// A provider that counts requests, and answers when the gate is open.
    struct Scene {
        cache: Arc<IntrospectionCache>,
        asked: Arc<AtomicUsize>,
        gate: Arc<Semaphore>,
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn valid(expires_in: Option<i64>) -> Introspection {
        Introspection {
            apps: vec!["app".into()],
            user: "7".into(),
            expires_in: expires_in.map(SignedDuration::from_secs),
        }
    }

    impl Scene {
        fn new(open: bool) -> Self {
            Self {
                cache: Arc::default(),
                asked: Arc::default(),
                gate: Arc::new(Semaphore::new(if open {
                    Semaphore::MAX_PERMITS
                } else {
                    0
                })),
            }
        }

        fn get(
            &self,
            hash: u16,
            now: Timestamp,
            answer: Result<Introspection, IntrospectionError>,
        ) -> impl Future<Output = String> + use<> {
            let (cache, asked) = (Arc::clone(&self.cache), Arc::clone(&self.asked));
            let gate = Arc::clone(&self.gate);
            let mut whole = [0; 32];
            whole[..2].copy_from_slice(&hash.to_be_bytes());
            async move {
                let request = async move {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let _ = gate.acquire().await.unwrap();
                    answer
                };
                let answer = cache.get("a.example", whole, now, request).await;
                summary(answer.map(|(_, answer)| answer.user.clone()))
            }
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn an_answer_is_cached_for_a_minute_and_no_longer() {
        let rejected = || Err(IntrospectionError::rejected(400, "190"));
        for (answer, expected) in [(Ok(valid(None)), "7"), (rejected(), "rejected 400 190")] {
            let scene = Scene::new(true);
            for (now, asked) in [(0, 1), (30, 1), (59, 1), (60, 2), (90, 2), (0, 3)] {
                assert_eq!(scene.get(1, at(now), answer.clone()).await, expected);
                assert_eq!(scene.asked(), asked, "at {now}");
            }
            scene.get(2, at(29), answer).await;
            assert_eq!(scene.asked(), 4, "another token");
        }
    }

    #[tokio::test]
    async fn an_answer_about_a_token_that_ends_sooner_is_cached_until_then() {
        let scene = Scene::new(true);
        for (now, asked) in [(0, 1), (9, 1), (10, 2)] {
            assert_eq!(scene.get(1, at(now), Ok(valid(Some(10)))).await, "7");
            assert_eq!(scene.asked(), asked, "at {now}");
        }
    }

    #[tokio::test]
    async fn a_failure_is_not_cached() {
        let scene = Scene::new(true);
        let failed = scene
            .get(1, at(0), Err(IntrospectionFailure::Status(503).into()))
            .await;
        assert_eq!(failed, "failed: the provider answered with 503");
        assert_eq!(scene.get(1, at(0), Ok(valid(None))).await, "7");
        assert_eq!(scene.asked(), 2);
    }

    #[tokio::test]
    async fn concurrent_logins_with_one_token_share_one_request() {
        let scene = Scene::new(false);
        let first = tokio::spawn(scene.get(1, at(0), Ok(valid(None))));
        let others: Vec<_> = (0..50)
            .map(|_| tokio::spawn(scene.get(1, at(1), Ok(valid(None)))))
            .collect();
        while scene.asked() == 0 {
            tokio::task::yield_now().await;
        }
        // The first caller leaves; the others are answered all the same.
        first.abort();
        scene.gate.add_permits(1);
        for other in others {
            assert_eq!(other.await.unwrap(), "7");
        }
        assert_eq!(scene.asked(), 1);
    }

    #[tokio::test]
    async fn concurrent_requests_to_a_provider_are_bounded() {
        let scene = Scene::new(false);
        let most = u16::try_from(CONCURRENT).unwrap();
        let waiting: Vec<_> = (0..most)
            .map(|hash| tokio::spawn(scene.get(hash, at(0), Ok(valid(None)))))
            .collect();
        while scene.asked() < CONCURRENT {
            tokio::task::yield_now().await;
        }
        let refused = scene.get(most, at(0), Ok(valid(None))).await;
        assert_eq!(
            refused,
            "failed: the provider is being asked about too many tokens"
        );
        scene.gate.add_permits(CONCURRENT + 1);
        for one in waiting {
            assert_eq!(one.await.unwrap(), "7");
        }
        assert_eq!(scene.get(most, at(0), Ok(valid(None))).await, "7");
    }

    #[tokio::test]
    async fn so_many_answers_are_cached_and_no_more() {
        let scene = Scene::new(true);
        for hash in 0..u16::try_from(MOST).unwrap() + 10 {
            scene.get(hash, at(0), Ok(valid(None))).await;
        }
        let kept = || scene.cache.lock()["a.example"].entries.len();
        assert_eq!(kept(), MOST);
        // Old ones go first.
        scene.get(u16::MAX, at(60), Ok(valid(None))).await;
        assert_eq!(kept(), 1);
    }
}
