//! The reading connections: whose snapshots they keep, and for how long.

use super::*;
use tokio::task::JoinSet;

/// How many snapshots are kept at this moment.
fn kept(store: &SqliteStore) -> usize {
    let connections = store.readers.connections.iter();
    let kept = connections.filter(|connection| {
        let connection = connection.lock().unwrap();
        !connection.as_ref().unwrap().is_autocommit()
    });
    kept.count()
}

#[tokio::test]
async fn a_snapshot_is_kept_until_the_next_change() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    assert_eq!(kept(&store), 0);
    // The writer may still be at work when its answer is here.
    let patience = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while kept(&store) == 0 {
            assert_eq!(store.identity(id(10)).await.unwrap(), None);
            tokio::task::yield_now().await;
        }
    });
    patience.await.expect("a snapshot is kept");
    assert_eq!(kept(&store), 1);
    store.add_guest(guest(10)).await.unwrap();
    assert!(store.identity(id(10)).await.unwrap().is_some());
    store.close().await;
}

#[tokio::test]
async fn a_read_that_meets_the_writer_keeps_nothing() {
    let folder = Folder::default();
    let store = folder.store();
    let kept_after = |read: &dyn Fn()| {
        let found = store.readers.with(|_| {
            read();
            Ok(())
        });
        assert!(found.is_ok());
        kept(&store)
    };
    assert_eq!(kept_after(&|| {}), 1);
    let writing = store.readers.writing();
    assert_eq!(kept(&store), 0);
    assert_eq!(kept_after(&|| {}), 0);
    // It may have begun before what the writer ended with.
    let writing = std::cell::Cell::new(Some(writing));
    assert_eq!(kept_after(&|| drop(writing.take())), 0);
    assert_eq!(kept_after(&|| {}), 1);
    store.close().await;
}

#[tokio::test]
async fn a_read_that_fails_keeps_nothing() {
    let folder = Folder::default();
    let store = folder.store();
    let failed: Result<(), _> = store.readers.with(|_| Err(load::corrupt("for a test")));
    assert!(is_corrupt(&failed));
    assert_eq!(kept(&store), 0);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_answered_is_read_at_once_by_whoever_reads() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    let mut tasks = JoinSet::new();
    for task in 1..33_u128 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for number in (1000 * task..).take(40) {
                assert_eq!(store.identity(id(number)).await.unwrap(), None);
                let added = store.add_guest(guest(number)).await.unwrap();
                assert_eq!(added, GuestAdded::Added);
                for _ in 0..3 {
                    assert!(store.identity(id(number)).await.unwrap().is_some());
                }
            }
        });
    }
    tasks.join_all().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reads_do_not_make_the_log_grow() {
    const FRAME: u64 = 24 + 4096;
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    let mut written = 0;
    for round in 1..13_u128 {
        let mut tasks = JoinSet::new();
        for task in 0..250 {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                // Spread over the whole table, as random ids are.
                let number = (1000 * round + task).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060);
                store.add_guest(guest(number)).await.unwrap();
                store.identity(id(number)).await.unwrap().unwrap();
            });
        }
        tasks.join_all().await;
        written += 250;
    }
    let log = fs::metadata(folder.file("cognate.sqlite-wal"))
        .unwrap()
        .len();
    // A checkpoint is due after 1,000 frames, and a transaction is at most a few hundred.
    assert!(log < 3000 * FRAME, "{} frames", log / FRAME);
    assert_eq!(store.dump().await.identities.len(), written);
    store.close().await;
}
