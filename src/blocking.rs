//! A bounded pool of threads for work that untrusted input can make cost more than a millisecond of processor time. The
//! threads that serve connections never do such work, so it delays no other request.

use std::num::NonZero;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// The number of calls that may wait for each thread. With 20 milliseconds for each, the last one waits for a second.
const WAITERS: usize = 50;

/// Threads for work that costs more than a millisecond of processor time.
#[derive(Debug)]
pub struct BlockingPool {
    /// A permit for each call that runs or waits.
    calls: Arc<Semaphore>,
    /// A permit for each thread.
    threads: Arc<Semaphore>,
}

/// All threads of the pool are busy, and too many calls wait for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much work of this kind waits for a thread")]
pub struct PoolFull;

impl BlockingPool {
    /// A pool with this number of threads.
    pub fn new(threads: NonZero<usize>) -> Self {
        let threads = threads.get();
        Self {
            calls: Arc::new(Semaphore::new(threads * (1 + WAITERS))),
            threads: Arc::new(Semaphore::new(threads)),
        }
    }

    /// A pool for half of the processor's cores; the other half serves connections.
    pub fn for_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::new(NonZero::new(cores / 2).unwrap_or(NonZero::<usize>::MIN))
    }

    /// Runs `work` on a thread of the pool, or refuses it if too many calls wait. Work that has begun keeps its permits until
    /// it ends, also if the caller is gone.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolFull> {
        let call = Arc::clone(&self.calls)
            .try_acquire_owned()
            .map_err(|_| PoolFull)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        let thread = thread.expect("the semaphore is never closed");
        let running = tokio::task::spawn_blocking(move || {
            let _permits = (call, thread);
            work()
        });
        match running.await {
            Ok(outcome) => Ok(outcome),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn pool(threads: usize) -> BlockingPool {
        BlockingPool::new(NonZero::new(threads).unwrap())
    }

    #[tokio::test]
    async fn work_is_done_elsewhere() {
        let here = std::thread::current().id();
        let there = pool(1).run(|| std::thread::current().id()).await.unwrap();
        assert_ne!(here, there);
    }

    #[tokio::test]
    async fn a_full_pool_refuses_at_once_and_recovers() {
        let pool = Arc::new(pool(2));
        let barrier = Arc::new(Barrier::new(3));
        let begun = Arc::new(AtomicUsize::new(0));
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..2 * (1 + WAITERS) {
            let (pool, barrier, begun) = (pool.clone(), barrier.clone(), begun.clone());
            calls.spawn(async move {
                let work = move || {
                    if begun.fetch_add(1, Ordering::SeqCst) < 2 {
                        barrier.wait();
                    }
                };
                pool.run(work).await
            });
        }
        while pool.calls.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|| ()).await, Err(PoolFull));
        assert!(begun.load(Ordering::SeqCst) <= 2, "two threads");
        // Callers that leave free the pool of their waiting work, and not of what runs.
        calls.abort_all();
        while calls.join_next().await.is_some() {}
        assert_eq!(pool.calls.available_permits(), 2 * WAITERS);
        tokio::task::spawn_blocking(move || barrier.wait())
            .await
            .unwrap();
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    #[should_panic(expected = "a bug")]
    async fn a_panic_is_passed_on() {
        let _ = pool(1).run(|| panic!("a bug")).await;
    }
}
