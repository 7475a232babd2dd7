//! The writing thread: groups, failures, purges, its end.

use super::*;
use crate::store::event::{Event, EventKind, Subject};
use crate::store::identities::Write;
use crate::store::sqlite::apply;
use tokio::task::JoinSet;

fn event(number: u128) -> Event {
    let (pool, id) = (id(1), id(number));
    let origin = crate::store::conformance::origin(Timestamp::UNIX_EPOCH);
    Event::new(
        EventKind::IdentityCreated,
        Subject::Identity { pool, id },
        &origin,
    )
}

/// How many transactions stand in the write-ahead log since it last began anew: each ends with a frame that says how
/// big the database is, at the fifth byte of its header.
fn commits_in_log(folder: &Folder) -> usize {
    let log = fs::read(folder.file("cognate.sqlite-wal")).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap());
    let salts = &log[16..24];
    log[32..]
        .chunks_exact(24 + usize::try_from(page).unwrap())
        .take_while(|frame| frame[8..16] == *salts)
        .filter(|frame| frame[4..8] != [0; 4])
        .count()
}

#[tokio::test]
async fn changes_that_wait_share_a_commit() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    let before = commits_in_log(&folder);
    let (release, released) = std::sync::mpsc::channel::<()>();
    let mut tasks = JoinSet::new();
    let first = Arc::clone(&store);
    tasks.spawn(async move {
        let hold = move |_: &Connection, _: &mut Vec<Event>| {
            released.recv().unwrap();
            Ok(())
        };
        first.writer.change(hold).await.unwrap();
    });
    // More than the queue takes, and more than twice what a transaction takes.
    for number in 10..2010 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let added = store.add_guest(guest(number)).await.unwrap();
            assert_eq!(added, GuestAdded::Added);
        });
    }
    for _ in 0..2010 {
        tokio::task::yield_now().await;
    }
    release.send(()).unwrap();
    tasks.join_all().await;
    let commits = commits_in_log(&folder) - before;
    assert!(commits > 0, "they are in the log");
    assert!(commits < 50, "2000 changes in {commits} commits");
    assert_eq!(store.dump().await.identities.len(), 2000);
    store.close().await;
}

#[tokio::test]
async fn the_log_is_synced_at_every_commit() {
    let folder = Folder::default();
    let store = folder.store();
    let settings = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("wal_autocheckpoint", "0"),
        ("trusted_schema", "0"),
        ("foreign_keys", "0"),
        ("locking_mode", "normal"),
    ];
    for (name, expected) in settings {
        let read = move |db: &Connection, _: &mut Vec<Event>| {
            let value = db.pragma_query_value(None, name, |row| {
                Ok(match row.get_ref(0)? {
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    other => other.as_str()?.to_owned(),
                })
            })?;
            Ok(value)
        };
        assert_eq!(store.writer.change(read).await.unwrap(), expected, "{name}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_change_is_in_the_log_before_its_answer() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    for number in 10..20 {
        let before = commits_in_log(&folder);
        store.add_guest(guest(number)).await.unwrap();
        assert_eq!(commits_in_log(&folder), before + 1);
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fails_takes_no_other_along() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let fails = number % 2 == 0;
            let change = move |db: &Connection, events: &mut Vec<Event>| {
                apply::write(db, &Write::InsertIdentity(guest(number)))?;
                events.push(event(number));
                if fails {
                    return Err(StoreError::Corrupt("as told".into()));
                }
                Ok(())
            };
            assert_eq!(store.writer.change(change).await.is_err(), fails);
        });
    }
    tasks.join_all().await;
    let kept = store.dump().await.identities;
    assert_eq!(kept.len(), 50);
    assert!(kept.iter().all(|one| one.id.as_u128() % 2 == 1));
    let events = store.list_events(0, 1000).await.unwrap().transactions;
    let events = events.into_iter().flat_map(|(_, events)| events);
    let events = events.filter(|event| event.kind == EventKind::IdentityCreated);
    assert_eq!(events.count(), 50, "the events are those of what is kept");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_transaction_is_lost_nobody_is_told_otherwise() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let change = move |db: &Connection, events: &mut Vec<Event>| {
                apply::write(db, &Write::InsertIdentity(guest(number)))?;
                events.push(event(number));
                if number == 50 {
                    // As SQLite does by itself when a disk is full or broken.
                    db.execute_batch("ROLLBACK")?;
                }
                Ok(())
            };
            (number, store.writer.change(change).await)
        });
    }
    let answers = tasks.join_all().await;
    for (number, answer) in answers {
        let there = store.identity(id(number)).await.unwrap().is_some();
        match answer {
            Ok(()) => assert!(there),
            Err(StoreError::Unavailable(_)) => assert!(!there),
            Err(other) => panic!("{other:?}"),
        }
        assert!(number != 50 || !there);
    }
    store.add_guest(guest(1000)).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_died_is_noticed() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    let died = store
        .writer
        .change(|_, _| -> Result<(), StoreError> { panic!("as told") })
        .await;
    assert!(matches!(died, Err(StoreError::Unknown(_))), "{died:?}");
    let closed = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Unavailable(_)));
    assert!(closed(store.check().await.map(drop)));
    assert!(closed(store.add_guest(guest(10)).await.map(drop)));
    assert!(closed(store.pool(id(1)).await.map(drop)));
    store.close().await;
    let again = folder.store();
    assert!(again.pool(id(1)).await.unwrap().is_some());
    again.close().await;
}

#[tokio::test]
async fn a_pool_that_comes_back_before_its_purge_comes_back_empty() {
    let folder = Folder::default();
    let store = folder.store();
    let pool = add_pool(&store).await;
    signed_in(&store, ask(10, "1")).await;
    assert!(store.remove_pool(id(1)).await.unwrap());
    assert_eq!(store.add_pool(pool, 9).await.unwrap(), Added::Added);
    assert_eq!(store.identity(id(10)).await.unwrap(), None);
    let made = signed_in(&store, ask(20, "1")).await;
    assert_eq!(made.id, id(20));
    while store.purge(1).await.unwrap() {}
    let dump = store.dump().await;
    assert_eq!((dump.identities.len(), dump.removed.len()), (1, 0));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_big_purge_goes_on_after_a_restart_and_nobody_waits_for_it() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    let mut tasks = JoinSet::new();
    for number in 10..1510 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { signed_in(&store, ask(number, &number.to_string())).await });
    }
    tasks.join_all().await;
    assert!(store.remove_pool(id(1)).await.unwrap());
    store.close().await;
    let left: usize = folder
        .sql()
        .query_row("SELECT count(*) FROM identity", [], |row| row.get(0))
        .unwrap();
    assert!(left > 0, "deleting a pool doesn't wait for the purge");

    let store = folder.store();
    while store.purge(100).await.unwrap() {}
    let dump = store.dump().await;
    assert_eq!((dump.identities.len(), dump.logins.len()), (0, 0));
    assert!(dump.removed.is_empty());
    store.close().await;
}
