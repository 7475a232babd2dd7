//! A new generation of a store that is closed: what it reports, and what is refused.

use jiff::SignedDuration;
use tempfile::TempDir;

use super::*;
use crate::ambient::{Real, Still};
use crate::store::copy::{self, OpenPurpose, StoreHeader};
use crate::store::once::{Claim, ClaimOutcome};
use crate::store::postgres::OpenPostgresError;
use crate::store::postgres::tests::Database;
use crate::store::postgres::tests::interleaved::prepare;
use crate::store::record::View;
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::store::{Store, conformance::Inspect};

async fn generation(store: &dyn Store) -> Uuid {
    let changes = store.records_since(View::default()).await.unwrap();
    changes.view.generation
}

/// That a store with a mark begins no generation, and that it is as it was.
async fn refused_with_a_mark<S: OfflineStore + Inspect>(store: &S, text: &str) {
    let before = OfflineStore::header(store).await.unwrap();
    let refused = begin(store, &Real).await;
    let refused = refused.expect_err("a refusal").to_string();
    assert!(refused.contains(text), "{refused}");
    assert_eq!(OfflineStore::header(store).await.unwrap(), before);
}

/// What every store does: it reports its newest change, and refuses to go on where it was moved or is unfinished.
async fn keeps_the_rules<S: OfflineStore + Inspect>(store: &S, newest: Timestamp) {
    let header = OfflineStore::header(store).await.unwrap();
    let start = begin(store, &Real).await.unwrap();
    assert_eq!(start.newest, Some(newest));
    let now = Real.now_in_milliseconds();
    let ago = now.duration_since(start.began);
    assert!(ago.abs() < SignedDuration::from_secs(60), "{ago}");
    let after = OfflineStore::header(store).await.unwrap();
    assert_ne!(after.generation, header.generation);
    let expected = StoreHeader {
        generation: after.generation,
        ..header.clone()
    };
    assert_eq!(after, expected, "nothing else changes");

    // A transaction that was committed without an answer runs again.
    let new = NewGeneration {
        id: Uuid::from_u128(5),
        now: Real.now_in_milliseconds(),
    };
    let begun = OfflineStore::begin_generation(store, &new, header.last_beat).await;
    let begun = begun.unwrap();
    let later = NewGeneration {
        now: new.now + SignedDuration::from_hours(1),
        ..new
    };
    let again = OfflineStore::begin_generation(store, &later, header.last_beat).await;
    assert_eq!(again.unwrap(), begun);

    store.begin(Uuid::from_u128(6)).await.unwrap();
    refused_with_a_mark(store, "unfinished copy").await;
    let last_beat = OfflineStore::header(store).await.unwrap().last_beat;
    assert!(
        store
            .mark_moved(Uuid::from_u128(6), last_beat)
            .await
            .unwrap()
    );
    refused_with_a_mark(store, "was moved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_store_begins_a_generation() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    prepare(&store).await;
    store.close().await;
    let store = SqliteStore::open_for(folder.path(), OpenPurpose::Existing).unwrap();
    let in_use = SqliteStore::open_for(folder.path(), OpenPurpose::Existing);
    assert!(matches!(in_use, Err(OpenError::InUse { .. })));
    keeps_the_rules(&store, Timestamp::from_second(100).unwrap()).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_begins_a_generation_without_servers() {
    let database = Database::default();
    database.store_to_copy().await.close().await;
    let server = database.try_store().await.unwrap();
    prepare(&server).await;
    let before = generation(&server).await;
    let store = database.existing_store().await.unwrap();
    let refused = begin(&store, &Real).await;
    assert!(
        matches!(refused, Err(GenerationError::Served)),
        "{refused:?}"
    );
    database.forget_servers().await;
    // A server commits between the look and the transaction.
    let old = store.header().await.unwrap().last_beat;
    server.check().await.unwrap();
    let new = NewGeneration::new(Uuid::from_u128(5), &Real);
    let changed = OfflineStore::begin_generation(&store, &new, old).await;
    assert_eq!(changed.unwrap(), None);
    assert_eq!(generation(&server).await, before);

    server.close().await;
    database.forget_servers().await;
    let last_beat = store.header().await.unwrap().last_beat;
    let newest = Timestamp::from_millisecond(last_beat / 1000).unwrap();
    keeps_the_rules(&store, newest).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_has_the_beginning_on_its_own_clock() {
    let database = Database::default();
    let store = database.store_to_copy().await;
    let ahead = Still::at(Real.now_in_milliseconds() + SignedDuration::from_hours(1));
    let start = begin(store.as_ref(), &ahead).await.unwrap();
    let ago = Real.now_in_milliseconds().duration_since(start.began);
    assert!(ago.abs() < SignedDuration::from_secs(60), "{ago}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_store_is_made_where_there_is_none() {
    let folder = TempDir::new().unwrap();
    let refused = |folder: &TempDir| {
        let opened = SqliteStore::open_for(folder.path(), OpenPurpose::Existing);
        assert!(matches!(opened, Err(OpenError::NoStore { .. })));
    };
    refused(&folder);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let file = folder.path().join("cognate.sqlite");
    std::fs::write(&file, b"").unwrap();
    refused(&folder);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 0);

    let database = Database::default();
    let refused = database.existing_store().await;
    assert!(matches!(refused, Err(OpenPostgresError::NoStore)));
    assert_eq!(database.tables().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_refuses_proofs_from_before_it() {
    let (first, last) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let claim = |issued: Timestamp| Claim {
        purpose: "test",
        key: [1; 32],
        holder: "a".to_owned(),
        issued: Some(issued),
        until: issued + SignedDuration::from_hours(2),
        now: issued,
        dry_run: false,
    };
    let outcome = async |store: &dyn Store, issued| store.claim_once(&claim(issued)).await.unwrap();
    let source = SqliteStore::open(first.path()).unwrap();
    prepare(&source).await;
    let before = Real.now_in_milliseconds();
    assert_eq!(outcome(&source, before).await, ClaimOutcome::Held);
    let database = Database::default();
    let middle = database.store_to_copy().await;
    copy::copy(&source, middle.as_ref(), &Real, &|_| {})
        .await
        .unwrap();
    let fresh = Real.now_in_milliseconds() + SignedDuration::from_mins(1);
    let from_before = ClaimOutcome::FromBefore;
    assert_eq!(outcome(middle.as_ref(), before).await, from_before);
    assert_eq!(outcome(middle.as_ref(), fresh).await, ClaimOutcome::Held);
    let back = SqliteStore::open_for(last.path(), OpenPurpose::CopyTo).unwrap();
    let later = Still::at(fresh);
    copy::copy(middle.as_ref(), &back, &later, &|_| {})
        .await
        .unwrap();
    assert_eq!(outcome(&back, fresh).await, from_before);
    let fresh = fresh + SignedDuration::from_millis(1);
    assert_eq!(outcome(&back, fresh).await, ClaimOutcome::Held);
    for store in [&source, &back] {
        store.close().await;
    }
    middle.close().await;
}
