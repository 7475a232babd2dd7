//! The write-ahead log: its bound, its damage, and the probes of the health check.

use std::time::Duration;

use super::*;
use crate::store::sqlite::OpenError;

const LIMIT: u64 = 1 << 19;

fn log_size(folder: &Folder) -> u64 {
    fs::metadata(folder.file("cognate.sqlite-wal")).map_or(0, |file| file.len())
}

/// Adds guests until one is refused.
async fn fill(store: &SqliteStore, from: u128) -> u128 {
    for number in from..from + 100_000 {
        match store.add_guest(guest(number)).await {
            Ok(_) => {}
            Err(StoreError::Unavailable(cause)) => {
                assert!(cause.to_string().contains("reached its limit"), "{cause}");
                return number;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("the log has {LIMIT} bytes and more, and no change was refused");
}

#[tokio::test]
async fn a_reader_that_stays_does_not_make_the_log_grow_without_bound() {
    let folder = Folder::default();
    let store = SqliteStore::open_with_limit(folder.0.path(), LIMIT).unwrap();
    add_pool(&store).await;
    let reader = folder.sql();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM identity")
        .unwrap();
    let refused = fill(&store, 10).await;
    for number in refused..refused + 100 {
        assert!(store.add_guest(guest(number)).await.is_err());
    }
    assert!(
        log_size(&folder) < LIMIT + 100 * 4120,
        "{}",
        log_size(&folder)
    );
    assert!(store.check().await.is_err(), "/health is 503");
    for number in 10..refused {
        assert!(store.identity(id(number)).await.unwrap().is_some());
    }
    reader.execute_batch("COMMIT").unwrap();
    tokio::time::sleep(Duration::from_millis(950)).await;
    assert_eq!(store.check().await.unwrap(), None);
    store.add_guest(guest(refused)).await.unwrap();
    assert!(log_size(&folder) < LIMIT / 2);
    store.close().await;
}

#[tokio::test]
async fn a_log_without_a_reader_never_reaches_its_limit() {
    let folder = Folder::default();
    let store = SqliteStore::open_with_limit(folder.0.path(), 6 << 20).unwrap();
    add_pool(&store).await;
    for number in 10..3000 {
        store.add_guest(guest(number)).await.unwrap();
    }
    assert!(log_size(&folder) < 6 << 20);
    store.close().await;
}

#[tokio::test]
async fn checks_of_a_store_that_is_written_write_nothing_and_others_one_probe() {
    let folder = Folder::default();
    let store = folder.store();
    let probes = || -> i64 {
        let count = "SELECT coalesce(max(count), 0) FROM probe";
        folder.sql().query_row(count, [], |row| row.get(0)).unwrap()
    };
    add_pool(&store).await;
    for _ in 0..20 {
        store.check().await.unwrap();
    }
    assert_eq!(probes(), 0);
    tokio::time::sleep(Duration::from_millis(950)).await;
    for _ in 0..20 {
        store.check().await.unwrap();
    }
    assert_eq!(probes(), 1);
    store.close().await;
}

/// A data directory after a crash with the guests 10 to 19, each in a commit of its own.
async fn crashed() -> Folder {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    for number in 10..20 {
        store.add_guest(guest(number)).await.unwrap();
    }
    let crashed = folder.crashed();
    store.close().await;
    crashed
}

/// What a store makes of a changed log: `None` where it is refused, or how many guests are there.
async fn opened_with(log: &[u8], crashed: &Folder) -> Option<usize> {
    let folder = crashed.crashed();
    fs::write(folder.file("cognate.sqlite-wal"), log).unwrap();
    let store = match SqliteStore::open(folder.0.path()) {
        Ok(store) => store,
        Err(OpenError::DamagedLog { .. }) => return None,
        Err(other) => panic!("{other:?}"),
    };
    let guests = store.dump().await.identities.len();
    store.close().await;
    Some(guests)
}

#[tokio::test]
async fn a_bit_that_changed_in_the_log_takes_no_answered_change_away_silently_but_the_last() {
    let crashed = crashed().await;
    let log = fs::read(crashed.file("cognate.sqlite-wal")).unwrap();
    let mut refused = 0;
    let spread = (0..32).chain((32..log.len()).step_by(811));
    for at in spread {
        let mut changed = log.clone();
        changed[at] ^= 1 << (at % 8);
        match opened_with(&changed, &crashed).await {
            None => refused += 1,
            Some(guests) => assert!(guests >= 9, "{guests} guests after a flip at {at}"),
        }
    }
    assert!(refused > 30, "{refused}");
}

#[tokio::test]
async fn a_commit_that_a_power_cut_tore_is_no_damage() {
    let crashed = crashed().await;
    let log = fs::read(crashed.file("cognate.sqlite-wal")).unwrap();
    for length in (32..log.len()).step_by(4001) {
        assert!(opened_with(&log[..length], &crashed).await.is_some());
        let mut zeros = log[..length].to_vec();
        zeros.resize(log.len(), 0);
        assert!(opened_with(&zeros, &crashed).await.is_some());
    }
    assert!(opened_with(&[], &crashed).await.is_some());
    assert!(opened_with(&[0; 4096], &crashed).await.is_some());
    assert_eq!(opened_with(&log, &crashed).await, Some(10));
}

#[tokio::test]
async fn a_new_generation_goes_on_with_what_a_damaged_log_still_has() {
    let crashed = crashed().await;
    let path = crashed.file("cognate.sqlite-wal");
    let mut log = fs::read(&path).unwrap();
    let middle = log.len() / 2;
    log[middle] ^= 1;
    fs::write(&path, log).unwrap();
    let refusal = SqliteStore::open(crashed.0.path()).unwrap_err();
    assert!(
        matches!(refusal, OpenError::DamagedLog { .. }),
        "{refusal:?}"
    );
    assert!(refusal.to_string().contains("new-generation"), "{refusal}");
    let purpose = crate::store::copy::OpenPurpose::Recovered;
    let store = SqliteStore::open_for(crashed.0.path(), purpose).unwrap();
    let guests = store.dump().await.identities.len();
    assert!((1..9).contains(&guests), "{guests}");
    store.close().await;
    crashed.store().close().await;
}

#[tokio::test]
async fn a_database_that_lost_its_end_is_refused() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    for number in 10..500 {
        store.add_guest(guest(number)).await.unwrap();
    }
    // The log may have pages that the file lacks.
    folder.crashed().store().close().await;
    store.close().await;
    let path = folder.file("cognate.sqlite");
    let whole = fs::read(&path).unwrap();
    for length in [4096, whole.len() - 4096, whole.len() - 1, whole.len() / 2] {
        fs::write(&path, &whole[..length]).unwrap();
        let refusal = SqliteStore::open(folder.0.path()).unwrap_err();
        assert!(matches!(refusal, OpenError::Short { .. }), "{refusal:?}");
        assert_eq!(
            fs::read(&path).unwrap(),
            whole[..length],
            "it is left alone"
        );
    }
    fs::write(&path, &whole).unwrap();
    folder.store().close().await;
}
