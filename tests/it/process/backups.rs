//! `cognate backup` and `cognate restore`, and a data directory that lost its database.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::{Data, failed};
use crate::world::{Credentials, Start};

fn backup(data: &Data, target: &Path) -> Start {
    let target = target.to_str().unwrap();
    Start::command(&["backup", target]).flag("--data-dir", data.path())
}

fn restore(file: &Path, data: &Data) -> Start {
    let file = file.to_str().unwrap();
    Start::command(&["restore", file]).flag("--data-dir", data.path())
}

#[tokio::test]
async fn a_backup_of_a_server_under_load_is_restored_with_all_that_was_answered_before() {
    let (data, other) = (Data::new(), Data::new());
    let server = Start::serve(&data.path()).up().await;
    let pool = server.pool(json!({})).await;
    let mut before = Vec::new();
    for _ in 0..20 {
        before.push(server.identity(&pool, json!({})).await);
    }
    let answer = server.credentials(&before[0], json!({})).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let file = data.beside("backup.sqlite", "");
    fs::remove_file(&file).unwrap();
    let load = async {
        for _ in 0..200 {
            server.identity(&pool, json!({})).await;
        }
    };
    let (made, ()) = tokio::join!(backup(&data, &file).run(), load);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    for words in ["verified", "ids of guests", "master.key"] {
        assert!(made.out.contains(words), "{made:?}");
    }
    let rights = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap());
    assert_eq!(rights & 0o7777, 0o600);
    // The server goes on, and a backup never overwrites another one.
    server.identity(&pool, json!({})).await;
    let again = backup(&data, &file).run().await;
    failed(&again, &["exists and is not overwritten"]);
    assert!(server.stop().await.status.success());

    let restored = restore(&file, &other).run().await;
    assert_eq!(restored.status.code(), Some(0), "{restored:?}");
    for words in ["has a new generation", "may be missing", "put it at"] {
        assert!(restored.out.contains(words), "{restored:?}");
    }
    let names: Vec<_> = other.contents().into_keys().collect();
    assert_eq!(names, [other.file("cognate.sqlite"), other.file("lock")]);
    fs::copy(data.file("master.key"), other.file("master.key")).unwrap();
    let server = Start::serve(&other.path()).up().await;
    for guest in &before {
        server.credentials(guest, json!({})).await.ok();
    }
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = server.signed_query(&session, "sts", &caller).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert!(server.stop().await.status.success());
    let again = restore(&file, &other).run().await;
    failed(&again, &["cognate.sqlite exists and is not overwritten"]);
}

#[tokio::test]
async fn a_directory_keeps_the_newest_backups() {
    let data = Data::used().await;
    let folder = data.file("backups");
    fs::create_dir(&folder).unwrap();
    for _ in 0..3 {
        let made = backup(&data, &folder).flag("--keep", "2").run().await;
        assert_eq!(made.status.code(), Some(0), "{made:?}");
        sleep(Duration::from_millis(1100)).await;
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_is_refused_with_a_sentence() {
    let data = Data::used().await;
    let none = Data::new();
    let file = none.beside("backup", "");
    fs::remove_file(&file).unwrap();
    let refused = backup(&none, &file).run().await;
    failed(&refused, &["there is no store in", "--data-dir"]);
    let refused = backup(&data, &file).flag("--keep", "3").run().await;
    failed(&refused, &["--keep needs a directory"]);
    let url = "postgres://user@127.0.0.1/none";
    let refused = backup(&data, &file).flag("--database-url", url).run().await;
    failed(&refused, &["pg_dump"]);
    let refused = backup(&data, Path::new("/nowhere/backup")).run().await;
    failed(&refused, &["/nowhere/backup.partial can't be used"]);
    assert!(!file.exists());
}

#[tokio::test]
async fn what_is_no_whole_backup_is_refused_and_leaves_no_store() {
    let data = Data::used().await;
    let file = data.beside("backup.sqlite", "");
    fs::remove_file(&file).unwrap();
    let made = backup(&data, &file).run().await;
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let whole = fs::read(&file).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= byte;
        bytes
    };
    let zeroed = |from: usize, to: usize| {
        let mut bytes = whole.clone();
        bytes[from..to].fill(0);
        bytes
    };
    let sealed = whole
        .windows(8)
        .position(|bytes| bytes == b"\"sealed\"")
        .unwrap();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("one bit of a row", with(sealed + 1, 1)),
        ("empty", Vec::new()),
        (
            "a text",
            b"not a database, but a text that is long enough".to_vec(),
        ),
        ("half", whole[..whole.len() / 2].to_vec()),
        (
            "without its last page",
            whole[..whole.len() - 4096].to_vec(),
        ),
        ("another program's", with(68, 0xff)),
        ("a later version's", with(63, 0x40)),
        ("a page of zeros", zeroed(4096, 8192)),
        (
            "all pages but the first are zeros",
            zeroed(4096, whole.len()),
        ),
        ("a damaged schema", zeroed(100, 4096)),
    ];
    for (name, bytes) in cases {
        let target = Data::new();
        let damaged = target.beside("damaged", bytes);
        let refused = restore(&damaged, &target).run().await;
        failed(&refused, &["is not a backup that can be restored"]);
        let left: Vec<_> = target.contents().into_keys().collect();
        assert_eq!(left, [target.file("lock")], "{name}");
    }
    let target = Data::new();
    let log = target.beside("damaged-wal", "frames");
    let damaged = target.beside("damaged", whole);
    let refused = restore(&damaged, &target).run().await;
    failed(&refused, &["is next to it", "cognate backup"]);
    fs::remove_file(log).unwrap();
    let restored = restore(&damaged, &target).run().await;
    assert_eq!(restored.status.code(), Some(0), "{restored:?}");
}

#[tokio::test]
async fn a_directory_that_lost_its_database_is_not_served_as_a_new_one() {
    let data = Data::used().await;
    let whole = fs::read(data.file("cognate.sqlite")).unwrap();
    for left in [None, Some(b"")] {
        fs::remove_file(data.file("cognate.sqlite")).unwrap();
        if let Some(bytes) = left {
            fs::write(data.file("cognate.sqlite"), bytes).unwrap();
        }
        let before = data.contents();
        let refused = Start::keyless(&data.path()).run().await;
        failed(&refused, &["its database is gone", "cognate restore"]);
        assert_eq!(data.contents(), before);
        fs::write(data.file("cognate.sqlite"), &whole).unwrap();
    }
    let server = Start::keyless(&data.path()).up().await;
    assert!(server.stop().await.status.success());
}
