use serde_json::{Value, json};

use crate::world::{Answer, Credentials, DEVELOPER, Given, Issuer, Key, World, login};

const OPERATION: &str = "UnlinkDeveloperIdentity";
const NOT_LINKED: &str = "The login is not linked to this identity.";
const DONT_MATCH: &str = "Logins don't match. Please include at least one valid login for this identity or identity pool.";

fn request(pool: &str, identity: &str, user: &str) -> Value {
    json!({
        "IdentityPoolId": pool, "IdentityId": identity, "DeveloperProviderName": DEVELOPER,
        "DeveloperUserIdentifier": user,
    })
}

async fn unlink(world: &World, pool: &str, identity: &str, user: &str) -> Answer {
    world.admin(OPERATION, request(pool, identity, user)).await
}

#[tokio::test]
async fn a_user_who_is_unlinked_is_new_when_next_seen() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let id = world.user(&pool, "one").await.identity;
    world.attach(&pool, "two", &id).await;
    let answer = unlink(&world, &pool, &id, "two").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_ne!(world.user(&pool, "two").await.identity, id);
    assert_eq!(world.user(&pool, "one").await.identity, id);
}

#[tokio::test]
async fn an_identity_without_its_last_login_is_nobodys_for_good() {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .developer_pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let id = world.user(&pool, "one").await.identity;
    unlink(&world, &pool, &id, "one").await.ok();
    assert_eq!(world.providers_of(&id).await, Value::Null);
    let forbidden = format!("Access to Identity '{id}' is forbidden.");
    let code = "NotAuthorizedException";
    world
        .credentials(&id, json!({}))
        .await
        .refused(code, &forbidden);
    world
        .get_token(&id, json!({}))
        .await
        .refused(code, &forbidden);
    let ada = login(&issuer, &issuer.token("ada"));
    world
        .credentials(&id, ada.clone())
        .await
        .refused(code, DONT_MATCH);
    world.get_token(&id, ada).await.refused(code, DONT_MATCH);
    for user in ["one", "two"] {
        let answer = world
            .developer(&pool, user, json!({ "IdentityId": id }))
            .await;
        answer.refused(code, DONT_MATCH);
    }
    let again = world.user(&pool, "one").await.identity;
    assert_ne!(again, id);
    let answer = world
        .developer(&pool, "one", json!({ "IdentityId": id }))
        .await;
    answer.refused(
        "DeveloperUserAlreadyRegisteredException",
        "This developer user identifier is already registered with Cognito.",
    );
}

#[tokio::test]
async fn what_was_given_out_before_is_over() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let one = world.user(&pool, "one").await;
    world.attach(&pool, "two", &one.identity).await;
    let answer = world.credentials(&one.identity, one.login()).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let token = Given::of(world.get_token(&one.identity, one.login()).await).token;
    unlink(&world, &pool, &one.identity, "two").await.ok();
    assert!(!world.is_live(&session).await);
    world
        .assume(crate::world::USER_ROLE, &token)
        .await
        .query_refused(
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        );
}

#[tokio::test]
async fn a_public_login_stays() {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .developer_pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let logins = login(&issuer, &issuer.token("ada"));
    let more = json!({ "Logins": logins });
    let id = Given::of(world.developer(&pool, "one", more).await).identity;
    unlink(&world, &pool, &id, "one").await.ok();
    assert_eq!(world.identity(&pool, logins.clone()).await, id);
    world.credentials(&id, logins).await.ok();
}

#[tokio::test]
async fn a_user_of_another_identity_is_a_conflict_and_stays_there() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let one = world.user(&pool, "one").await.identity;
    let two = world.user(&pool, "two").await.identity;
    let guest = world.identity(&pool, json!({})).await;
    let merged = world.user(&pool, "three").await.identity;
    let merge = json!({
        "IdentityPoolId": pool, "DeveloperProviderName": DEVELOPER, "SourceUserIdentifier": "three",
        "DestinationUserIdentifier": "two",
    });
    world.admin("MergeDeveloperIdentities", merge).await.ok();
    for (identity, user) in [
        (&one, "two"),
        (&one, "One"),
        (&one, "unknown"),
        (&guest, "one"),
        (&merged, "three"),
    ] {
        let answer = unlink(&world, &pool, identity, user).await;
        answer.refused("ResourceConflictException", NOT_LINKED);
    }
    assert_eq!(world.user(&pool, "one").await.identity, one);
    assert_eq!(world.user(&pool, "three").await.identity, two);
    unlink(&world, &pool, &two, "three").await.ok();
    let answer = unlink(&world, &pool, &two, "three").await;
    answer.refused("ResourceConflictException", NOT_LINKED);
}

#[tokio::test]
async fn a_public_subject_of_the_same_name_is_no_user() {
    let world = World::new().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .developer_pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    let answer = unlink(&world, &pool, &ada, "ada").await;
    answer.refused("ResourceConflictException", NOT_LINKED);
}

#[tokio::test]
async fn an_unknown_identity_or_pool_is_not_found() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let other_pool = world.developer_pool(json!({})).await;
    let elsewhere = world.user(&other_pool, "one").await.identity;
    let code = "ResourceNotFoundException";
    let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000".to_owned();
    for id in [elsewhere, unknown.clone()] {
        let answer = unlink(&world, &pool, &id, "one").await;
        answer.refused(code, &format!("Identity '{id}' not found."));
    }
    let answer = unlink(&world, &unknown, &unknown, "one").await;
    answer.refused(code, &format!("IdentityPool '{unknown}' not found."));
    let input = request(&pool, &unknown, "one");
    let answer = world.admin_of("us-east-1", OPERATION, input).await;
    answer.refused(code, &format!("IdentityPool '{pool}' not found."));
}

#[tokio::test]
async fn another_developer_provider_is_not_supported() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let id = world.user(&pool, "one").await.identity;
    for name in ["login.other", "LOGIN.mycompany"] {
        let mut input = request(&pool, &id, "one");
        input["DeveloperProviderName"] = json!(name);
        let answer = world.admin(OPERATION, input).await;
        answer.refused(
            "NotAuthorizedException",
            "This identity pool does not support the specified developer provider",
        );
    }
    assert_eq!(world.user(&pool, "one").await.identity, id);
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
