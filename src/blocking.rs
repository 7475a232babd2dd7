//! Bounded pools of threads for work that untrusted input can make cost more than a tenth of a millisecond of processor time.
//! The threads that serve connections never do such work, so it delays no other request.
//!
//! Work waits in a queue for each client, and the clients take turns. A client that fills its share of the queue delays
//! another one by a single piece of work, and is itself refused.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::permits;
use crate::permits::shares::{ClientNetwork, Shares};

/// The expensive work that may wait for each thread. One client has half of it: with 20 milliseconds for each, its last one
/// waits for a second.
const EXPENSIVE: usize = 100;

/// The signatures that may wait or be in work, however many threads there are. One client has half of them.
const SIGNATURES: usize = 1024;

/// The pools of a server. Short work never waits behind long work.
#[derive(Debug, Clone)]
pub struct WorkPools {
    /// For work that costs more than a millisecond: SAML responses, large bodies, several keys to try.
    pub expensive: Arc<BlockingPool>,
    /// For one operation of public-key cryptography: a token that is signed or verified, a TLS handshake.
    pub signatures: Arc<BlockingPool>,
}

impl WorkPools {
    /// Pools for the cores of this machine, which leave one of them, or half of them, to connections.
    pub fn for_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let pool = |name, threads: usize, most: usize| {
            let threads = NonZero::new(threads).unwrap_or(NonZero::<usize>::MIN);
            Arc::new(BlockingPool::new(name, threads, most))
        };
        let half = (cores / 2).max(1);
        Self {
            expensive: pool("expensive work", half, half * EXPENSIVE),
            signatures: pool("signatures", cores - 1, SIGNATURES),
        }
    }
}

/// Threads for work that would delay the threads of connections.
#[derive(Debug)]
pub struct BlockingPool(Arc<WorkQueue>);

/// The pool's queue is full, or the client's share of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much work of this kind waits for a thread")]
pub struct PoolFull;

/// The work that waits, and how many threads take it.
struct WorkQueue {
    /// The name of what is refused, in the metric.
    name: &'static str,
    threads: usize,
    /// The work that waits or runs, by client.
    shares: Arc<Shares>,
    waiting: Mutex<WaitingWork>,
}

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct WaitingWork {
    by_client: HashMap<ClientNetwork, VecDeque<Work>>,
    /// The clients with work, the next one first.
    turns: VecDeque<ClientNetwork>,
    running: usize,
}

impl BlockingPool {
    /// A pool for work with this name, with this number of threads, in which `most` pieces of work may wait or run.
    pub fn new(name: &'static str, threads: NonZero<usize>, most: usize) -> Self {
        Self(Arc::new(WorkQueue {
            name,
            threads: threads.get(),
            shares: Shares::new(most),
            waiting: Mutex::default(),
        }))
    }

    /// Runs `work` on a thread of the pool for the client of this task's request, as [`BlockingPool::run_for`].
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolFull> {
        self.run_for(permits::client(), work).await
    }

    /// Runs `work` on a thread of the pool, or refuses it if too much work waits. Work that has begun counts until it ends,
    /// also if the caller is gone.
    pub async fn run_for<T: Send + 'static>(
        &self,
        client: ClientNetwork,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolFull> {
        let mut share = self.0.shares.share(client);
        if !share.grow(1) {
            metrics::counter!("cognate_refused_total", "limit" => self.0.name).increment(1);
            return Err(PoolFull);
        }
        let (answer, answered) = oneshot::channel::<Result<T, Box<dyn Any + Send>>>();
        let work = move || {
            // A caller that is gone needs no work.
            if !answer.is_closed() {
                let outcome = catch_unwind(AssertUnwindSafe(work));
                drop(share);
                let _ = answer.send(outcome);
            }
        };
        self.0.push(client, Box::new(work));
        match answered.await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(panic)) => resume_unwind(panic),
            // The runtime stops, and its threads take no more work.
            Err(_) => Err(PoolFull),
        }
    }
}

impl WorkQueue {
    fn lock(&self) -> MutexGuard<'_, WaitingWork> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(self: &Arc<Self>, client: ClientNetwork, work: Work) {
        let begins = {
            let mut waiting = self.lock();
            waiting.push(client, work);
            let begins = waiting.running < self.threads;
            waiting.running += usize::from(begins);
            begins
        };
        if begins {
            let queue = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                while let Some(work) = queue.next() {
                    work();
                }
            });
        }
    }

    /// The next work, of the client that has the next turn. A thread that finds none ends.
    fn next(&self) -> Option<Work> {
        let mut waiting = self.lock();
        let work = waiting.pop();
        waiting.running -= usize::from(work.is_none());
        work
    }
}

impl WaitingWork {
    fn push(&mut self, client: ClientNetwork, work: Work) {
        let own = self.by_client.entry(client).or_default();
        if own.is_empty() {
            self.turns.push_back(client);
        }
        own.push_back(work);
    }

    fn pop(&mut self) -> Option<Work> {
        let client = self.turns.pop_front()?;
        let own = self.by_client.get_mut(&client)?;
        let work = own.pop_front();
        if own.is_empty() {
            self.by_client.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        work
    }
}

impl fmt::Debug for WorkQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WorkQueue")
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn pool(threads: usize, most: usize) -> Arc<BlockingPool> {
        Arc::new(BlockingPool::new(
            "work",
            NonZero::new(threads).unwrap(),
            most,
        ))
    }

    fn client(last: u8) -> ClientNetwork {
        ClientNetwork::new([192, 0, 2, last].into())
    }

    /// Keeps the one thread of `pool` busy until the sender is dropped.
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
        let mut share = pool.0.shares.share(client(last));
        (0..1000).take_while(|_| share.grow(1)).count()
    }

    #[tokio::test]
    async fn work_is_done_elsewhere() {
        let here = std::thread::current().id();
        let there = pool(1, 10).run(|| std::thread::current().id()).await;
        assert_ne!(here, there.unwrap());
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
            pool.0
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
    async fn as_many_threads_work_as_the_pool_has() {
        let pool = pool(2, 100);
        let (one, other) = (keep_busy(&pool).await, keep_busy(&pool).await);
        let (sender, receiver) = oneshot::channel();
        let third = Arc::clone(&pool);
        let third = tokio::spawn(async move { third.run(move || sender.send(())).await });
        tokio::task::yield_now().await;
        assert_eq!(pool.0.lock().running, 2);
        drop(one);
        receiver.await.unwrap();
        drop(other);
        third.await.unwrap().unwrap().unwrap();
        // The threads end when nothing waits.
        while pool.0.lock().running > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    #[should_panic(expected = "a bug")]
    async fn a_panic_is_passed_on() {
        let _ = pool(1, 10).run(|| panic!("a bug")).await;
    }

    #[tokio::test]
    async fn a_panic_ends_no_thread() {
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
