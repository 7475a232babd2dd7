//! Batches: the questions that wait are answered in one transaction, with one statement for each kind of row. There is no
//! timer: a batch is what queued while the workers were busy.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::connections::{Connections, TimeBound, commit, within};
use super::load::{self, Lock};
use super::rows::{Needs, Rows};
use super::transaction::{PATIENCE, Runs, TransactionError};
use super::{advice, apply, closed, run_once};
use crate::store::event::Origin;
use crate::store::identities::{self, Answer, Loaded, Plan, PlanStep, Question};
use crate::store::{Cause, StoreError, measure_queue};

/// How many questions may wait; a later one is refused.
const QUEUE: usize = 16_384;

/// How many transactions a question takes part in at most because its plan lacks rows.
const ROUNDS: u32 = 8;

/// The size of a queue's transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchSize {
    /// How many questions one transaction answers at most.
    pub(super) questions: usize,
    /// How many transactions run at once.
    pub(super) workers: usize,
}

impl Default for BatchSize {
    fn default() -> Self {
        Self {
            questions: 256,
            workers: 4,
        }
    }
}

/// What a queue's transactions may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Answer from one snapshot, without writes.
    Read,
    /// Answer and write.
    Change,
}

/// A question that waits for its answer.
struct Waiting {
    question: Question,
    /// Who asks; `None` where nothing may be written.
    origin: Option<Origin>,
    /// The rows that its plan is known to need.
    needs: Needs,
    /// The uptime at which it was asked.
    asked: Duration,
    reply: oneshot::Sender<Result<Option<Answer>, StoreError>>,
}

/// A queue of questions and the workers that answer them.
pub(super) struct Batches {
    shared: Arc<Shared>,
    workers: tokio::sync::Mutex<JoinSet<()>>,
}

struct Shared {
    connections: Arc<Connections>,
    mode: Mode,
    size: BatchSize,
    waiting: Mutex<VecDeque<Waiting>>,
    /// A permit for each question that no worker has been woken for.
    arrived: Semaphore,
}

impl Batches {
    pub(super) fn start(connections: Arc<Connections>, mode: Mode, size: BatchSize) -> Self {
        let shared = Arc::new(Shared {
            connections,
            mode,
            size,
            waiting: Mutex::default(),
            arrived: Semaphore::new(0),
        });
        let mut workers = JoinSet::new();
        for _ in 0..size.workers {
            workers.spawn(Arc::clone(&shared).work());
        }
        Self {
            shared,
            workers: workers.into(),
        }
    }

    /// Answers a question; `None` where the answer needs writes and there is no origin.
    pub(super) async fn ask(
        &self,
        question: &Question,
        origin: Option<&Origin>,
    ) -> Result<Option<Answer>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting {
            question: question.clone(),
            origin: origin.cloned(),
            needs: Needs::of(question),
            asked: self.shared.connections.ambient().uptime(),
            reply,
        };
        {
            let mut queue = self.shared.queue();
            if self.shared.arrived.is_closed() {
                return Err(closed());
            }
            if queue.len() >= QUEUE {
                return Err(StoreError::Unavailable("too many questions wait".into()));
            }
            queue.push_back(waiting);
        }
        self.shared.arrived.add_permits(1);
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Answers what waits and takes nothing more.
    pub(super) async fn close(&self) {
        self.shared.arrived.close();
        let mut workers = self.workers.lock().await;
        while workers.join_next().await.is_some() {}
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The questions that wait, as many as one transaction answers.
    fn take(&self) -> Vec<Waiting> {
        let mut queue = self.queue();
        let size = queue.len().min(self.size.questions);
        self.arrived.forget_permits(size.saturating_sub(1));
        measure_queue(queue.len() - size);
        queue.drain(..size).collect()
    }

    async fn work(self: Arc<Self>) {
        while let Ok(arrived) = self.arrived.acquire().await {
            arrived.forget();
            self.answer(self.take()).await;
        }
        // The queue takes nothing more; what is in it is still answered.
        loop {
            let batch = self.take();
            if batch.is_empty() {
                return;
            }
            self.answer(batch).await;
        }
    }

    /// Answers a batch. Questions that need more rows than were loaded go into the next transaction, with these rows.
    async fn answer(&self, mut batch: Vec<Waiting>) {
        let mut runs = Runs::new(self.connections.ambient());
        let mut rounds = 0;
        loop {
            batch = self.without_late(batch, runs.is_unknown());
            if batch.is_empty() {
                return;
            }
            let result = self.run(&mut batch).await;
            let planned = match runs.after(result, self.connections.ambient()).await {
                None => continue,
                Some(Ok(planned)) => planned,
                // One unreadable row doesn't refuse the others.
                Some(Err(StoreError::Corrupt(_))) if batch.len() > 1 => {
                    return self.answer_alone(batch).await;
                }
                Some(Err(error)) => return fail(batch, error),
            };
            let mut rest = Vec::new();
            for (waiting, planned) in batch.into_iter().zip(planned) {
                match planned {
                    // The caller may have gone away.
                    Planned::Answer(answer) => drop(waiting.reply.send(answer)),
                    Planned::Lacks => rest.push(waiting),
                }
            }
            batch = rest;
            rounds += 1;
            if rounds == ROUNDS && !batch.is_empty() {
                if let [_] = batch.as_slice() {
                    let cause = "other servers changed the rows of a question again and again";
                    return fail(batch, StoreError::Unavailable(cause.into()));
                }
                return self.answer_alone(batch).await;
            }
        }
    }

    /// Refuses the questions that waited too long, and returns the others.
    fn without_late(&self, batch: Vec<Waiting>, unknown: bool) -> Vec<Waiting> {
        let now = self.connections.ambient().uptime();
        let is_late = |one: &Waiting| now.saturating_sub(one.asked) > PATIENCE;
        let (late, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_late);
        if !late.is_empty() {
            let cause = advice::SILENT.into();
            fail(
                late,
                if unknown {
                    StoreError::Unknown(cause)
                } else {
                    StoreError::Unavailable(cause)
                },
            );
        }
        rest
    }

    /// Answers each question in a transaction of its own.
    async fn answer_alone(&self, batch: Vec<Waiting>) {
        for waiting in batch {
            Box::pin(self.answer(vec![waiting])).await;
        }
    }

    /// Runs one transaction for a batch.
    async fn run(&self, batch: &mut [Waiting]) -> Result<Vec<Planned>, TransactionError> {
        run_once!(
            &self.connections,
            TimeBound::Request,
            self.mode,
            |tx| async {
                match self.mode {
                    Mode::Read => read(&tx, batch).await,
                    Mode::Change => change(&tx, batch).await,
                }
            }
        )
    }
}

/// Answers questions from the snapshot of `tx`.
async fn read(tx: &Transaction<'_>, batch: &[Waiting]) -> Result<Vec<Planned>, TransactionError> {
    let mut rows = Rows::default();
    let mut needs = all(batch);
    loop {
        load::needs(tx, &needs, Lock::No, &mut rows).await?;
        let planned: Vec<_> = batch.iter().map(|one| plan(one, &rows)).collect();
        needs = Needs::default();
        for outcome in &planned {
            if let Outcome::Lacks(lacks) = outcome {
                needs.extend(lacks);
            }
        }
        if needs.is_empty() {
            return Ok(planned.into_iter().map(Planned::from).collect());
        }
    }
}

/// Locks the rows that the questions are known to need, and makes the changes of those questions that need no others.
async fn change(
    tx: &Transaction<'_>,
    batch: &mut [Waiting],
) -> Result<Vec<Planned>, TransactionError> {
    let mut before = Rows::default();
    load::needs(tx, &all(batch), Lock::Yes, &mut before).await?;
    let mut rows = before.clone();
    let mut events = Vec::new();
    let mut planned = Vec::with_capacity(batch.len());
    for waiting in batch.iter() {
        planned.push(match plan(waiting, &rows) {
            Outcome::Done(plan) => {
                for write in plan.writes {
                    rows.apply(write, &mut before);
                }
                events.extend(plan.events);
                Planned::Answer(Ok(Some(plan.answer)))
            }
            other => Planned::from(other),
        });
    }
    apply::difference(tx, &before, &rows).await?;
    apply::events(tx, &events).await?;
    discover(tx, batch, &planned, before).await?;
    Ok(planned)
}

/// Finds, without locks, the rows that the plans need which lacked some, so that the next transaction locks all of them.
async fn discover(
    tx: &Transaction<'_>,
    batch: &mut [Waiting],
    planned: &[Planned],
    mut rows: Rows,
) -> Result<(), TransactionError> {
    loop {
        let mut needs = Needs::default();
        for (waiting, planned) in batch.iter_mut().zip(planned) {
            if matches!(planned, Planned::Lacks)
                && let Outcome::Lacks(lacks) = plan(waiting, &rows)
            {
                waiting.needs.extend(&lacks);
                needs.extend(&lacks);
            }
        }
        if needs.is_empty() {
            return Ok(());
        }
        load::needs(tx, &needs, Lock::No, &mut rows).await?;
    }
}

fn all(batch: &[Waiting]) -> Needs {
    let mut needs = Needs::default();
    for one in batch {
        needs.extend(&one.needs);
    }
    needs
}

/// The outcome of a plan with the rows of a batch.
enum Outcome {
    Done(Plan),
    NeedsChange,
    Lacks(Needs),
    Failed(StoreError),
}

/// What becomes of a question in one transaction.
enum Planned {
    /// It is answered when the transaction is committed.
    Answer(Result<Option<Answer>, StoreError>),
    /// Its plan lacks rows: the next transaction tries again.
    Lacks,
}

impl From<Outcome> for Planned {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done(plan) => Self::Answer(Ok(Some(plan.answer))),
            Outcome::NeedsChange => Self::Answer(Ok(None)),
            Outcome::Failed(error) => Self::Answer(Err(error)),
            Outcome::Lacks(_) => Self::Lacks,
        }
    }
}

fn plan(waiting: &Waiting, rows: &Rows) -> Outcome {
    let mut loaded = Loaded::default();
    loop {
        match identities::plan(&waiting.question, waiting.origin.as_ref(), &loaded) {
            Err(error) => return Outcome::Failed(error),
            Ok(PlanStep::Done(plan)) => return Outcome::Done(plan),
            Ok(PlanStep::NeedsChange) => return Outcome::NeedsChange,
            Ok(PlanStep::More(needs)) => {
                let mut lacks = Needs::default();
                for need in needs {
                    if !rows.give(need, &mut loaded) {
                        lacks.add(need);
                    }
                }
                if !lacks.is_empty() {
                    return Outcome::Lacks(lacks);
                }
            }
        }
    }
}

/// Answers all questions of a batch with the same failure.
fn fail(batch: Vec<Waiting>, error: StoreError) {
    let error = Arc::new(error);
    for waiting in batch {
        let cause: Cause = Box::new(Arc::clone(&error));
        let error = match error.as_ref() {
            StoreError::Unavailable(_) => StoreError::Unavailable(cause),
            StoreError::Unknown(_) => StoreError::Unknown(cause),
            StoreError::Corrupt(_) => StoreError::Corrupt(cause),
        };
        drop(waiting.reply.send(Err(error)));
    }
}
