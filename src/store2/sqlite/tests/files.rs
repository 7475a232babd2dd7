//! The data directory: who may open it, what is refused, what a crash leaves.

use super::*;
use crate::store2::sqlite::OpenError;

fn refusal(folder: &Folder) -> OpenError {
    match SqliteStore::open(folder.0.path()) {
        Err(error) => error,
        Ok(_) => panic!("it opened"),
    }
}

#[tokio::test]
async fn a_directory_that_is_in_use_is_refused() {
    let folder = Folder::default();
    let store = folder.store();
    let error = refusal(&folder);
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains("in use by another"), "{error}");
    store.check().await.unwrap();
    store.close().await;
    folder.store().close().await;
}

#[tokio::test]
async fn a_store_that_is_only_dropped_gives_its_directory_back() {
    let folder = Folder::default();
    drop(folder.store());
    for _ in 0..1000 {
        if let Ok(store) = SqliteStore::open(folder.0.path()) {
            store.close().await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    panic!("it is still locked");
}

#[tokio::test]
async fn a_database_of_a_newer_cognate_is_refused() {
    let folder = Folder::default();
    folder.store().close().await;
    folder
        .sql()
        .pragma_update(None, "user_version", 1000)
        .unwrap();
    let error = refusal(&folder);
    assert!(
        matches!(error, OpenError::Newer { found: 1000, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("newer cognate"), "{error}");
}

#[tokio::test]
async fn a_database_of_somebody_else_is_refused_and_left_alone() {
    let folder = Folder::default();
    folder
        .sql()
        .execute_batch("CREATE TABLE a (x); INSERT INTO a VALUES (1)")
        .unwrap();
    let before = fs::read(folder.file("cognate.sqlite")).unwrap();
    let error = refusal(&folder);
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(fs::read(folder.file("cognate.sqlite")).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = Folder::default();
    let text = "somebody's notes, long enough to have a header ".repeat(40);
    fs::write(folder.file("cognate.sqlite"), &text).unwrap();
    let error = refusal(&folder);
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    let after = fs::read_to_string(folder.file("cognate.sqlite")).unwrap();
    assert_eq!(after, text);
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_said_to_be_missing() {
    let folder = Folder::default();
    let missing = folder.file("missing");
    let error = SqliteStore::open(&missing).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error:?}");
    assert!(error.to_string().contains("directory is there"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::default();
    let mode = |name: &str| {
        let metadata = fs::metadata(folder.file(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    folder.store().close().await;
    let wide = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.file("cognate.sqlite"), wide).unwrap();
    let store = folder.store();
    add_pool(&store).await;
    for name in ["lock", "cognate.sqlite", "cognate.sqlite-wal"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let folder = Folder::default();
    let store = folder.store();
    add_pool(&store).await;
    store.check().await.unwrap();
    store.close().await;
    assert!(!folder.file("cognate.sqlite-wal").exists());
    assert!(!folder.file("cognate.sqlite-shm").exists());
}

#[tokio::test]
async fn what_was_answered_survives_a_crash() {
    let folder = Folder::default();
    let store = folder.store();
    let pool = add_pool(&store).await;
    let made = signed_in(&store, ask(10, "1")).await;
    let crashed = folder.crashed();
    let recovered = crashed.store();
    assert_eq!(*recovered.pool(id(1)).await.unwrap().unwrap(), pool);
    let (found, _) = recovered.identity(id(10)).await.unwrap().unwrap();
    assert_eq!(found, made);
    assert_eq!(signed_in(&recovered, ask(11, "1")).await, made);
    recovered.close().await;
    store.close().await;
}

#[tokio::test]
async fn a_start_that_was_cut_short_is_begun_again() {
    let folder = Folder::default();
    folder
        .sql()
        .pragma_update(None, "journal_mode", "WAL")
        .unwrap();
    let store = folder.store();
    store.check().await.unwrap();
    store.close().await;
}
