//! Permits for work in progress. A permit bounds what the server works on at the same time, so a request gives its permit
//! back while it waits for a provider, and takes another before it continues.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub mod rates;
pub mod shares;

use shares::{ClientNetwork, Share, Shares};

/// A number of permits for one class of requests, of which each client has a share.
#[derive(Debug, Clone)]
pub struct Permits {
    /// What metrics call them.
    name: &'static str,
    most: usize,
    free: Arc<Semaphore>,
    /// The same permits, by client.
    shares: Arc<Shares>,
}

/// One permit, and the client that it counts for.
struct Permit {
    _permit: OwnedSemaphorePermit,
    _share: Share,
}

/// The permit of the request that this task works on.
struct Held {
    permits: Permits,
    client: ClientNetwork,
    state: Mutex<HeldState>,
}

#[derive(Default)]
struct HeldState {
    permit: Option<Permit>,
    /// The number of calls to providers that the request waits for.
    waits: usize,
}

tokio::task_local! {
    static HELD: Held;
}

impl Permits {
    /// Permits for `most` requests, with a name for metrics.
    pub fn new(name: &'static str, most: usize) -> Self {
        Self {
            name,
            most,
            free: Arc::new(Semaphore::new(most)),
            shares: Shares::new(most),
        }
    }

    /// Runs `work` with a permit; `None`, without running it, if no permit is free or the client's share is used up.
    pub async fn run<T>(&self, client: ClientNetwork, work: impl Future<Output = T>) -> Option<T> {
        let Some(permit) = self.take(client) else {
            metrics::counter!("cognate_refused_total", "limit" => self.name).increment(1);
            return None;
        };
        let held = Held {
            permits: self.clone(),
            client,
            state: Mutex::new(HeldState {
                permit: Some(permit),
                waits: 0,
            }),
        };
        Some(HELD.scope(held, work).await)
    }

    fn take(&self, client: ClientNetwork) -> Option<Permit> {
        let mut share = self.shares.share(client);
        if !share.grow(1) {
            return None;
        }
        Some(Permit {
            _permit: Arc::clone(&self.free).try_acquire_owned().ok()?,
            _share: share,
        })
    }

    /// Measures how many permits are in use.
    #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
    pub fn measure(&self) {
        let in_use = self.most - self.free.available_permits();
        metrics::gauge!("cognate_permits_in_use", "limit" => self.name).set(in_use as f64);
    }

    /// Waits for a permit for work that has begun. The client's share doesn't refuse it.
    async fn again(&self, client: ClientNetwork) -> Option<Permit> {
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        let mut share = self.shares.share(client);
        share.grow_up_to(1);
        Some(Permit {
            _permit: permit,
            _share: share,
        })
    }
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HeldState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait for a provider. It ends also if the waiting future is dropped.
struct Wait;

impl Wait {
    fn begin() -> Self {
        let _ = HELD.try_with(|held| {
            let mut state = held.lock();
            state.waits += 1;
            state.permit = None;
        });
        Self
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let _ = HELD.try_with(|held| held.lock().waits -= 1);
    }
}

/// The client of the request that this task works on; calls of this process count for an address of their own.
pub fn client() -> ClientNetwork {
    HELD.try_with(|held| held.client)
        .unwrap_or(ClientNetwork::THIS_PROCESS)
}

/// Waits for a provider without the permit of the request.
pub async fn without<T>(provider: impl Future<Output = T>) -> T {
    let wait = Wait::begin();
    let outcome = provider.await;
    drop(wait);
    let missing = HELD.try_with(|held| {
        let state = held.lock();
        (state.waits == 0 && state.permit.is_none()).then(|| (held.permits.clone(), held.client))
    });
    if let Ok(Some((permits, client))) = missing {
        let permit = permits.again(client).await;
        let _ = HELD.try_with(|held| held.lock().permit = permit);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> ClientNetwork {
        ClientNetwork::new([192, 0, 2, last].into())
    }

    fn free(permits: &Permits) -> usize {
        permits.free.available_permits()
    }

    #[tokio::test]
    async fn a_permit_is_free_during_calls_to_providers_and_taken_after_them() {
        let permits = Permits::new("calls", 2);
        let work = async {
            assert_eq!(free(&permits), 1);
            let one = without(async { assert_eq!(free(&permits), 2) });
            let other = without(async {
                tokio::task::yield_now().await;
                assert_eq!(free(&permits), 2);
                // The client's share is free meanwhile.
                assert!(permits.run(client(1), async {}).await.is_some());
            });
            tokio::join!(one, other);
            assert_eq!(free(&permits), 1);
            assert!(permits.run(client(1), async {}).await.is_none());
        };
        permits.run(client(1), work).await.unwrap();
        assert_eq!(free(&permits), 2);
        assert!(permits.run(client(1), async {}).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_has_a_share_and_leaves_permits_for_others() {
        let permits = Permits::new("calls", 8);
        let mut held = tokio::task::JoinSet::new();
        for last in [1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4] {
            let permits = permits.clone();
            let work = tokio::time::sleep(std::time::Duration::from_secs(1));
            held.spawn(async move { permits.run(client(last), work).await.map(|()| last) });
        }
        let mut served: Vec<_> = held.join_all().await.into_iter().flatten().collect();
        served.sort_unstable();
        assert_eq!(served, [1, 1, 1, 1, 2, 2, 3]);
        assert_eq!(free(&permits), 8);
    }

    #[tokio::test]
    async fn a_call_to_a_provider_outside_of_a_request_needs_no_permit() {
        assert_eq!(without(async { 7 }).await, 7);
    }
}
