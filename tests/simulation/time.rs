//! The runtime of a simulation: one thread, and timers that only go on when the simulation moves them. The times of the real
//! clock would make each run of a seed another one.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use tokio::sync::Notify;

/// How long nothing may happen before timers go on by themselves: a call may wait for one.
const STUCK: Duration = Duration::from_secs(4);

/// Runs a simulation to its end.
pub fn run<T>(simulation: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let (end, ended) = channel::<()>();
        let stuck = Arc::new(Notify::new());
        let noticed = Arc::clone(&stuck);
        // While this runs, the runtime doesn't move its clock to the next timer where all tasks wait.
        tokio::task::spawn_blocking(move || {
            while ended.recv_timeout(STUCK) == Err(RecvTimeoutError::Timeout) {
                noticed.notify_one();
            }
        });
        let flow = tokio::spawn(async move {
            loop {
                stuck.notified().await;
                tokio::time::advance(Duration::from_secs(1)).await;
            }
        });
        let output = simulation.await;
        flow.abort();
        drop(end);
        output
    })
}

/// Waits on the real clock, while other tasks run.
pub async fn wait(time: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the timers of the runtime stand still"
    )]
    let waited = tokio::task::spawn_blocking(move || std::thread::sleep(time));
    waited.await.expect("a pause");
}
