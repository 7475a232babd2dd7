use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{Answer, Credentials, DEVELOPER, Given, Issuer, Key, World, login};

const OPERATION: &str = "MergeDeveloperIdentities";
const CONFLICT: &str = "Logins are already linked to another account";

fn request(pool: &str, source: &str, destination: &str) -> Value {
    json!({
        "IdentityPoolId": pool, "DeveloperProviderName": DEVELOPER, "SourceUserIdentifier": source,
        "DestinationUserIdentifier": destination,
    })
}

async fn merge(world: &World, pool: &str, source: &str, destination: &str) -> Answer {
    world
        .admin(OPERATION, request(pool, source, destination))
        .await
}

async fn users(world: &World, pool: &str, identity: &str) -> BTreeSet<String> {
    let input = json!({ "IdentityPoolId": pool, "IdentityId": identity });
    let found = world.admin("LookupDeveloperIdentity", input).await.ok();
    let list = found["DeveloperUserIdentifierList"].as_array().unwrap();
    let users = list.iter().map(|user| user.as_str().unwrap().to_owned());
    users.collect()
}

/// An identity of its own for `user`, with this many of the developer's users.
async fn with_users(world: &World, pool: &str, user: &str, count: usize) -> String {
    let id = world.user(pool, user).await.identity;
    for n in 1..count {
        world.attach(pool, &format!("{user}-{n}"), &id).await;
    }
    id
}

#[tokio::test]
async fn the_destination_gets_the_users_of_the_source() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    world.user(&pool, "one").await;
    let two = world.user(&pool, "two").await.identity;
    let merged = merge(&world, &pool, "one", "two").await.ok();
    assert_eq!(merged, json!({ "IdentityId": two }));
    for user in ["one", "two"] {
        assert_eq!(world.user(&pool, user).await.identity, two);
    }
}

#[tokio::test]
async fn either_way_the_destination_stays() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let older = world.user(&pool, "one").await.identity;
    world.clock.advance(60);
    world.user(&pool, "two").await;
    let merged = merge(&world, &pool, "two", "one").await.ok();
    assert_eq!(merged["IdentityId"], json!(older));
    assert_eq!(world.user(&pool, "two").await.identity, older);
}

#[tokio::test]
async fn public_logins_go_along() {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .developer_pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let logins = login(&issuer, &issuer.token("ada"));
    Given::of(
        world
            .developer(&pool, "one", json!({ "Logins": logins }))
            .await,
    );
    let two = world.user(&pool, "two").await.identity;
    merge(&world, &pool, "one", "two").await.ok();
    assert_eq!(world.identity(&pool, logins).await, two);
    assert_eq!(
        world.providers_of(&two).await,
        json!([DEVELOPER, issuer.name()])
    );
}

#[tokio::test]
async fn the_source_is_disabled_and_answers_with_the_survivor_to_its_login_only() {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .developer_pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let logins = login(&issuer, &issuer.token("ada"));
    let more = json!({ "Logins": logins });
    let one = Given::of(world.developer(&pool, "one", more).await).identity;
    let two = world.user(&pool, "two").await.identity;
    let answer = world.credentials(&one, logins.clone()).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    merge(&world, &pool, "one", "two").await.ok();
    assert!(!world.is_live(&session).await);
    assert_eq!(world.providers_of(&one).await, Value::Null);
    let forbidden = format!("Access to Identity '{one}' is forbidden.");
    let eve = login(&issuer, &issuer.token("eve"));
    for logins in [json!({}), eve] {
        let answer = world.credentials(&one, logins).await;
        answer.refused("NotAuthorizedException", &forbidden);
    }
    let answer = world.credentials(&one, logins).await.ok();
    assert_eq!(answer["IdentityId"], json!(two));
}

#[tokio::test]
async fn what_the_survivor_gave_out_stays_good() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    world.user(&pool, "one").await;
    let two = world.user(&pool, "two").await;
    let answer = world.credentials(&two.identity, two.login()).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    merge(&world, &pool, "one", "two").await.ok();
    assert!(world.is_live(&session).await);
}

#[tokio::test]
async fn merging_again_changes_nothing() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    world.user(&pool, "one").await;
    let two = world.user(&pool, "two").await.identity;
    merge(&world, &pool, "one", "two").await.ok();
    for (source, destination) in [("one", "two"), ("two", "one"), ("one", "one")] {
        let merged = merge(&world, &pool, source, destination).await.ok();
        assert_eq!(merged["IdentityId"], json!(two));
    }
}

#[tokio::test]
async fn merges_make_chains_that_lead_to_the_last() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let one = world.user(&pool, "one").await.identity;
    world.user(&pool, "two").await;
    let three = world.user(&pool, "three").await.identity;
    merge(&world, &pool, "one", "two").await.ok();
    merge(&world, &pool, "two", "three").await.ok();
    assert_eq!(world.attach(&pool, "one", &one).await.identity, three);
}

#[tokio::test]
async fn an_unknown_user_is_not_found() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let elsewhere = world.developer_pool(json!({})).await;
    world.user(&pool, "one").await;
    world.user(&elsewhere, "two").await;
    for (source, destination) in [
        ("one", "two"),
        ("two", "one"),
        ("two", "two"),
        ("One", "one"),
    ] {
        let answer = merge(&world, &pool, source, destination).await;
        answer.refused(
            "ResourceNotFoundException",
            "Developer user identifier not found.",
        );
    }
}

#[tokio::test]
async fn two_users_of_one_public_provider_never_become_one() {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .developer_pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let mut ids = Vec::new();
    for (user, subject) in [("one", "ada"), ("two", "bob")] {
        let more = json!({ "Logins": login(&issuer, &issuer.token(subject)) });
        ids.push(Given::of(world.developer(&pool, user, more).await).identity);
    }
    let answer = merge(&world, &pool, "one", "two").await;
    answer.refused("ResourceConflictException", CONFLICT);
    assert_eq!(world.user(&pool, "one").await.identity, ids[0]);
    assert_eq!(world.user(&pool, "two").await.identity, ids[1]);
}

#[tokio::test]
async fn a_merged_identity_has_20_logins_at_most() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    with_users(&world, &pool, "a", 12).await;
    let eight = with_users(&world, &pool, "b", 8).await;
    let one = world.user(&pool, "c").await.identity;
    merge(&world, &pool, "a", "b").await.ok();
    assert_eq!(users(&world, &pool, &eight).await.len(), 20);
    for (source, destination) in [("c", "a"), ("a", "c")] {
        let answer = merge(&world, &pool, source, destination).await;
        answer.refused("ResourceConflictException", CONFLICT);
    }
    assert_eq!(users(&world, &pool, &one).await.len(), 1);
}

#[tokio::test]
async fn another_developer_provider_is_not_supported() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let without = world.pool(json!({})).await;
    world.user(&pool, "one").await;
    world.user(&pool, "two").await;
    for (pool, name) in [
        (&pool, "login.other"),
        (&pool, "Login.mycompany"),
        (&without, DEVELOPER),
    ] {
        let mut input = request(pool, "one", "two");
        input["DeveloperProviderName"] = json!(name);
        let answer = world.admin(OPERATION, input).await;
        answer.refused(
            "NotAuthorizedException",
            "This identity pool does not support the specified developer provider",
        );
    }
}

#[tokio::test]
async fn a_pool_of_another_region_is_not_found() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let input = request(&pool, "one", "two");
    let answer = world.admin_of("us-east-1", OPERATION, input).await;
    answer.refused(
        "ResourceNotFoundException",
        &format!("IdentityPool '{pool}' not found."),
    );
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public(OPERATION, json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
