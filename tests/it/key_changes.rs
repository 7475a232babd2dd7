//! Changes of keys that something comes between: what is in the store, in use and in the operator's file stays the same
//! key.

use std::fs;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cognate::ambient::Still;
use cognate::app::keys::rings::{self, Ring, RingChange};
use cognate::app::keys::{access_keys, root_key};
use cognate::config::{Config, Environment, Flags, read_file};
use cognate::store::record::{PutOutcome, RecordKind, RecordWrite};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

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

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if is_so().await {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("it doesn't come to be");
}

/// Begins a call whose client goes away while the store works.
async fn begin_and_leave<T>(call: impl Future<Output = T>) {
    let mut call = pin!(call);
    let begin = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending()));
    assert!(begin.await, "it was not over");
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
    begin_and_leave(root_key::rotate(&world.app.call())).await;
    until(async || world.version(RecordKind::RootKey, "root").await == 2).await;
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
    let call = world.app.call();
    let change = rings::change(&call, Ring::Sealing, RingChange::Drop(None));
    begin_and_leave(change).await;
    until(async || world.version(RecordKind::KeyRing, "sealing").await == 2).await;
    until(async || !is_good().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_rotations_at_once_the_last_one_is_everywhere() {
    let world = with_a_root_key_of_its_own().await;
    let mut rotations = JoinSet::new();
    for _ in 0..16 {
        let app = Arc::clone(&world.app);
        rotations.spawn(async move { root_key::rotate(&app.call()).await.unwrap().0 });
    }
    let ids = rotations.join_all().await;
    let written = written(&world);
    assert!(ids.contains(&written.id));
    assert_eq!(world.version(RecordKind::RootKey, "root").await, 17);
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
            rings::change(&app.call(), Ring::Sealing, RingChange::Drop(None))
                .await
                .unwrap()
        });
    }
    changes.join_all().await;
    assert_eq!(world.version(RecordKind::KeyRing, "sealing").await, 17);
    let answer = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    // What the running server seals, the stored keys open.
    let world = world.restart().await;
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = world.signed_query(&session, "sts", &caller).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Replaces a document past the server, as a change does whose outcome is not known.
async fn put(world: &World, kind: RecordKind, key: &str, json: Option<String>) {
    let write = RecordWrite {
        kind,
        key: key.to_owned(),
        scope: String::new(),
        expected: world.version(kind, key).await,
        json,
        limit: None,
    };
    let outcome = world.store.put(&[write], &world.origin()).await.unwrap();
    assert!(matches!(outcome, PutOutcome::Stored(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_change_of_a_ring_that_is_refused_leaves_what_is_stored_in_use() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let answer = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let is_good = async || {
        let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        let answer = world.signed_query(&session, "sts", &caller).await;
        answer.status == 200
    };
    let drop_key = async |id: Option<&str>| {
        let change = RingChange::Drop(id.map(str::to_owned));
        let app = &world.app;
        rings::change(&app.call(), Ring::Sealing, change).await
    };
    let before = world.store.record(RecordKind::KeyRing, "sealing").await;
    let before = before.unwrap().unwrap();
    drop_key(None).await.unwrap();
    assert!(!is_good().await);
    put(&world, RecordKind::KeyRing, "sealing", before.json).await;
    drop_key(Some("unknown")).await.unwrap_err();
    assert!(is_good().await, "the stored ring has its key");
}

/// The policy of whoever may do everything.
fn everything() -> String {
    let all = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": all }).to_string()
}

async fn new_access_key(world: &World, name: &str) -> Credentials {
    let input = json!({ "Name": name, "Policy": everything() });
    let answer = world.admin("Cognate.CreateAccessKey", input).await;
    Credentials::of(&answer.ok())
}

/// Whether the access keys in use are those in the store that may sign.
fn access_keys_agree(world: &World) -> bool {
    let in_use = access_keys::enabled(&world.app);
    let stored = access_keys::list(&world.app).unwrap();
    let may_sign: Vec<_> = stored.iter().filter(|key| key.enabled).collect();
    let is_in_use = |id: &str, name: &str| in_use.get(id).is_some_and(|key| key.name == name);
    in_use.len() == may_sign.len() && may_sign.iter().all(|key| is_in_use(&key.id, &key.name))
}

#[tokio::test]
async fn a_change_of_access_keys_is_finished_though_nobody_waits_for_it() {
    let world = World::new().await;
    let (ci, app) = (new_access_key(&world, "ci").await, &world.app);
    let is_version = async |wanted| world.version(RecordKind::AccessKey, "ci").await == wanted;

    let call = app.call();
    let creation = access_keys::create(&call, "other".to_owned(), everything());
    begin_and_leave(creation).await;
    until(async || access_keys::enabled(app).len() == 2).await;
    until(async || access_keys_agree(&world)).await;

    let disabling = access_keys::enable(&call, &ci.id, false);
    begin_and_leave(disabling).await;
    until(async || is_version(2).await).await;
    until(async || !may_administrate(&world, &ci).await).await;

    let enabling = access_keys::enable(&call, &ci.id, true);
    begin_and_leave(enabling).await;
    until(async || is_version(3).await).await;
    until(async || may_administrate(&world, &ci).await).await;

    let removal = access_keys::remove(&call, &ci.id);
    begin_and_leave(removal).await;
    until(async || !may_administrate(&world, &ci).await).await;
    assert!(access_keys_agree(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_go_away_leave_the_access_keys_as_they_are_stored() {
    let world = Arc::new(World::new().await);
    let mut clients = JoinSet::new();
    for number in 0..32_u64 {
        let world = Arc::clone(&world);
        clients.spawn(async move {
            let (mut stayed, mut left) = (0, 0);
            let key = new_access_key(&world, &format!("key-{number}")).await;
            let status = |status: &str| json!({ "AccessKeyId": key.id, "Status": status });
            let another = json!({ "Name": format!("other-{number}"), "Policy": everything() });
            let calls: [(&str, Value); 4] = [
                ("Cognate.CreateAccessKey", another),
                ("Cognate.UpdateAccessKey", status("Inactive")),
                ("Cognate.UpdateAccessKey", status("Active")),
                ("Cognate.DeleteAccessKey", json!({ "AccessKeyId": key.id })),
            ];
            for (turn, (operation, input)) in (0..).zip(calls) {
                let patience = match (number + turn) % 3 {
                    0 => Duration::from_mins(1),
                    // Before the request is out, in the middle of it, or after its answer.
                    _ => Duration::from_millis((number * 7 + turn * 13) % 32 * 4),
                };
                match timeout(patience, world.admin(operation, input)).await {
                    Ok(answer) => {
                        answer.ok();
                        stayed += 1;
                    }
                    Err(_) => left += 1,
                }
            }
            (stayed, left)
        });
    }
    let ends = clients.join_all().await;
    let (stayed, left) = ends
        .iter()
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(stayed > 0 && left > 0, "{stayed} stayed, {left} left");
    // A request that is under way has its turn before this one, or leaves both as they are.
    new_access_key(&world, "last").await;
    until(async || access_keys_agree(&world)).await;
    let world = Arc::into_inner(world).expect("all clients are gone");
    let in_use = access_keys::enabled(&world.app);
    let world = world.restart().await;
    assert!(*access_keys::enabled(&world.app) == *in_use);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_of_access_keys_at_once_none_is_lost() {
    let world = World::new().await;
    let ci = new_access_key(&world, "ci").await;
    let mut changes = JoinSet::new();
    for number in 0..16 {
        let (app, id) = (Arc::clone(&world.app), ci.id.clone());
        changes.spawn(async move {
            let (same, own) = ("same".to_owned(), format!("own-{number}"));
            let same = access_keys::create(&app.call(), same, everything()).await;
            let own = access_keys::create(&app.call(), own, everything()).await;
            own.unwrap();
            access_keys::enable(&app.call(), &id, number % 2 == 0)
                .await
                .unwrap();
            same.is_ok()
        });
    }
    let made = changes.join_all().await;
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    let stored = access_keys::list(&world.app).unwrap();
    assert_eq!(stored.len(), 1 + 1 + 16);
    assert!(access_keys_agree(&world));
    let stored = stored.iter().find(|key| key.id == ci.id).unwrap();
    assert_eq!(stored.enabled, may_administrate(&world, &ci).await);
}

#[tokio::test]
async fn a_change_of_access_keys_that_is_refused_leaves_what_is_stored_in_use() {
    let world = World::new().await;
    let ci = new_access_key(&world, "ci").await;
    put(&world, RecordKind::AccessKey, "ci", None).await;
    let input = json!({ "AccessKeyId": ci.id });
    let answer = world.admin("Cognate.DeleteAccessKey", input).await;
    let text = "There is no access key with this id.";
    answer.refused("ResourceNotFoundException", text);
    assert!(!may_administrate(&world, &ci).await);
}
