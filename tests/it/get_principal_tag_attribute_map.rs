use serde_json::{Value, json};

use crate::world::{Answer, World};

const OPERATION: &str = "GetPrincipalTagAttributeMap";
const GOOGLE: &str = "accounts.google.com";
const APPLE: &str = "appleid.apple.com";

async fn pool(world: &World) -> String {
    let providers = json!({ GOOGLE: "123.apps", APPLE: "com.x.y" });
    world
        .pool(json!({ "SupportedLoginProviders": providers }))
        .await
}

async fn get(world: &World, pool: &str, provider: &str) -> Answer {
    let input = json!({ "IdentityPoolId": pool, "IdentityProviderName": provider });
    world.admin(OPERATION, input).await
}

async fn set(world: &World, pool: &str, provider: &str, tags: Value) -> Value {
    let input = json!({
        "IdentityPoolId": pool, "IdentityProviderName": provider, "PrincipalTags": tags,
    });
    world.admin("SetPrincipalTagAttributeMap", input).await.ok()
}

#[tokio::test]
async fn a_map_is_shown_as_it_was_set() {
    let world = World::new().await;
    let pool = pool(&world).await;
    for tags in [
        json!({ "team": "group", "floor": "level" }),
        json!({ "Team": "group" }),
        json!({}),
    ] {
        let answered = set(&world, &pool, GOOGLE, tags.clone()).await;
        let wanted = json!({
            "IdentityPoolId": pool, "IdentityProviderName": GOOGLE, "PrincipalTags": tags,
            "UseDefaults": tags == json!({}),
        });
        assert_eq!(answered, wanted);
        assert_eq!(get(&world, &pool, GOOGLE).await.ok(), wanted, "replaced");
    }
}

#[tokio::test]
async fn each_provider_of_each_pool_has_its_own() {
    let world = World::new().await;
    let (one, two) = (pool(&world).await, pool(&world).await);
    set(&world, &one, GOOGLE, json!({ "a": "x" })).await;
    set(&world, &one, APPLE, json!({ "b": "x" })).await;
    set(&world, &two, GOOGLE, json!({ "c": "x" })).await;
    for (pool, provider, tag) in [(&one, GOOGLE, "a"), (&one, APPLE, "b"), (&two, GOOGLE, "c")] {
        let found = get(&world, pool, provider).await.ok();
        assert_eq!(found["PrincipalTags"], json!({ tag: "x" }));
    }
}

#[tokio::test]
async fn a_provider_without_a_map_has_none_to_show() {
    let world = World::new().await;
    let pool = pool(&world).await;
    set(&world, &pool, GOOGLE, json!({})).await;
    for provider in [APPLE, "unknown.example.com"] {
        let text = format!("Principal tag attribute map for '{provider}' not found.");
        let answer = get(&world, &pool, provider).await;
        answer.refused("ResourceNotFoundException", &text);
    }
}

#[tokio::test]
async fn a_map_stays_while_its_provider_is_away() {
    let world = World::new().await;
    let pool = pool(&world).await;
    let map = set(&world, &pool, GOOGLE, json!({ "a": "x" })).await;
    let update = json!({
        "IdentityPoolId": pool, "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true,
    });
    world.admin("UpdateIdentityPool", update).await.ok();
    assert_eq!(get(&world, &pool, GOOGLE).await.ok(), map);
}

#[tokio::test]
async fn a_map_is_there_after_a_restart() {
    let world = World::new().await;
    let pool = pool(&world).await;
    let map = set(&world, &pool, GOOGLE, json!({ "a": "x" })).await;
    let world = world.restart().await;
    assert_eq!(get(&world, &pool, GOOGLE).await.ok(), map);
}

#[tokio::test]
async fn a_pool_that_is_not_there_is_not_found() {
    let world = World::new().await;
    let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000";
    get(&world, unknown, GOOGLE).await.refused(
        "ResourceNotFoundException",
        &format!("IdentityPool '{unknown}' not found."),
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
