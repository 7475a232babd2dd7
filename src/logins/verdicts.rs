//! What providers said of access tokens, for at most a minute, by provider and hash of the token; the token itself is
//! not kept. Whoever shows a token that is being asked about waits for that answer.
//!
//! A yes and a no are remembered, a failure isn't: the next one asks again. Asking has a bound in number for each
//! provider, and in time by the client that asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use tokio::sync::watch;

use super::vouching::{NoAnswer, NotVouched, REMEMBERED, Vouched};

/// How many verdicts of one provider are remembered.
const MOST: usize = 10_000;
/// About how many tokens one provider is asked at once.
const MOST_ASKED: usize = 256;

type Hash = [u8; 32];
type Verdict = Result<Arc<Vouched>, NotVouched>;

/// What the providers said.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    providers: Mutex<HashMap<&'static str, HashMap<Hash, Slot>>>,
}

#[derive(Debug)]
enum Slot {
    /// Being asked since `since`. The channel gives the verdict once, and closes without one if the asking was stopped.
    Asking {
        answer: watch::Receiver<Option<Verdict>>,
        since: Timestamp,
    },
    /// Said to whoever asked at `since`.
    Said { verdict: Verdict, since: Timestamp },
}

impl Slot {
    fn is_fresh(&self, now: Timestamp) -> bool {
        match self {
            Self::Asking { answer, .. } => answer.has_changed().is_ok(),
            Self::Said { verdict, since } => {
                let good_for = verdict.as_ref().ok().and_then(|vouched| vouched.good_for);
                let limit = good_for.map_or(REMEMBERED, |good| good.min(REMEMBERED));
                now.duration_since(*since).abs() < limit
            }
        }
    }
}

impl Verdicts {
    /// What `provider` says of the token with this hash, and when it was asked; `ask` asks it, if that is needed.
    pub(super) async fn of(
        self: &Arc<Self>,
        provider: &'static str,
        hash: Hash,
        now: Timestamp,
        ask: impl Future<Output = Result<Vouched, NotVouched>> + Send + 'static,
    ) -> Result<(Timestamp, Arc<Vouched>), NotVouched> {
        let (mut answer, since) = {
            let mut providers = self.lock();
            let slots = providers.entry(provider).or_default();
            match slots.get(&hash).filter(|slot| slot.is_fresh(now)) {
                Some(Slot::Said { verdict, since }) => {
                    return verdict.clone().map(|vouched| (*since, vouched));
                }
                Some(Slot::Asking { answer, since }) => (answer.clone(), *since),
                None => {
                    make_room(slots, now)?;
                    let (sender, answer) = watch::channel(None);
                    let asking = Slot::Asking {
                        answer: answer.clone(),
                        since: now,
                    };
                    slots.insert(hash, asking);
                    let these = Arc::clone(self);
                    // A task of its own: others wait for it, even if the one who came first goes away.
                    tokio::spawn(async move {
                        let verdict = ask.await.map(Arc::new);
                        these.said(provider, hash, &verdict, now);
                        sender.send_replace(Some(verdict));
                    });
                    (answer, now)
                }
            }
        };
        let said = answer.wait_for(Option::is_some).await;
        let verdict = said.ok().and_then(|verdict| verdict.clone());
        let verdict = verdict.unwrap_or_else(|| Err(NoAnswer::Stopped.into()));
        verdict.map(|vouched| (since, vouched))
    }

    fn said(&self, provider: &'static str, hash: Hash, verdict: &Verdict, since: Timestamp) {
        let mut providers = self.lock();
        let slots = providers.entry(provider).or_default();
        if let Err(NotVouched::NoAnswer(_)) = verdict {
            slots.remove(&hash);
        } else {
            let verdict = verdict.clone();
            slots.insert(hash, Slot::Said { verdict, since });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<&'static str, HashMap<Hash, Slot>>> {
        self.providers.lock().expect("no holder of the map panics")
    }
}

/// Room for one more token, which is to be asked about.
fn make_room(slots: &mut HashMap<Hash, Slot>, now: Timestamp) -> Result<(), NotVouched> {
    let is_asked = |slot: &&Slot| matches!(slot, Slot::Asking { .. }) && slot.is_fresh(now);
    // Fewer slots than tokens that may be asked about need no counting.
    if slots.len() >= MOST_ASKED && slots.values().filter(is_asked).count() >= MOST_ASKED {
        return Err(NoAnswer::TooMany.into());
    }
    if slots.len() >= MOST {
        slots.retain(|_, slot| slot.is_fresh(now));
    }
    if slots.len() >= MOST {
        let said = slots
            .iter()
            .find(|(_, slot)| matches!(slot, Slot::Said { .. }));
        if let Some(hash) = said.map(|(hash, _)| *hash) {
            slots.remove(&hash);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use jiff::SignedDuration;
    use tokio::sync::Semaphore;

    use super::*;

    /// A provider that counts how often it was asked, and answers when it is let.
    struct Scene {
        verdicts: Arc<Verdicts>,
        asked: Arc<AtomicUsize>,
        gate: Arc<Semaphore>,
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn vouched(good_for: Option<i64>) -> Vouched {
        Vouched {
            apps: vec!["app".into()],
            user: "7".into(),
            good_for: good_for.map(SignedDuration::from_secs),
        }
    }

    impl Scene {
        fn new(open: bool) -> Self {
            Self {
                verdicts: Arc::default(),
                asked: Arc::default(),
                gate: Arc::new(Semaphore::new(if open {
                    Semaphore::MAX_PERMITS
                } else {
                    0
                })),
            }
        }

        fn of(
            &self,
            hash: u16,
            now: Timestamp,
            said: Result<Vouched, NotVouched>,
        ) -> impl Future<Output = String> + use<> {
            let (verdicts, asked) = (Arc::clone(&self.verdicts), Arc::clone(&self.asked));
            let gate = Arc::clone(&self.gate);
            let mut whole = [0; 32];
            whole[..2].copy_from_slice(&hash.to_be_bytes());
            async move {
                let ask = async move {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let _ = gate.acquire().await.unwrap();
                    said
                };
                let verdict = verdicts.of("a.example", whole, now, ask).await;
                crate::logins::vouching::tests::told(verdict.map(|(_, who)| who.user.clone()))
            }
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn a_verdict_is_remembered_for_a_minute_and_no_longer() {
        let refused = || Err(NotVouched::refused(400, "190"));
        for (said, told) in [(Ok(vouched(None)), "7"), (refused(), "no 400 190")] {
            let scene = Scene::new(true);
            for (now, asked) in [(0, 1), (30, 1), (59, 1), (60, 2), (90, 2), (0, 3)] {
                assert_eq!(scene.of(1, at(now), said.clone()).await, told);
                assert_eq!(scene.asked(), asked, "at {now}");
            }
            scene.of(2, at(29), said).await;
            assert_eq!(scene.asked(), 4, "another token");
        }
    }

    #[tokio::test]
    async fn a_token_that_ends_sooner_is_remembered_until_then() {
        let scene = Scene::new(true);
        for (now, asked) in [(0, 1), (9, 1), (10, 2)] {
            assert_eq!(scene.of(1, at(now), Ok(vouched(Some(10)))).await, "7");
            assert_eq!(scene.asked(), asked, "at {now}");
        }
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let scene = Scene::new(true);
        let failed = scene.of(1, at(0), Err(NoAnswer::Status(503).into())).await;
        assert_eq!(failed, "nothing: the provider answered with 503");
        assert_eq!(scene.of(1, at(0), Ok(vouched(None))).await, "7");
        assert_eq!(scene.asked(), 2);
    }

    #[tokio::test]
    async fn whoever_comes_meanwhile_waits_for_the_same_answer() {
        let scene = Scene::new(false);
        let first = tokio::spawn(scene.of(1, at(0), Ok(vouched(None))));
        let others: Vec<_> = (0..50)
            .map(|_| tokio::spawn(scene.of(1, at(1), Ok(vouched(None)))))
            .collect();
        while scene.asked() == 0 {
            tokio::task::yield_now().await;
        }
        // The one who came first goes away; the others are answered all the same.
        first.abort();
        scene.gate.add_permits(1);
        for other in others {
            assert_eq!(other.await.unwrap(), "7");
        }
        assert_eq!(scene.asked(), 1);
    }

    #[tokio::test]
    async fn a_provider_is_asked_about_so_many_tokens_at_once_and_no_more() {
        let scene = Scene::new(false);
        let most = u16::try_from(MOST_ASKED).unwrap();
        let waiting: Vec<_> = (0..most)
            .map(|hash| tokio::spawn(scene.of(hash, at(0), Ok(vouched(None)))))
            .collect();
        while scene.asked() < MOST_ASKED {
            tokio::task::yield_now().await;
        }
        let told = scene.of(most, at(0), Ok(vouched(None))).await;
        assert_eq!(
            told,
            "nothing: the provider is being asked about too many tokens"
        );
        scene.gate.add_permits(MOST_ASKED + 1);
        for one in waiting {
            assert_eq!(one.await.unwrap(), "7");
        }
        assert_eq!(scene.of(most, at(0), Ok(vouched(None))).await, "7");
    }

    #[tokio::test]
    async fn so_many_verdicts_are_remembered_and_no_more() {
        let scene = Scene::new(true);
        for hash in 0..u16::try_from(MOST).unwrap() + 10 {
            scene.of(hash, at(0), Ok(vouched(None))).await;
        }
        let kept = || scene.verdicts.lock()["a.example"].len();
        assert_eq!(kept(), MOST);
        // Old ones go first.
        scene.of(u16::MAX, at(60), Ok(vouched(None))).await;
        assert_eq!(kept(), 1);
    }
}
