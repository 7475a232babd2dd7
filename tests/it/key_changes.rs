//! Changes of keys that something comes between: what is in the store, in use and in the operator's file stays the same
//! key.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use cognate::ambient::Still;
use cognate::app::keys::{Change, Ring};
use cognate::config::{Config, Environment, Flags, read_file};
use cognate::store::DocumentName;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::world::{Credentials, World, beginning};

/// A world whose root key was made at its start.
async fn with_a_root_key_of_its_own() -> World {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let flags = Flags {
        listen: Some("127.0.0.1:0".into()),
        data_dir: Some(folder.path().join("data")),
        ..Flags::default()
    };
    let config = Config::load(&flags, &Environment::default(), &read_file).unwrap();
    World::of(config, folder, Arc::new(Still::at(beginning()))).await
}

/// The root key in the operator's file.
fn written(world: &World) -> Credentials {
    let text = fs::read_to_string(world.folder.path().join("data/root-credentials")).unwrap();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().to_owned()
    };
    Credentials {
        id: value("aws_access_key_id = "),
        secret: value("aws_secret_access_key = "),
        session_token: None,
    }
}

async fn version(world: &World, name: DocumentName) -> u64 {
    let document = world.app.store.document(name).await.unwrap();
    document.unwrap().version
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if is_so().await {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("it doesn't come to be");
}

async fn may_administrate(world: &World, key: &Credentials) -> bool {
    let input = json!({ "MaxResults": 1 });
    world.signed(key, "ListIdentityPools", input).await.status == 200
}

#[tokio::test]
async fn a_rotation_of_the_root_key_is_finished_though_nobody_waits_for_it() {
    let world = with_a_root_key_of_its_own().await;
    let old = written(&world);
    assert!(may_administrate(&world, &old).await);
    // The client goes away while the store works.
    let rotation = tokio::time::timeout(Duration::ZERO, world.app.rotate_root_key());
    assert!(rotation.await.is_err(), "it was not over");
    until(async || version(&world, DocumentName::RootKey).await == 2).await;
    until(async || written(&world).id != old.id).await;
    assert!(may_administrate(&world, &written(&world)).await);
    assert!(!may_administrate(&world, &old).await);
}

#[tokio::test]
async fn a_compromised_key_is_forgotten_though_nobody_waits_for_it() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let is_good = async || {
        let answer = world.signed_query(&session, "sts", &caller).await;
        answer.status == 200
    };
    assert!(is_good().await);
    let change = world
        .app
        .change_ring(Ring::Sealing, Change::Drop(None), beginning());
    let change = tokio::time::timeout(Duration::ZERO, change);
    assert!(change.await.is_err(), "it was not over");
    until(async || version(&world, DocumentName::SealingKeys).await == 2).await;
    until(async || !is_good().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_rotations_at_once_the_last_one_is_everywhere() {
    let world = with_a_root_key_of_its_own().await;
    let mut rotations = JoinSet::new();
    for _ in 0..16 {
        let app = Arc::clone(&world.app);
        rotations.spawn(async move { app.rotate_root_key().await.unwrap().0 });
    }
    let ids = rotations.join_all().await;
    let written = written(&world);
    assert!(ids.contains(&written.id));
    assert_eq!(version(&world, DocumentName::RootKey).await, 17);
    assert!(may_administrate(&world, &written).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_at_once_the_last_one_is_in_use() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let mut changes = JoinSet::new();
    for _ in 0..16 {
        let app = Arc::clone(&world.app);
        changes.spawn(async move {
            app.change_ring(Ring::Sealing, Change::Drop(None), beginning())
                .await
                .unwrap()
        });
    }
    changes.join_all().await;
    assert_eq!(version(&world, DocumentName::SealingKeys).await, 17);
    let answer = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    // What the running server seals, the stored keys open.
    let world = world.restart().await;
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = world.signed_query(&session, "sts", &caller).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
