//! Bounded pools for work that untrusted input can make cost more than a tenth of a millisecond of processor time.
//!
//! Few pieces of work run at once. The others wait in a queue for each client, and the clients take turns. A client that fills
//! its share of the queue delays another one by a single piece of work, and is itself refused.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::{spawn_blocking, yield_now};
use tracing::Instrument;

use crate::permits;
use crate::permits::shares::{ClientNetwork, Share, Shares};
use crate::spans;

/// The expensive work that may wait for each thread. One client has half of it: with 20 milliseconds for each, its last one
/// waits for a second.
const EXPENSIVE: usize = 100;

/// The signatures that run at once for each core. It saves asking for new input between any two, and delays what is ready
/// meanwhile by a millisecond or two.
const SIGNATURES_AT_ONCE: usize = 4;

/// The signatures, or handshakes, that may wait or be in work, however many cores there are. One client has half of them.
const SIGNATURES: usize = 1024;

/// The pools of a server. Short work never waits behind long work.
#[derive(Debug, Clone)]
pub struct WorkPools {
    /// For work that costs more than a millisecond: SAML responses, large bodies, several keys to try.
    pub expensive: Arc<BlockingPool>,
    /// For TLS handshakes. The operator chooses their key, which may take milliseconds.
    pub handshakes: Arc<BlockingPool>,
    /// For one operation of public-key cryptography that takes up to a millisecond: a token that is signed, or verified on a
    /// large curve. A switch to another thread and back would be a fair part of that.
    pub signatures: Arc<BlockingPool>,
}

impl WorkPools {
    /// Pools for the cores of this machine. Those with threads of their own leave one core, or half of them, to connections.
    pub fn for_this_machine() -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let at_least_one = |count| NonZero::new(count).unwrap_or(NonZero::<usize>::MIN);
        let half = at_least_one(cores.get() / 2);
        let pool =
            |name, thread, at_once, most| Arc::new(BlockingPool::new(name, thread, at_once, most));
        Self {
            expensive: pool(
                "expensive work",
                WorkThread::Own,
                half,
                half.get() * EXPENSIVE,
            ),
            handshakes: pool(
                "handshakes",
                WorkThread::Own,
                at_least_one(cores.get() - 1),
                SIGNATURES,
            ),
            signatures: pool(
                "signatures",
                WorkThread::Callers,
                at_least_one(cores.get() * SIGNATURES_AT_ONCE),
                SIGNATURES,
            ),
        }
    }
}

/// The thread that runs the work of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkThread {
    /// On threads that serve no connection: for work of any length.
    Own,
    /// On the thread that asks for it, after everything else that is ready there and after new input of its connections: for
    /// work that takes less than a millisecond. What is ready later waits for no more pieces of work than run at once.
    Callers,
}

/// A bounded pool for work that occupies its thread.
#[derive(Debug)]
pub struct BlockingPool {
    thread: WorkThread,
    queue: Arc<WorkQueue>,
}

/// The pool's queue is full, or the client's share of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much work of this kind waits")]
pub struct PoolFull;

/// The callers that wait, and how much work runs.
struct WorkQueue {
    /// The name of what is refused, in the metric.
    name: &'static str,
    at_once: usize,
    /// The work that waits or runs, by client.
    shares: Arc<Shares>,
    waiting: Mutex<CallsInTurn>,
}

#[derive(Default)]
struct CallsInTurn {
    by_client: HashMap<ClientNetwork, VecDeque<WaitingCall>>,
    /// The clients that wait, the next one first.
    turns: VecDeque<ClientNetwork>,
    running: usize,
}

/// A caller that waits for its turn. It counts until its turn has come, also if it is gone.
struct WaitingCall {
    turn: oneshot::Sender<Turn>,
    share: Share,
}

/// The right to run one piece of work. It goes to the next caller when it is dropped.
struct Turn {
    queue: Arc<WorkQueue>,
    _share: Share,
}

impl BlockingPool {
    /// A pool for work with this name, of which `at_once` pieces run at the same time, and `most` may wait or run.
    pub fn new(
        name: &'static str,
        thread: WorkThread,
        at_once: NonZero<usize>,
        most: usize,
    ) -> Self {
        let queue = Arc::new(WorkQueue {
            name,
            at_once: at_once.get(),
            shares: Shares::new(most),
            waiting: Mutex::default(),
        });
        Self { thread, queue }
    }

    /// Runs `work` for the client of this task's request, as [`BlockingPool::run_for`].
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolFull> {
        self.run_for(permits::client(), work).await
    }

    /// Runs `work` when it is the client's turn, or refuses it if too much work waits. Work that has begun counts until it ends,
    /// also if the caller is gone.
    pub async fn run_for<T: Send + 'static>(
        &self,
        client: ClientNetwork,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolFull> {
        let span = spans::work(self.queue.name);
        self.run_in_turn(client, work).instrument(span).await
    }

    async fn run_in_turn<T: Send + 'static>(
        &self,
        client: ClientNetwork,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolFull> {
        let turn = self.queue.turn(client).await?;
        let work = move || {
            let _turn = turn;
            work()
        };
        match self.thread {
            WorkThread::Callers => {
                // The runtime goes on with a task that yields when it has nothing else to do and has asked for new input.
                yield_now().await;
                Ok(work())
            }
            WorkThread::Own => match spawn_blocking(work).await {
                Ok(outcome) => Ok(outcome),
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                // The runtime stops, and its threads take no more work.
                Err(_) => Err(PoolFull),
            },
        }
    }
}

impl WorkQueue {
    fn lock(&self) -> MutexGuard<'_, CallsInTurn> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn of `client`.
    async fn turn(self: &Arc<Self>, client: ClientNetwork) -> Result<Turn, PoolFull> {
        let mut share = self.shares.share(client);
        if !share.grow(1) {
            metrics::counter!("cognate_refused_total", "limit" => self.name).increment(1);
            return Err(PoolFull);
        }
        let answered = {
            let mut waiting = self.lock();
            if waiting.running < self.at_once {
                waiting.running += 1;
                return Ok(Turn {
                    queue: Arc::clone(self),
                    _share: share,
                });
            }
            let (turn, answered) = oneshot::channel();
            waiting.push(client, WaitingCall { turn, share });
            answered
        };
        answered.await.map_err(|_| PoolFull)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        loop {
            let next = {
                let mut waiting = self.queue.lock();
                let next = waiting.pop();
                waiting.running -= usize::from(next.is_none());
                next
            };
            let Some(WaitingCall { turn, share }) = next else {
                return;
            };
            // A caller that is gone needs no turn.
            if !turn.is_closed() {
                // One that goes at this moment drops its turn itself.
                let _ = turn.send(Turn {
                    queue: Arc::clone(&self.queue),
                    _share: share,
                });
                return;
            }
        }
    }
}

impl CallsInTurn {
    fn push(&mut self, client: ClientNetwork, waiter: WaitingCall) {
        let own = self.by_client.entry(client).or_default();
        if own.is_empty() {
            self.turns.push_back(client);
        }
        own.push_back(waiter);
    }

    fn pop(&mut self) -> Option<WaitingCall> {
        let client = self.turns.pop_front()?;
        let own = self.by_client.get_mut(&client)?;
        let waiter = own.pop_front();
        if own.is_empty() {
            self.by_client.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        waiter
    }
}

impl fmt::Debug for WorkQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WorkQueue")
            .field("at_once", &self.at_once)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;

    fn pool_at(thread: WorkThread, at_once: usize, most: usize) -> Arc<BlockingPool> {
        let at_once = NonZero::new(at_once).unwrap();
        Arc::new(BlockingPool::new("work", thread, at_once, most))
    }

    fn pool(at_once: usize, most: usize) -> Arc<BlockingPool> {
        pool_at(WorkThread::Own, at_once, most)
    }

    fn client(last: u8) -> ClientNetwork {
        ClientNetwork::new([192, 0, 2, last].into())
    }

    fn is_waiting<F: Future + Unpin>(future: &mut F) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(future).poll(&mut context).is_pending()
    }

    /// Keeps a thread of `pool` busy until the sender is dropped.
    async fn keep_busy(pool: &Arc<BlockingPool>) -> mpsc::Sender<()> {
        let (go_on, waits) = mpsc::channel::<()>();
        let (begun, begins) = oneshot::channel();
        let pool = Arc::clone(pool);
        tokio::spawn(async move {
            let work = move || {
                let _ = begun.send(());
                let _ = waits.recv();
            };
            pool.run_for(client(250), work).await
        });
        begins.await.unwrap();
        go_on
    }

    fn left(pool: &BlockingPool, last: u8) -> usize {
        let mut share = pool.queue.shares.share(client(last));
        (0..1000).take_while(|_| share.grow(1)).count()
    }

    #[tokio::test]
    async fn long_work_is_done_elsewhere_and_short_work_here() {
        let here = std::thread::current().id();
        for (thread, is_here) in [(WorkThread::Own, false), (WorkThread::Callers, true)] {
            let thread = pool_at(thread, 1, 10)
                .run(|| std::thread::current().id())
                .await;
            assert_eq!(thread.unwrap() == here, is_here);
        }
    }

    #[tokio::test]
    async fn short_work_waits_for_its_turn_too() {
        let pool = pool_at(WorkThread::Callers, 1, 10);
        let turn = pool.queue.turn(client(1)).await.unwrap();
        let mut waits = Box::pin(pool.run_for(client(2), || 7));
        assert!(is_waiting(&mut waits));
        drop(turn);
        assert_eq!(waits.await, Ok(7));
    }

    #[tokio::test]
    async fn a_caller_that_leaves_when_its_turn_comes_passes_it_on() {
        let pool = pool_at(WorkThread::Callers, 1, 10);
        let turn = pool.queue.turn(client(1)).await.unwrap();
        let mut leaves = Box::pin(pool.run_for(client(2), || 7));
        let mut waits = Box::pin(pool.run_for(client(3), || 8));
        assert!(is_waiting(&mut leaves));
        assert!(is_waiting(&mut waits));
        drop(turn);
        drop(leaves);
        assert_eq!(waits.await, Ok(8));
        assert_eq!(pool.queue.lock().running, 0);
    }

    #[tokio::test]
    async fn a_full_pool_refuses_at_once_and_recovers() {
        let pool = pool(1, 100);
        let busy = keep_busy(&pool).await;
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let pool = Arc::clone(&pool);
            calls.spawn(async move { pool.run_for(client(1), || ()).await });
        }
        while left(&pool, 1) > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run_for(client(1), || ()).await, Err(PoolFull));
        assert!(left(&pool, 2) > 20, "another client has a share");
        // Callers that leave cause no work.
        calls.abort_all();
        while calls.join_next().await.is_some() {}
        drop(busy);
        assert_eq!(pool.run_for(client(2), || 7).await, Ok(7));
        while left(&pool, 1) < 50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run_for(client(1), || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_client_that_fills_the_queue_delays_another_by_one_piece_of_work() {
        let pool = pool(1, 1000);
        let busy = keep_busy(&pool).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut calls = tokio::task::JoinSet::new();
        for last in [1; 400].into_iter().chain([2, 2, 3]) {
            let (pool, order) = (Arc::clone(&pool), Arc::clone(&order));
            calls.spawn(async move {
                let work = move || order.lock().unwrap().push(last);
                pool.run_for(client(last), work).await.unwrap();
            });
        }
        let waiting = || {
            pool.queue
                .lock()
                .by_client
                .values()
                .map(VecDeque::len)
                .sum::<usize>()
        };
        while waiting() < 403 {
            tokio::task::yield_now().await;
        }
        drop(busy);
        calls.join_all().await;
        let order = order.lock().unwrap();
        assert_eq!(order.len(), 403);
        assert_eq!(order[..6], [1, 2, 3, 1, 2, 1]);
    }

    #[tokio::test]
    async fn as_much_work_runs_at_once_as_the_pool_allows() {
        let pool = pool(2, 100);
        let (one, other) = (keep_busy(&pool).await, keep_busy(&pool).await);
        let (sender, receiver) = oneshot::channel();
        let third = Arc::clone(&pool);
        let third = tokio::spawn(async move { third.run(move || sender.send(())).await });
        tokio::task::yield_now().await;
        assert_eq!(pool.queue.lock().running, 2);
        drop(one);
        receiver.await.unwrap();
        drop(other);
        third.await.unwrap().unwrap().unwrap();
        // No turn is lost.
        while pool.queue.lock().running > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    #[should_panic(expected = "a bug")]
    async fn a_panic_is_passed_on() {
        let _ = pool(1, 10).run(|| panic!("a bug")).await;
    }

    #[tokio::test]
    async fn a_panic_loses_no_turn() {
        let pool = pool(1, 10);
        let busy = keep_busy(&pool).await;
        let panics = Arc::clone(&pool);
        let panics = tokio::spawn(async move { panics.run(|| panic!("a bug")).await });
        tokio::task::yield_now().await;
        drop(busy);
        assert!(panics.await.is_err());
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }
}
