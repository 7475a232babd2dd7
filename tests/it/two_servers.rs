//! Two servers of one store: what one changes is in force on the other, and a server with an outdated view refuses.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::world::in_memory::memory::MemoryStore;
use crate::world::{Credentials, World};

async fn two_servers() -> (Arc<MemoryStore>, World, World) {
    let store = Arc::new(MemoryStore::default());
    let one = World::of_store(store.clone()).await;
    let other = World::of_store(store.clone()).await;
    (store, one, other)
}

/// That something is so within a second.
async fn within_a_second(mut is_so: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    while !is_so().await {
        assert!(
            begin.elapsed() < Duration::from_secs(1),
            "not within a second"
        );
        sleep(Duration::from_millis(10)).await;
    }
}

async fn status(world: &World, operation: &str, input: Value) -> u16 {
    world.admin(operation, input).await.status
}

#[tokio::test]
async fn a_pool_that_one_server_makes_is_usable_on_the_other() {
    let (_, one, other) = two_servers().await;
    let pool = one.pool(json!({})).await;
    within_a_second(async || other.get_id(&pool, json!({})).await.status == 200).await;
    let delete = json!({ "IdentityPoolId": pool });
    assert_eq!(status(&one, "DeleteIdentityPool", delete).await, 200);
    within_a_second(async || other.get_id(&pool, json!({})).await.status == 400).await;
}

#[tokio::test]
async fn a_provider_and_a_role_of_one_server_are_known_on_the_other() {
    let (_, one, other) = two_servers().await;
    let url = [
        ("Url", "https://login.example.com"),
        ("ClientIDList.member.1", "app"),
    ];
    let arn = one
        .iam("CreateOpenIDConnectProvider", &url)
        .await
        .xml("OpenIDConnectProviderArn");
    let arn = arn.expect("the provider's ARN");
    let provider = [("OpenIDConnectProviderArn", arn.as_str())];
    within_a_second(async || {
        other
            .iam("GetOpenIDConnectProvider", &provider)
            .await
            .status
            == 200
    })
    .await;

    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": "arn:aws:iam::123456789012:root" },
    }})
    .to_string();
    let role = [
        ("RoleName", "Reader"),
        ("AssumeRolePolicyDocument", trust.as_str()),
    ];
    assert_eq!(one.iam("CreateRole", &role).await.status, 200);
    within_a_second(async || other.iam("GetRole", &role[..1]).await.status == 200).await;
    assert_eq!(one.iam("DeleteRole", &role[..1]).await.status, 200);
    within_a_second(async || other.iam("GetRole", &role[..1]).await.status == 404).await;
}

#[tokio::test]
async fn an_access_key_of_one_server_signs_at_the_other() {
    let (_, one, other) = two_servers().await;
    let all = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": all }).to_string();
    let made = one.admin(
        "Cognate.CreateAccessKey",
        json!({ "Name": "ci", "Policy": policy }),
    );
    let key = Credentials::of(&made.await.ok());
    let may_sign = async || {
        let input = json!({ "MaxResults": 1 });
        other.signed(&key, "ListIdentityPools", input).await.status == 200
    };
    within_a_second(may_sign).await;
    let disable = json!({ "AccessKeyId": key.id, "Status": "Inactive" });
    assert_eq!(status(&one, "Cognate.UpdateAccessKey", disable).await, 200);
    within_a_second(async || !may_sign().await).await;
}

#[tokio::test]
async fn a_revocation_on_one_server_is_in_force_on_the_other() {
    let (_, one, other) = two_servers().await;
    let pool = one.pool(json!({})).await;
    let guest = one.identity(&pool, json!({})).await;
    within_a_second(async || other.credentials(&guest, json!({})).await.status == 200).await;
    let revoke = json!({ "IdentityId": guest });
    assert_eq!(status(&one, "Cognate.RevokeIdentity", revoke).await, 200);
    within_a_second(async || other.credentials(&guest, json!({})).await.status == 400).await;
}

#[tokio::test]
async fn keys_that_one_server_rotates_are_those_of_the_other() {
    let (_, one, other) = two_servers().await;
    let pool = one.pool(json!({})).await;
    let guest = one.identity(&pool, json!({})).await;
    let session = async |world: &World| {
        let answer = world.credentials(&guest, json!({})).await.ok();
        Credentials::of(&answer["Credentials"])
    };
    let opens = async |world: &World, session: &Credentials| {
        let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        world.signed_query(session, "sts", &caller).await.status == 200
    };
    let before = session(&one).await;
    within_a_second(async || opens(&other, &before).await).await;
    let drop_it = json!({ "Purpose": "Sealing", "Compromised": true });
    let answer = one.admin("Cognate.RotateKeys", drop_it).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    within_a_second(async || !opens(&other, &before).await).await;
    let after = session(&one).await;
    assert!(opens(&other, &after).await);

    let keys = async |world: &World| world.get("/.well-known/jwks_uri").await.text;
    assert_eq!(
        keys(&one).await,
        keys(&other).await,
        "two servers agree at their first start"
    );
    let rotate = json!({ "Purpose": "Signing" });
    let answer = one.admin("Cognate.RotateKeys", rotate).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    within_a_second(async || keys(&one).await == keys(&other).await).await;
}

#[tokio::test]
async fn a_server_whose_view_is_older_than_five_seconds_refuses() {
    let (store, one, other) = two_servers().await;
    let pool = one.pool(json!({})).await;
    within_a_second(async || other.get_id(&pool, json!({})).await.status == 200).await;
    store.tables().closed = true;
    other.clock.advance_uptime(6);
    let describe = json!({ "IdentityPoolId": pool });
    let answer = other.admin("DescribeIdentityPool", describe.clone()).await;
    let (status_code, code, _) = answer.error();
    assert_eq!(
        (status_code, code.as_str()),
        (500, "InternalErrorException")
    );
    let query = [
        ("Action", "GetRole"),
        ("Version", "2010-05-08"),
        ("RoleName", "x"),
    ];
    let answer = other
        .signed_query(&Credentials::root(), "iam", &query)
        .await;
    assert_eq!(answer.status, 500, "{}", answer.text);
    assert_eq!(other.get("/health").await.status, 503);
    // What others need to verify tokens goes on.
    assert_eq!(other.get("/.well-known/jwks_uri").await.status, 200);
    assert_eq!(
        other.get("/.well-known/openid-configuration").await.status,
        200
    );
    store.tables().closed = false;
    within_a_second(async || status(&other, "DescribeIdentityPool", describe.clone()).await == 200)
        .await;
    assert_eq!(other.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_wall_clock_that_steps_back_makes_the_view_outdated() {
    let (store, one, other) = two_servers().await;
    let pool = one.pool(json!({})).await;
    within_a_second(async || other.get_id(&pool, json!({})).await.status == 200).await;
    store.tables().closed = true;
    other.clock.advance(-60);
    let input = json!({ "IdentityPoolId": pool });
    assert_eq!(other.public("GetId", input).await.status, 500);
    store.tables().closed = false;
}

#[tokio::test]
async fn a_pool_with_an_unknown_member_is_neither_used_nor_replaced() {
    let (store, one, _) = two_servers().await;
    let pool = one.pool(json!({})).await;
    let uuid = pool.split_once(':').unwrap().1.to_owned();
    let key = ("pool".to_owned(), uuid);
    let planted = {
        let mut tables = store.tables();
        let revision = tables.view.revision + 1;
        tables.view.revision = revision;
        let record = tables.records.get_mut(&key).unwrap();
        let text = record.json.clone().unwrap();
        let text = text.replacen("\"settings\":{", "\"settings\":{\"from_the_future\":1,", 1);
        record.json = Some(text.clone());
        record.revision = revision;
        text
    };
    let describe = json!({ "IdentityPoolId": pool });
    within_a_second(async || status(&one, "DescribeIdentityPool", describe.clone()).await == 500)
        .await;
    let update = json!({
        "IdentityPoolId": pool, "IdentityPoolName": "x", "AllowUnauthenticatedIdentities": true,
    });
    assert_eq!(status(&one, "UpdateIdentityPool", update).await, 500);
    assert_eq!(
        status(&one, "DeleteIdentityPool", describe.clone()).await,
        500
    );
    assert_eq!(one.public("GetId", describe).await.status, 500);
    assert_eq!(
        store.tables().records[&key].json.as_deref(),
        Some(planted.as_str())
    );
    let listed = one
        .admin("ListIdentityPools", json!({ "MaxResults": 9 }))
        .await
        .ok();
    assert_eq!(listed["IdentityPools"], json!([]));
}

#[tokio::test]
async fn a_server_that_stops_leaves_its_duties_to_the_other_at_once() {
    let (store, one, other) = two_servers().await;
    // The clocks stand still, so a lease that isn't released never ends. The first server has it.
    for is_stopped in [false, true] {
        if is_stopped {
            cognate::app::maintenance::close(&one.app).await;
            store.tables().closed = false;
        }
        let pool = other.pool(json!({})).await;
        other.identity(&pool, json!({})).await;
        let delete = json!({ "IdentityPoolId": pool });
        assert_eq!(status(&other, "DeleteIdentityPool", delete).await, 200);
        let begin = Instant::now();
        while !store.tables().identities.is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(5), "the rows stay");
            sleep(Duration::from_millis(20)).await;
        }
    }
}
