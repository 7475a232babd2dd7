//! `cognate root-key recover`, and a file with a root key that belongs to another store.

use std::fs;

use serde_json::json;

use super::{Data, failed, may_administrate};
use crate::world::Start;

fn recover(data: &Data) -> Start {
    Start::command(&["root-key", "recover"]).flag("--data-dir", data.path())
}

#[tokio::test]
async fn a_lost_root_key_is_replaced_with_the_master_key() {
    let data = Data::new();
    let server = Start::keyless(&data.path()).up().await;
    let lost = data.root_key();
    assert!(may_administrate(&server, &lost).await);
    failed(
        &recover(&data).run().await,
        &["in use by another cognate process"],
    );
    assert!(server.stop().await.status.success());
    fs::remove_file(data.file("root-credentials")).unwrap();

    let ended = recover(&data).run().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let new = data.root_key();
    assert!(ended.out.contains("The root key is now AKIA"), "{ended:?}");
    assert_eq!(data.mode("root-credentials"), 0o600);
    let server = Start::keyless(&data.path()).up().await;
    assert!(may_administrate(&server, &new).await);
    assert!(!may_administrate(&server, &lost).await);
    assert!(server.stop().await.status.success());
}

#[tokio::test]
async fn no_root_key_is_made_without_the_master_key_or_where_none_is_stored() {
    let data = Data::used().await;
    let key = data.root_key();
    let refused = recover(&data)
        .variable("COGNATE_ROOT_ENABLED", "false")
        .run()
        .await;
    failed(&refused, &["the root key is disabled"]);
    let refused = recover(&data)
        .variable("COGNATE_ROOT_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .variable(
            "COGNATE_ROOT_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        )
        .run()
        .await;
    failed(&refused, &["comes from the environment"]);
    let before = data.contents();
    let other = data.beside("other.key", "");
    fs::remove_file(&other).unwrap();
    let made = Start::command(&["master-key", "make", other.to_str().unwrap()])
        .run()
        .await;
    assert!(made.status.success(), "{made:?}");
    let refused = recover(&data)
        .variable("COGNATE_MASTER_KEY_FILE", &other)
        .run()
        .await;
    failed(&refused, &["doesn't open under this master key"]);
    let missing = recover(&data)
        .variable("COGNATE_MASTER_KEY_FILE", data.file("none"))
        .run()
        .await;
    failed(&missing, &["none"]);
    assert_eq!(data.contents().len(), before.len());
    let nothing = Data::new();
    failed(&recover(&nothing).run().await, &["master.key"]);
    assert!(!nothing.path().exists());

    let server = Start::keyless(&data.path()).up().await;
    assert!(may_administrate(&server, &key).await);
    server.stop().await;
}

#[tokio::test]
async fn the_file_of_another_stores_root_key_is_not_overwritten() {
    let (other, data) = (Data::used().await, Data::new());
    fs::create_dir(data.path()).unwrap();
    fs::set_permissions(
        data.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    fs::copy(
        other.file("root-credentials"),
        data.file("root-credentials"),
    )
    .unwrap();
    let refused = Start::keyless(&data.path()).run().await;
    failed(
        &refused,
        &["root-credentials has a root key", "Move it away"],
    );
    let (kept, copied) = (
        other.file("root-credentials"),
        data.file("root-credentials"),
    );
    assert_eq!(fs::read(kept).unwrap(), fs::read(copied).unwrap());
    fs::remove_file(data.file("root-credentials")).unwrap();
    let server = Start::keyless(&data.path()).up().await;
    assert!(may_administrate(&server, &data.root_key()).await);
    let input = json!({ "MaxResults": 1 });
    server
        .signed(&data.root_key(), "ListIdentityPools", input)
        .await
        .ok();
    server.stop().await;
}
