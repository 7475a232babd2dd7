//! The consumer secrets of pools: shown to whoever may see a pool, and on the disk for nobody. And no log has them, or a
//! token.

use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{facebook, twitter};
use crate::process::Data;
use crate::world::{Mood, StandIn, Start, World};

const SECRET: &str = "Xgj5xb8xConsumerSecret";

async fn described(world: &World, pool: &str) -> Value {
    let input = json!({ "IdentityPoolId": pool });
    let pool = world.admin("DescribeIdentityPool", input).await.ok();
    pool["SupportedLoginProviders"].clone()
}

fn providers() -> Value {
    json!({
        "www.digits.com": format!("digitsKey;{SECRET}-digits"),
        "graph.facebook.com": "1634271429961880",
        "api.twitter.com": format!("twitterKey;{SECRET}-twitter"),
    })
}

#[tokio::test]
async fn a_pool_shows_what_it_was_given_also_after_a_restart_and_an_update() {
    let world = World::new().await;
    let pool = world
        .pool(json!({ "SupportedLoginProviders": providers() }))
        .await;
    assert_eq!(described(&world, &pool).await, providers());
    // Other changes leave it.
    let roles = json!({ "IdentityPoolId": pool, "Roles": {} });
    world.admin("SetIdentityPoolRoles", roles).await.ok();
    let world = world.restart().await;
    assert_eq!(described(&world, &pool).await, providers());

    let update = |providers: Value| {
        json!({ "IdentityPoolId": pool, "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true,
            "SupportedLoginProviders": providers })
    };
    let other = json!({ "api.twitter.com": "otherKey;otherSecret" });
    let answer = world.admin("UpdateIdentityPool", update(other.clone()));
    assert_eq!(answer.await.ok()["SupportedLoginProviders"], other);
    assert_eq!(described(&world, &pool).await, other);
    world
        .admin("UpdateIdentityPool", update(json!({})))
        .await
        .ok();
    assert_eq!(described(&world, &pool).await, Value::Null);
    let kept = record(&world.folder, &pool);
    assert_eq!(kept["settings"].get("sealed_consumer_secrets"), None);
}

/// A pool's record in the database.
fn record(folder: &Arc<TempDir>, pool: &str) -> Value {
    let db = Connection::open(folder.path().join("data/cognate.sqlite")).unwrap();
    let (_, uuid) = pool.split_once(':').unwrap();
    let query = "SELECT json FROM record WHERE kind = 'pool' AND key = ?1";
    let text: String = db.query_row(query, [uuid], |row| row.get(0)).unwrap();
    cognate::model::json::read(text.as_bytes()).unwrap()
}

fn write_record(folder: &Arc<TempDir>, pool: &str, record: &Value) {
    let db = Connection::open(folder.path().join("data/cognate.sqlite")).unwrap();
    let (_, uuid) = pool.split_once(':').unwrap();
    let update = "UPDATE record SET json = ?2, checksum = NULL WHERE kind = 'pool' AND key = ?1";
    let changed = db.execute(update, (uuid, record.to_string())).unwrap();
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn no_consumer_secret_is_in_any_file() {
    let world = World::new().await;
    let pool = world
        .pool(json!({ "SupportedLoginProviders": providers() }))
        .await;
    let folder = Arc::clone(&world.folder);
    let mut key_seen = false;
    for entry in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let holds = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(!holds(SECRET));
        key_seen |= holds("twitterKey");
    }
    assert!(key_seen, "what is there is found");
    let kept = record(&folder, &pool);
    let apps = json!({
        "www.digits.com": "digitsKey", "graph.facebook.com": "1634271429961880", "api.twitter.com": "twitterKey",
    });
    assert_eq!(kept["settings"]["supported_login_providers"], apps);
    let sealed = kept["settings"]["sealed_consumer_secrets"].as_object();
    let sealed: Vec<&String> = sealed.unwrap().keys().collect();
    assert_eq!(sealed, ["www.digits.com", "api.twitter.com"]);
}

#[tokio::test]
async fn a_secret_that_was_moved_or_changed_is_nobodys() {
    let world = World::new().await;
    let make = || world.pool(json!({ "SupportedLoginProviders": providers() }));
    let (one, other) = (make().await, make().await);
    let (folder, clock) = (Arc::clone(&world.folder), Arc::clone(&world.clock));
    cognate::app::maintenance::close(&world.app).await;
    drop(world);
    let (good, of_other) = (record(&folder, &one), record(&folder, &other));
    let place = "/settings/sealed_consumer_secrets/api.twitter.com";
    for moved in [
        // From another pool, from another provider of the pool, changed, and away.
        of_other.pointer(place).cloned(),
        Some(good["settings"]["sealed_consumer_secrets"]["www.digits.com"].clone()),
        Some(json!("AAAA")),
        None,
    ] {
        let mut changed = good.clone();
        let sealed = &mut changed["settings"]["sealed_consumer_secrets"];
        let sealed = sealed.as_object_mut().unwrap();
        sealed.remove("api.twitter.com");
        sealed.extend(moved.map(|moved| ("api.twitter.com".to_owned(), moved)));
        write_record(&folder, &one, &changed);
        let world = World::open(Arc::clone(&folder), Arc::clone(&clock), |_| {}).await;
        let described = world.admin("DescribeIdentityPool", json!({ "IdentityPoolId": one }));
        let failed = described.await.error();
        assert_eq!((failed.0, &*failed.1), (500, "InternalErrorException"));
        let login = world
            .get_id(&one, json!({ "api.twitter.com": "7-x;s" }))
            .await;
        assert_eq!(login.error().1, "InternalErrorException");
        cognate::app::maintenance::close(&world.app).await;
    }
}

#[tokio::test]
async fn no_log_has_a_token_or_a_secret() {
    let (data, graph) = (Data::new(), StandIn::new(facebook::graph).await);
    let twitter = StandIn::new(twitter::account(twitter::TWITTER)).await;
    let server = Start::serve(&data.path())
        .flag("--upstream", format!("graph.facebook.com={}", graph.base))
        .flag("--upstream", format!("api.twitter.com={}", twitter.base))
        .variable("COGNATE_LOG_FILTER", "trace")
        .up()
        .await;
    let apps = json!({ "graph.facebook.com": "1634271429961880", "api.twitter.com": twitter::APP });
    let pool = server
        .pool(json!({ "SupportedLoginProviders": apps }))
        .await;
    let ask = async |key: &str, value: &str| server.get_id(&pool, json!({ key: value })).await;
    let (facebook, api) = ("graph.facebook.com", "api.twitter.com");
    let good = "EAA-1634271429961880-47110815";
    ask(facebook, good).await.ok();
    ask(api, "47110815-x;secret/47110815").await.ok();
    // Graph's own words quote this one.
    let id_token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl";
    for (key, value) in [
        (facebook, "EAAmadeup"),
        (facebook, "EAA spaced"),
        (facebook, id_token),
        (api, "47110815-x;notthesecret"),
        (api, "47110815-y;gone"),
    ] {
        assert_eq!(ask(key, value).await.error().1, "NotAuthorizedException");
    }
    for mood in [Mood::Away, Mood::Garbage, Mood::Huge] {
        graph.is(mood);
        twitter.is(mood);
        for (key, value) in [(facebook, "EAAother"), (api, "47110816-x;secret/47110816")] {
            assert_eq!(ask(key, value).await.error().1, "ExternalServiceException");
        }
    }
    let address = graph.base.clone();
    drop((graph, twitter));
    for (key, value) in [(facebook, "EAAother"), (api, "47110816-x;secret/47110816")] {
        assert_eq!(ask(key, value).await.error().1, "ExternalServiceException");
    }
    let ended = server.stop().await;
    let log = ended.out + &ended.err;
    for words in [
        "register an OpenID",
        "the provider refuses the access token: it was answered with 400, error 190",
        "graph.facebook.com gives no answer about the access token: the provider answered with 503",
        "the provider's answer can't be read: not strict JSON",
        "the answer is longer than 1 MiB",
        "the provider can't be reached",
    ] {
        assert!(log.contains(words), "{words:?} isn't in {log}");
    }
    for secret in [
        "EAA",
        "access_token=",
        "47110815",
        "47110816",
        "secret/",
        "notthesecret",
        "Xgj5xb8x",
        "c2lnbmF0dXJl",
        "oauth_signature",
        &address,
    ] {
        assert!(!log.contains(secret), "{secret:?} is in {log}");
    }
}
