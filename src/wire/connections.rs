//! Connections: how many there are, how long they last, and which one makes way for a new one.
//!
//! A connection is idle while no request of it is in progress. A request that was answered is not in progress, so a client
//! that answers pings, keeps a window of zero or doesn't read its answers has an idle connection. A connection waits for its
//! client while this server works on none of its requests, for example while it receives a body. An answer that the client
//! doesn't take in time ends its connection, whatever else happens there.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::limits::{self, ConnectionLimits};
use crate::permits::shares::ClientNetwork;

/// All open connections.
pub(super) struct Connections {
    pub(super) limits: ConnectionLimits,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<ConnectionActivity>>,
    by_client: HashMap<ClientNetwork, usize>,
}

/// What happens on a connection.
pub(super) struct ConnectionActivity {
    client: ClientNetwork,
    /// The requests in progress.
    requests: AtomicUsize,
    /// The requests in progress that don't wait for the client.
    working: AtomicUsize,
    had_request: AtomicBool,
    idle_since: Mutex<Instant>,
    /// The answers that the client hasn't taken yet, the oldest first.
    unread: Mutex<VecDeque<Instant>>,
    /// The requests that were throttled.
    refusals: AtomicUsize,
    replaced: AtomicBool,
    replace: Notify,
}

/// A connection that counts against the limits until this value is dropped.
pub(super) struct OpenConnection {
    connections: Arc<Connections>,
    id: u64,
    activity: Arc<ConnectionActivity>,
}

/// An answer that the client hasn't taken until this value is dropped.
pub(super) struct UnreadAnswer {
    activity: Arc<ConnectionActivity>,
    since: Instant,
}

/// A request in progress; its connection is not idle until this value is dropped.
pub(super) struct InProgress(Arc<ConnectionActivity>);

/// Work on a request; its connection doesn't wait for the client until this value is dropped.
pub(super) struct Working(Arc<ConnectionActivity>);

impl Connections {
    pub(super) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            open: Mutex::default(),
        })
    }

    /// Counts a new connection, if its client has fewer connections than are free. Otherwise the new connection replaces one
    /// that waits for a client with more connections; `None` if there is none.
    pub(super) fn admit(self: &Arc<Self>, client: ClientNetwork) -> Option<OpenConnection> {
        let mut open = self.lock();
        let own = open.count(client);
        if own >= self.limits.total - open.connections.len() {
            let id = open.longest_waiting(own)?;
            open.remove(id)?.make_way();
        }
        let id = open.next;
        open.next += 1;
        let activity = Arc::new(ConnectionActivity::new(client));
        open.connections.insert(id, Arc::clone(&activity));
        *open.by_client.entry(client).or_default() += 1;
        metrics::gauge!("cognate_connections").increment(1.0);
        Some(OpenConnection {
            connections: Arc::clone(self),
            id,
            activity,
        })
    }

    /// Ends a connection that waits for a client with the most connections; `false` if there is none.
    pub(super) fn end_one(&self) -> bool {
        let mut open = self.lock();
        let ended = open.longest_waiting(0).and_then(|id| open.remove(id));
        ended.inspect(|activity| activity.make_way()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// The number of connections of a client.
    fn count(&self, client: ClientNetwork) -> usize {
        self.by_client.get(&client).copied().unwrap_or(0)
    }

    /// The connection that a client with `own` connections may replace: among those that wait for their client, one of the
    /// client with the most connections (but more than `own`), and of these the one that is idle for the longest time.
    fn longest_waiting(&self, own: usize) -> Option<u64> {
        let waiting = self.connections.iter().filter_map(|(id, activity)| {
            let count = self.count(activity.client);
            (count > own).then_some(())?;
            Some((count, Reverse(activity.waiting_since()?), *id))
        });
        waiting.max().map(|(.., id)| id)
    }

    fn remove(&mut self, id: u64) -> Option<Arc<ConnectionActivity>> {
        let activity = self.connections.remove(&id)?;
        if let Some(count) = self.by_client.get_mut(&activity.client) {
            *count -= 1;
            if *count == 0 {
                self.by_client.remove(&activity.client);
            }
        }
        Some(activity)
    }
}

impl ConnectionActivity {
    pub(super) fn new(client: ClientNetwork) -> Self {
        Self {
            client,
            requests: AtomicUsize::new(0),
            working: AtomicUsize::new(0),
            had_request: AtomicBool::new(false),
            idle_since: Mutex::new(Instant::now()),
            unread: Mutex::default(),
            refusals: AtomicUsize::new(0),
            replaced: AtomicBool::new(false),
            replace: Notify::new(),
        }
    }

    /// Marks the begin of a request.
    pub(super) fn begin(self: &Arc<Self>) -> InProgress {
        self.requests.fetch_add(1, Ordering::AcqRel);
        self.had_request.store(true, Ordering::Release);
        InProgress(Arc::clone(self))
    }

    /// Marks the begin of work on a request that has arrived as a whole.
    pub(super) fn work(self: &Arc<Self>) -> Working {
        self.working.fetch_add(1, Ordering::AcqRel);
        Working(Arc::clone(self))
    }

    /// Marks the begin of an answer.
    pub(super) fn answer(self: &Arc<Self>) -> UnreadAnswer {
        let mut unread = self.unread();
        let since = Instant::now();
        unread.push_back(since);
        UnreadAnswer {
            activity: Arc::clone(self),
            since,
        }
    }

    fn unread(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits before a request of `client` is refused, if many were. Requests of a proxy's clients, which share a connection,
    /// never wait.
    pub(super) async fn throttle(&self, client: ClientNetwork) {
        let refusals = self.refusals.fetch_add(1, Ordering::Relaxed);
        if refusals >= limits::QUICK_REFUSALS && client == self.client {
            tokio::time::sleep(limits::THROTTLED).await;
        }
    }

    fn make_way(&self) {
        self.replaced.store(true, Ordering::Release);
        self.replace.notify_one();
    }

    /// The last end of a request, or the beginning of the connection.
    fn idle_since(&self) -> MutexGuard<'_, Instant> {
        let since = self.idle_since.lock();
        since.unwrap_or_else(PoisonError::into_inner)
    }

    /// The last end of a request, if this connection waits for its client.
    fn waiting_since(&self) -> Option<Instant> {
        (self.working.load(Ordering::Acquire) == 0).then(|| *self.idle_since())
    }

    /// Whether a request of this connection has arrived.
    pub(super) fn had_request(&self) -> bool {
        self.had_request.load(Ordering::Acquire)
    }

    /// Waits until the connection was idle for too long.
    pub(super) async fn idle_for_too_long(&self, limits: &ConnectionLimits) {
        self.idle_for(|| {
            if self.had_request() {
                limits.idle
            } else {
                limits.first_request
            }
        })
        .await;
    }

    /// Waits until the client hasn't taken an answer for too long.
    pub(super) async fn unread_for_too_long(&self, limits: &ConnectionLimits) {
        loop {
            let since = self.unread().front().copied();
            let end = since.unwrap_or_else(Instant::now) + limits.unread;
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    /// Waits for the end of the requests in progress, and then until the client had time to read the answers.
    pub(super) async fn answered(&self, limits: &ConnectionLimits) {
        tokio::time::sleep(limits.last_answers).await;
        self.idle_for(|| limits.last_answers).await;
    }

    async fn idle_for(&self, allowed: impl Fn() -> Duration) {
        loop {
            let busy = self.requests.load(Ordering::Acquire) > 0;
            let since = if busy {
                Instant::now()
            } else {
                *self.idle_since()
            };
            let end = since + allowed();
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    /// Waits until another connection replaces this one.
    pub(super) async fn replaced(&self) {
        while !self.replaced.load(Ordering::Acquire) {
            self.replace.notified().await;
        }
    }
}

impl std::ops::Deref for OpenConnection {
    type Target = Arc<ConnectionActivity>;

    fn deref(&self) -> &Arc<ConnectionActivity> {
        &self.activity
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connections.lock().remove(self.id);
        metrics::gauge!("cognate_connections").decrement(1.0);
    }
}

impl Drop for UnreadAnswer {
    fn drop(&mut self) {
        let mut unread = self.activity.unread();
        // Equal times are interchangeable.
        if let Some(at) = unread.iter().position(|since| *since == self.since) {
            unread.remove(at);
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        *self.0.idle_since() = Instant::now();
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> ClientNetwork {
        ClientNetwork::new([192, 0, 2, last].into())
    }

    fn with(total: usize) -> Arc<Connections> {
        Connections::new(ConnectionLimits {
            total,
            ..ConnectionLimits::for_files(0)
        })
    }

    fn is_replaced(connection: &OpenConnection) -> bool {
        connection.activity.replaced.load(Ordering::Acquire)
    }

    #[tokio::test]
    async fn a_client_gets_half_and_a_new_client_replaces_a_waiting_connection() {
        let connections = with(4);
        let one = [1, 1].map(|last| connections.admit(client(last)).unwrap());
        assert!(
            connections.admit(client(1)).is_none(),
            "its share is used up"
        );
        let two = connections.admit(client(2)).unwrap();
        let three = connections.admit(client(3)).unwrap();
        let working = one[0].work();
        let four = connections.admit(client(4)).unwrap();
        one[1].replaced().await;
        assert!(!is_replaced(&one[0]), "the server works on its request");
        assert!(connections.admit(client(4)).is_none(), "no client has more");
        drop((working, one, two, three, four));
        assert!(connections.lock().connections.is_empty());
        assert!(connections.lock().by_client.is_empty());
    }

    #[tokio::test]
    async fn requests_without_bodies_make_way_and_work_does_not() {
        let connections = with(2);
        let both = [1, 2].map(|last| connections.admit(client(last)).unwrap());
        let _in_progress = [both[0].begin(), both[1].begin()];
        let working = [both[0].work(), both[1].work()];
        assert!(connections.admit(client(3)).is_none());
        drop(working);
        assert!(connections.admit(client(3)).is_some());
        assert!(is_replaced(&both[0]) != is_replaced(&both[1]));
    }

    #[tokio::test(start_paused = true)]
    async fn of_clients_with_as_many_connections_the_longest_idle_one_makes_way() {
        let connections = with(3);
        let mut open = Vec::new();
        for last in 1..=3 {
            open.push(connections.admit(client(last)).unwrap());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        drop(open[0].begin());
        let _new = connections.admit(client(4)).unwrap();
        assert!(is_replaced(&open[1]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_ends_a_connection_that_is_in_use() {
        let connections = with(2);
        let limits = connections.limits;
        let connection = connections.admit(client(1)).unwrap();
        let old = connection.answer();
        let begun = Instant::now();
        let others = async {
            loop {
                let _request = connection.begin();
                drop(connection.answer());
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            () = connection.unread_for_too_long(&limits) => {}
            () = others => {}
        }
        assert_eq!(begun.elapsed(), limits.unread);
        drop(old);
        let waiting = connection.unread_for_too_long(&limits);
        let waited = tokio::time::timeout(3 * limits.unread, waiting).await;
        assert!(waited.is_err(), "answers that were taken end nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_refused_again_and_again_waits_and_a_proxy_does_not() {
        let connections = with(4);
        let begun = Instant::now();
        let proxy = connections.admit(client(1)).unwrap();
        for _ in 0..100 {
            proxy.throttle(client(2)).await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let connection = connections.admit(client(2)).unwrap();
        for _ in 0..limits::QUICK_REFUSALS {
            connection.throttle(client(2)).await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..10 {
            connection.throttle(client(2)).await;
        }
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_connection_without_work_ends_for_its_file() {
        let connections = with(4);
        let one = [1, 1, 2].map(|last| connections.admit(client(last)).unwrap());
        let _working = one[0].work();
        assert!(connections.end_one());
        assert!(is_replaced(&one[1]) && !is_replaced(&one[2]));
        assert!(connections.end_one());
        assert!(!connections.end_one(), "the last one has work");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_request_is_not_idle_time() {
        let connections = with(2);
        let limits = connections.limits;
        let connection = connections.admit(client(1)).unwrap();
        let begun = Instant::now();
        connection.idle_for_too_long(&limits).await;
        assert_eq!(begun.elapsed(), limits.first_request);
        let request = connection.begin();
        let waiting = tokio::time::timeout(limits.idle * 3, connection.idle_for_too_long(&limits));
        assert!(waiting.await.is_err());
        drop(request);
        let begun = Instant::now();
        connection.idle_for_too_long(&limits).await;
        assert!(begun.elapsed() + Duration::from_millis(5) >= limits.idle);
    }
}
