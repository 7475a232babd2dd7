//! Batches of steps: one alone, some at the same time, or some while an issuer keeps another one waiting.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::history;
use super::issuers::Proof;
use super::model::{Login, issuer_of};
use super::requests::{Prepared, proofs};
use super::server::{Core, STEP};
use super::simulation::Simulation;
use super::step::{Reply, Request, Step, Trust};
use super::time;

/// How far the clock moves before logins are verified: an issuer's keys are fetched once in five seconds.
const COOLDOWN: i64 = 6000;

/// How often a held step is looked at.
const LOOK: Duration = Duration::from_micros(100);

/// How long tasks need for what doesn't wait for anything.
const SETTLING: Duration = Duration::from_millis(1);

/// How long a call waits for an issuer, and a little more.
const PATIENCE: Duration = Duration::from_secs(7);

/// A request that is sent, with what is known of it before.
struct Sent {
    request: Request,
    kinds: Vec<Proof>,
    now: i64,
    trust: Trust,
    /// Whether the client doesn't wait for the answer.
    leaves: bool,
    answer: JoinHandle<(usize, usize, (u16, String))>,
}

impl Simulation<'_> {
    /// Lets clients take some steps, and checks the answers.
    pub(super) async fn batch(&mut self) -> Result<(), String> {
        let is_calm = self.fault.is_none();
        if is_calm && self.random.chance(1, 12) {
            return self.hold().await;
        }
        let count = match self.random.below(8) {
            0 if is_calm => 2 + self.random.below(3),
            1 if is_calm => 2,
            _ => 1,
        };
        let requests: Vec<Request> = (0..count).map(|_| self.choose()).collect();
        if requests.iter().any(|one| !one.logins().is_empty()) {
            self.ambient.advance(COOLDOWN);
        }
        let (clock, mut sent) = (Arc::default(), Vec::new());
        let unsettled = count > 1;
        for request in requests {
            let request = self.tame(request, unsettled);
            let pauses = self.random.below(4);
            sent.push(self.send(request, unsettled, pauses, &clock));
        }
        let only = sent.first_mut().filter(|_| count == 1);
        // A rotation, and the verification of a login, go on elsewhere for a time that isn't known.
        let is_short = |sent: &&mut Sent| {
            sent.request.logins().is_empty() && !matches!(sent.request, Request::Rotate)
        };
        if let Some(only) = only.filter(is_short) {
            only.leaves = self.random.chance(1, 25);
            if only.leaves {
                self.leave(&only.answer).await;
            }
        }
        self.finish(sent).await
    }

    /// A step that nothing interferes with, and that must be done.
    pub(super) async fn alone(&mut self, request: Request) -> Result<(), String> {
        let sent = self.send(request, false, 0, &Arc::default());
        self.finish(vec![sent]).await
    }

    /// Replaces a request that other steps can't run beside: one with logins of an issuer that isn't settled, because a call
    /// may wait for seconds then, or a second rotation.
    fn tame(&self, request: Request, is_crowded: bool) -> Request {
        let now = self.now();
        let mut issuers = request.logins().iter().filter_map(issuer_of);
        let is_slow = issuers.any(|issuer| !self.issuers[issuer].is_settled(now));
        if is_crowded && (is_slow || matches!(request, Request::Rotate)) {
            return Request::DescribePool { pool: 0 };
        }
        request
    }

    fn send(
        &mut self,
        request: Request,
        only_good: bool,
        pauses: usize,
        clock: &Arc<AtomicUsize>,
    ) -> Sent {
        let now = self.now();
        let kinds = request.logins().iter().map(|_| {
            if only_good {
                Proof::Good
            } else {
                Proof::random(&mut self.random)
            }
        });
        let kinds: Vec<Proof> = kinds.collect();
        let tokens = proofs(&self.issuers, request.logins(), &kinds, now);
        let state = &self.possible[0];
        let prepared = self.clients.prepare(&request, state, &self.issuers, tokens);
        let call = call(self.core(), prepared, pauses, Arc::clone(clock));
        Sent {
            leaves: false,
            trust: self.trust(request.logins(), &kinds),
            kinds,
            request,
            now,
            answer: tokio::spawn(STEP.scope(RefCell::new(self.random.fork()), call)),
        }
    }

    fn trust(&self, logins: &[Login], kinds: &[Proof]) -> Trust {
        let now = self.now();
        let each = logins.iter().zip(kinds).filter_map(|(login, kind)| {
            let issuer = issuer_of(login)?;
            Some(self.issuers[issuer].trust(*kind, now))
        });
        each.fold(Trust::Yes, |all, one| match (all, one) {
            (Trust::No, _) | (_, Trust::No) => Trust::No,
            (Trust::Perhaps, _) | (_, Trust::Perhaps) => Trust::Perhaps,
            (Trust::Yes, Trust::Yes) => Trust::Yes,
        })
    }

    /// A client goes away after a while. What it has begun goes on, and has ended when this returns.
    async fn leave(&mut self, answer: &JoinHandle<(usize, usize, (u16, String))>) {
        // The call hasn't begun, or it waits for something outside of this thread.
        if self.random.chance(3, 4) {
            tokio::task::yield_now().await;
        }
        answer.abort();
        for _ in 0..2 {
            time::wait(SETTLING).await;
            let claim = self.new_claim();
            // The writer takes changes in their order. An error is one of the disk, which the audit notices.
            let _ = self.core().store.claim_once(&claim).await;
        }
        time::wait(SETTLING).await;
    }

    /// A sign-in waits for a slow issuer while other steps run.
    async fn hold(&mut self) -> Result<(), String> {
        let number = self.random.below(2);
        let Some(request) = self.choose_sign_in(number) else {
            return Ok(());
        };
        let now = self.now();
        self.issuers[number].rotate(now);
        self.issuers[number].hold(true);
        self.ambient.advance(COOLDOWN);
        self.note(&format!("issuer {number} rotates its key and is slow"));
        let clock = Arc::default();
        let held = self.send(request, true, 0, &clock);
        while !held.answer.is_finished() && !self.issuers[number].is_waited_for() {
            time::wait(LOOK).await;
        }
        let mut sent = vec![held];
        for _ in 0..=self.random.below(3) {
            let request = self.choose();
            if !request.logins().is_empty() || matches!(request, Request::Rotate) {
                continue;
            }
            let next = self.send(request, true, 0, &clock);
            while !next.answer.is_finished() {
                time::wait(LOOK).await;
            }
            sent.push(next);
        }
        if self.random.chance(1, 4) && !sent[0].answer.is_finished() {
            self.note(&format!("issuer {number} doesn't answer in time"));
            tokio::time::advance(PATIENCE).await;
            while !sent[0].answer.is_finished() {
                time::wait(LOOK).await;
            }
        }
        self.issuers[number].hold(false);
        self.finish(sent).await
    }

    /// Waits for the answers, and checks that an order of the steps explains all of them.
    async fn finish(&mut self, sent: Vec<Sent>) -> Result<(), String> {
        let mut steps = Vec::new();
        let is_alone = sent.len() == 1;
        let mut answers = Vec::new();
        for one in sent {
            let answer = match one.answer.await {
                Err(error) if error.is_cancelled() => (0, 1, (599, "the client left".to_owned())),
                answer => answer.map_err(|error| format!("{:?}: {error}", one.request))?,
            };
            let may_fail = one.leaves || self.may_fail();
            answers.push((one.request, one.kinds, one.now, one.trust, may_fail, answer));
        }
        let is_cut = self.disk.is_cut();
        for (request, kinds, now, trust, may_fail, (began, ended, answer)) in answers {
            let later = self.trust(request.logins(), &kinds);
            let core = self.core();
            let read = self
                .clients
                .read(&core, &request, &self.issuers, now, answer);
            let reply = read.map_err(|violated| format!("{request:?}: {violated}"))?;
            let beside = if is_alone { "" } else { "| " };
            let forged = if kinds.iter().any(|kind| *kind != Proof::Good) {
                format!("{kinds:?} ")
            } else {
                String::new()
            };
            self.note(&format!("{beside}{request:?} {forged}-> {reply:?}"));
            self.counts.steps += 1;
            self.counts.done += u64::from(matches!(reply, Reply::Done(_)));
            self.counts.failed += u64::from(matches!(reply, Reply::Failed(_)));
            steps.push(Step {
                request,
                reply,
                began,
                ended,
                now,
                trust: if trust == later {
                    trust
                } else {
                    Trust::Perhaps
                },
                may_fail: may_fail || is_cut,
                is_alone,
            });
        }
        self.check(&steps).await
    }

    async fn check(&mut self, steps: &[Step]) -> Result<(), String> {
        let first = usize::try_from(self.counts.steps).expect("a small number");
        let after = history::explain(&self.possible, steps, first);
        if after.is_empty() {
            return Err("the answers disagree with the model".to_owned());
        }
        let failed = steps
            .iter()
            .any(|step| matches!(step.reply, Reply::Failed(_)));
        if failed {
            let mut before = self.possible.clone();
            before.append(&mut self.in_doubt);
            self.in_doubt = history::explain(&before, steps, first);
        } else if after != self.possible {
            // A later change is on the disk, so that the log began anew after a failure.
            self.in_doubt.clear();
        }
        self.possible = after;
        if failed && !self.disk.is_cut() {
            self.audit().await?;
        }
        let shown = steps.iter().filter_map(|step| match &step.reply {
            Reply::Done(found) => found.id.clone(),
            _ => None,
        });
        self.learn(shown.collect());
        Ok(())
    }
}

/// Sends a request after some pauses; when it began and ended, and the answer.
async fn call(
    core: Arc<Core>,
    prepared: Prepared,
    pauses: usize,
    clock: Arc<AtomicUsize>,
) -> (usize, usize, (u16, String)) {
    for _ in 0..pauses {
        tokio::task::yield_now().await;
    }
    let began = clock.fetch_add(1, Ordering::SeqCst);
    let answer = prepared.send(&core).await;
    (began, clock.fetch_add(1, Ordering::SeqCst), answer)
}
