use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{Answer, DEVELOPER, Given, Issuer, Key, World, login};

const NOT_FOUND: &str = "Developer user identifier not found.";
const NOT_LINKED: &str = "The developer user identifier is not linked to this identity.";

/// LookupDeveloperIdentity with more members.
async fn look_up(world: &World, pool: &str, more: Value) -> Answer {
    let mut input = json!({ "IdentityPoolId": pool });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    world.admin("LookupDeveloperIdentity", input).await
}

fn users(answer: &Value) -> BTreeSet<String> {
    let list = answer["DeveloperUserIdentifierList"].as_array().unwrap();
    let users = list.iter().map(|user| user.as_str().unwrap().to_owned());
    users.collect()
}

fn set(users: &[&str]) -> BTreeSet<String> {
    users.iter().map(|user| (*user).to_owned()).collect()
}

/// An identity with these users.
async fn identity_of(world: &World, pool: &str, users: &[&str]) -> String {
    let id = world.user(pool, users[0]).await.identity;
    for user in &users[1..] {
        world.attach(pool, user, &id).await;
    }
    id
}

#[tokio::test]
async fn a_user_leads_to_its_identity_and_all_users_of_it() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let id = identity_of(&world, &pool, &["one", "two", "three"]).await;
    world.user(&pool, "other").await;
    let ask = json!({ "DeveloperUserIdentifier": "two" });
    let found = look_up(&world, &pool, ask).await.ok();
    assert_eq!(found["IdentityId"], json!(id));
    assert_eq!(users(&found), set(&["one", "two", "three"]));
    assert_eq!(found["NextToken"], Value::Null);
}

#[tokio::test]
async fn an_identity_leads_to_its_users() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let id = identity_of(&world, &pool, &["one", "two"]).await;
    let found = look_up(&world, &pool, json!({ "IdentityId": id }))
        .await
        .ok();
    assert_eq!(found["IdentityId"], json!(id));
    assert_eq!(users(&found), set(&["one", "two"]));
}

#[tokio::test]
async fn public_logins_are_no_users() {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .developer_pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let guest = world.identity(&pool, json!({})).await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    for id in [guest, ada.clone()] {
        let found = look_up(&world, &pool, json!({ "IdentityId": id }))
            .await
            .ok();
        assert_eq!(
            found,
            json!({ "DeveloperUserIdentifierList": [], "IdentityId": id })
        );
    }
    let more = json!({ "IdentityId": ada, "Logins": login(&issuer, &issuer.token("ada")) });
    Given::of(world.developer(&pool, "user-1", more).await);
    let found = look_up(&world, &pool, json!({ "IdentityId": ada }))
        .await
        .ok();
    assert_eq!(users(&found), set(&["user-1"]));
    let ask = json!({ "DeveloperUserIdentifier": "ada" });
    let answer = look_up(&world, &pool, ask).await;
    answer.refused("ResourceNotFoundException", NOT_FOUND);
}

#[tokio::test]
async fn both_that_belong_together_are_answered() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let id = identity_of(&world, &pool, &["one", "two"]).await;
    let ask = json!({ "IdentityId": id, "DeveloperUserIdentifier": "two" });
    let found = look_up(&world, &pool, ask).await.ok();
    assert_eq!(found["IdentityId"], json!(id));
    assert_eq!(users(&found), set(&["one", "two"]));
}

#[tokio::test]
async fn both_that_do_not_belong_together_are_a_conflict() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let id = identity_of(&world, &pool, &["one"]).await;
    world.user(&pool, "two").await;
    for user in ["two", "unknown"] {
        let ask = json!({ "IdentityId": id, "DeveloperUserIdentifier": user });
        let answer = look_up(&world, &pool, ask).await;
        answer.refused("ResourceConflictException", NOT_LINKED);
    }
}

#[tokio::test]
async fn neither_is_refused() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let answer = look_up(&world, &pool, json!({ "MaxResults": 1 })).await;
    answer.refused(
        "InvalidParameterException",
        "Please provide an IdentityId or a DeveloperUserIdentifier.",
    );
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let other_pool = world.developer_pool(json!({})).await;
    let elsewhere = world.user(&other_pool, "elsewhere").await.identity;
    let code = "ResourceNotFoundException";
    for user in ["unknown", "elsewhere"] {
        let ask = json!({ "DeveloperUserIdentifier": user });
        look_up(&world, &pool, ask).await.refused(code, NOT_FOUND);
    }
    let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000".to_owned();
    for id in [unknown, elsewhere] {
        let answer = look_up(&world, &pool, json!({ "IdentityId": id })).await;
        answer.refused(code, &format!("Identity '{id}' not found."));
    }
    let without = world.pool(json!({})).await;
    let ask = json!({ "DeveloperUserIdentifier": "user" });
    look_up(&world, &without, ask)
        .await
        .refused(code, NOT_FOUND);
    let input = json!({ "IdentityPoolId": pool, "DeveloperUserIdentifier": "unknown" });
    let answer = world
        .admin_of("us-east-1", "LookupDeveloperIdentity", input)
        .await;
    answer.refused(code, &format!("IdentityPool '{pool}' not found."));
}

#[tokio::test]
async fn a_merged_identity_has_no_users_and_its_survivor_has_all() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let source = world.user(&pool, "one").await.identity;
    let survivor = world.user(&pool, "two").await.identity;
    let merge = json!({
        "IdentityPoolId": pool, "DeveloperProviderName": DEVELOPER, "SourceUserIdentifier": "one",
        "DestinationUserIdentifier": "two",
    });
    world.admin("MergeDeveloperIdentities", merge).await.ok();
    let found = look_up(&world, &pool, json!({ "IdentityId": source }))
        .await
        .ok();
    assert_eq!(users(&found), set(&[]));
    let ask = json!({ "DeveloperUserIdentifier": "one" });
    let found = look_up(&world, &pool, ask).await.ok();
    assert_eq!(found["IdentityId"], json!(survivor));
    assert_eq!(users(&found), set(&["one", "two"]));
}

#[tokio::test]
async fn pages_hold_every_user_once() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let long = "\u{1f600}".repeat(1024);
    let all = ["b", "a", " ", "é", "e\u{301}", long.as_str(), "B"];
    let id = identity_of(&world, &pool, &all).await;
    for ask in [
        json!({ "IdentityId": id }),
        json!({ "DeveloperUserIdentifier": "é" }),
    ] {
        for (size, pages) in [(1, 7), (3, 3), (7, 1), (60, 1)] {
            let mut seen = Vec::new();
            let mut token = Value::Null;
            let mut count = 0;
            loop {
                let mut ask = ask.clone();
                ask["MaxResults"] = json!(size);
                ask["NextToken"] = token;
                let page = look_up(&world, &pool, ask).await.ok();
                assert_eq!(page["IdentityId"], json!(id));
                seen.extend(users(&page));
                count += 1;
                token = page["NextToken"].clone();
                if token.is_null() {
                    break;
                }
            }
            assert_eq!((count, seen.len()), (pages, 7));
            assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), set(&all));
        }
    }
}

#[tokio::test]
async fn a_page_has_60_users_without_a_word_and_never_more() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let names: Vec<String> = (0..61).map(|n| format!("user-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let id = identity_of(&world, &pool, &names).await;
    let found = look_up(&world, &pool, json!({ "IdentityId": id }))
        .await
        .ok();
    assert_eq!(users(&found).len(), 60);
    let ask = json!({ "IdentityId": id, "NextToken": found["NextToken"] });
    let rest = look_up(&world, &pool, ask).await.ok();
    assert_eq!((users(&rest).len(), &rest["NextToken"]), (1, &Value::Null));
    let ask = json!({ "IdentityId": id, "MaxResults": 61 });
    let answer = look_up(&world, &pool, ask).await;
    answer.refused(
        "ValidationException",
        "1 validation error detected: Value '61' at 'maxResults' failed to satisfy constraint: Member must have value \
         less than or equal to 60",
    );
}

#[tokio::test]
async fn a_token_that_was_not_given_out_is_refused() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let id = world.user(&pool, "one").await.identity;
    // Not base64url, or not of a text.
    for token in ["....", "x", "_w", "é", "YQ=="] {
        let ask = json!({ "IdentityId": id, "NextToken": token });
        let answer = look_up(&world, &pool, ask).await;
        answer.refused("InvalidParameterException", "Invalid NextToken.");
    }
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("LookupDeveloperIdentity", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
