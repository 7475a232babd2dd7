//! A clock that is wrong, and a disk that was full.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::super::heartbeat::is_full_disk;
use super::super::transaction::TransactionError;
use super::{Database, PostgresSettings, PostgresStore};
use crate::ambient::{Ambient, Real, Still};
use crate::store::record::View;
use crate::store::{Store, StoreError};

const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

#[tokio::test]
async fn a_clock_that_is_too_far_from_the_databases_refuses_until_it_is_set() {
    let database = Database::default();
    database.make().await;
    let clock = Arc::new(Still::at(Real.now()));
    let settings = PostgresSettings {
        clock_tolerance: Some(TOLERANCE),
        ..database.settings()
    };
    let store = PostgresStore::open(&settings, Arc::clone(&clock) as Arc<dyn Ambient>)
        .await
        .unwrap();
    for (seconds, refused) in [
        (0, false),
        (-240, false),
        (-360, true),
        (-86400, true),
        (240, false),
        (360, true),
        (86400, true),
    ] {
        clock.advance(seconds);
        for result in [
            store.check().await.map(drop),
            store.records_since(View::default()).await.map(drop),
        ] {
            assert_eq!(
                matches!(result, Err(StoreError::Unavailable(_))),
                refused,
                "{seconds} s: {result:?}"
            );
        }
        clock.advance(-seconds);
    }
    store.close().await;
}

#[tokio::test]
async fn after_a_full_disk_the_check_takes_space_and_leaves_nothing() {
    let database = Database::default();
    database.make().await;
    let store = database.try_store().await.unwrap();
    let (client, connection) = tokio_postgres::connect(&database.settings().url, NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let raise = "DO $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$";
    let error = client.batch_execute(raise).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::DISK_FULL));
    let failed: Result<(), _> = Err(TransactionError::from(error));
    assert!(failed.as_ref().is_err_and(is_full_disk));
    let connection = store.connections.client().await.unwrap();
    store.connections.give_back(connection, &failed);
    assert!(store.connections.is_disk_full());
    store.check().await.unwrap();
    assert!(!store.connections.is_disk_full());
    let left = client.query_one("SELECT count(*) FROM event", &[]).await;
    assert_eq!(left.unwrap().get::<_, i64>(0), 0);
    store.close().await;
}

#[tokio::test]
async fn an_error_that_is_no_full_disk_is_none() {
    for error in [
        TransactionError::Broken("gone".into()),
        TransactionError::Failed(StoreError::Unavailable("away".into())),
        TransactionError::Conflict("again".into()),
    ] {
        assert!(!is_full_disk(&error), "{error:?}");
    }
}
