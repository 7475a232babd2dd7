//! A gate before each statement of a store's transactions: a test stops one there and lets it go on.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::store::postgres::connections::Connections;

/// Stops the store before the statement number `stop`, once.
#[derive(Debug, Clone)]
pub(in crate::store::postgres) struct Gate(Arc<State>);

#[derive(Debug)]
struct State {
    stop: usize,
    without: Option<&'static str>,
    passed: AtomicUsize,
    reached: Notify,
    go: Notify,
}

tokio::task_local! {
    static GATE: Option<Gate>;
}

/// Whether a test removed this kind of lock from the store.
pub(in crate::store::postgres) fn is_removed(kind: &str) -> bool {
    let gate = GATE.try_with(Clone::clone).ok().flatten();
    gate.is_some_and(|gate| gate.0.without == Some(kind))
}

impl Gate {
    /// A gate for a store without this kind of lock.
    pub(super) fn at(stop: usize, without: Option<&'static str>) -> Self {
        Self(Arc::new(State {
            stop,
            without,
            passed: AtomicUsize::new(0),
            reached: Notify::new(),
            go: Notify::new(),
        }))
    }

    /// Waits until a transaction stands before the statement.
    pub(super) async fn reached(&self) {
        self.0.reached.notified().await;
    }

    /// Lets it go on.
    pub(super) fn open(&self) {
        self.0.go.notify_one();
    }
}

/// Passes the gate of the store whose transaction this is, if it has one.
pub(in crate::store::postgres) async fn pass() {
    let Ok(Some(gate)) = GATE.try_with(Clone::clone) else {
        return;
    };
    if gate.0.passed.fetch_add(1, Ordering::SeqCst) == gate.0.stop {
        gate.0.reached.notify_one();
        gate.0.go.notified().await;
    }
}

/// Runs a transaction behind the gate of its store.
pub(in crate::store::postgres) async fn scope<F: Future>(
    connections: &Connections,
    work: F,
) -> F::Output {
    let gate = connections.gate.lock().unwrap().clone();
    GATE.scope(gate, work).await
}
