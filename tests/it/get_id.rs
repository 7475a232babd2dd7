use serde_json::json;

use crate::world::{Issuer, World, claims, login};

#[tokio::test]
async fn each_call_without_logins_makes_a_new_guest() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let one = world.identity(&pool, json!({})).await;
    let answer = world
        .public("GetId", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
    let two = answer["IdentityId"].as_str().unwrap().to_owned();
    assert_ne!(one, two);
    for id in [one, two] {
        assert!(id.starts_with("eu-west-1:") && id.len() == 46, "{id}");
    }
}

#[tokio::test]
async fn a_guest_is_refused_where_guests_are_not_allowed() {
    let world = World::new().await;
    let pool = world
        .pool(json!({ "AllowUnauthenticatedIdentities": false }))
        .await;
    let text = "Unauthenticated access is not supported for this identity pool.";
    world
        .get_id(&pool, json!({}))
        .await
        .refused("NotAuthorizedException", text);
    world
        .public("GetId", json!({ "IdentityPoolId": pool, "Logins": null }))
        .await
        .refused("NotAuthorizedException", text);
}

#[tokio::test]
async fn an_unknown_pool_is_not_found() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let uuid = pool.split_once(':').unwrap().1;
    for id in [
        "eu-west-1:00000000-0000-4000-8000-000000000000".to_owned(),
        format!("us-east-1:{uuid}"),
        "eu-west-1:abc".to_owned(),
    ] {
        let text = format!("IdentityPool '{id}' not found.");
        world
            .get_id(&id, json!({}))
            .await
            .refused("ResourceNotFoundException", &text);
    }
}

#[tokio::test]
async fn another_accounts_pool_is_not_found() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let ask = |account: &str| json!({ "IdentityPoolId": pool, "AccountId": account });
    let text = format!("IdentityPool '{pool}' not found.");
    for account in ["210987654321", "1"] {
        world
            .public("GetId", ask(account))
            .await
            .refused("ResourceNotFoundException", &text);
    }
    world.public("GetId", ask("123456789012")).await.ok();
}

#[tokio::test]
async fn the_same_login_gets_the_same_identity() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    world.clock.advance(60);
    let mut fresh = claims(issuer.url(), "ada");
    fresh["iat"] = json!(world.now());
    let again = world
        .identity(&pool, login(&issuer, &issuer.key.token(&fresh)))
        .await;
    assert_eq!(ada, again);
    let bob = world
        .identity(&pool, login(&issuer, &issuer.token("bob")))
        .await;
    assert_ne!(ada, bob);
}

#[tokio::test]
async fn subjects_are_compared_as_bytes() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let mut ids = std::collections::HashSet::new();
    for subject in ["ada", "Ada", "ada ", " ada", "é", "e\u{301}", "ﬁ", "fi"] {
        ids.insert(
            world
                .identity(&pool, login(&issuer, &issuer.token(subject)))
                .await,
        );
    }
    assert_eq!(ids.len(), 8);
}

#[tokio::test]
async fn the_same_login_is_another_identity_in_another_pool() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let arn = world.register(&issuer, &["app"]).await;
    let one = world
        .pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let two = world
        .pool(json!({ "OpenIdConnectProviderARNs": [arn] }))
        .await;
    let logins = login(&issuer, &issuer.token("ada"));
    assert_ne!(
        world.identity(&one, logins.clone()).await,
        world.identity(&two, logins).await
    );
}

#[tokio::test]
async fn several_logins_are_linked_and_any_of_them_finds_the_identity() {
    let (world, one, two) = (World::new().await, Issuer::new().await, Issuer::new().await);
    let arns = [
        world.register(&one, &["app"]).await,
        world.register(&two, &["app"]).await,
    ];
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": arns }))
        .await;
    let both = json!({ one.name(): one.token("ada"), two.name(): two.token("ada") });
    let first = login(&one, &one.token("ada"));
    let id = world.identity(&pool, first.clone()).await;
    assert_eq!(
        world.identity(&pool, both).await,
        id,
        "the second is linked"
    );
    assert_eq!(
        world.identity(&pool, login(&two, &two.token("ada"))).await,
        id
    );
    assert_eq!(world.identity(&pool, first).await, id);
}

#[tokio::test]
async fn logins_of_two_identities_are_never_merged_here() {
    let (world, one, two) = (World::new().await, Issuer::new().await, Issuer::new().await);
    let arns = [
        world.register(&one, &["app"]).await,
        world.register(&two, &["app"]).await,
    ];
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": arns }))
        .await;
    let ada = world.identity(&pool, login(&one, &one.token("ada"))).await;
    let bob = world.identity(&pool, login(&two, &two.token("bob"))).await;
    let text = "Logins are already linked to another account";
    let both = json!({ one.name(): one.token("ada"), two.name(): two.token("bob") });
    world
        .get_id(&pool, both)
        .await
        .refused("ResourceConflictException", text);
    // Nor is a second user of a provider linked.
    let clash = json!({ one.name(): one.token("ada"), two.name(): two.token("eve") });
    assert_eq!(world.identity(&pool, clash).await, ada);
    let second = json!({ one.name(): one.token("mallory"), two.name(): two.token("eve") });
    world
        .get_id(&pool, second)
        .await
        .refused("ResourceConflictException", text);
    assert_eq!(
        world.identity(&pool, login(&two, &two.token("bob"))).await,
        bob
    );
}

#[tokio::test]
async fn one_bad_login_refuses_all() {
    let (world, one, two) = (World::new().await, Issuer::new().await, Issuer::new().await);
    let arns = [
        world.register(&one, &["app"]).await,
        world.register(&two, &["app"]).await,
    ];
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": arns }))
        .await;
    let both = json!({ one.name(): one.token("ada"), two.name(): one.token("ada") });
    let text = "Invalid login token. Issuer doesn't match providerName";
    world
        .get_id(&pool, both)
        .await
        .refused("NotAuthorizedException", text);
}

#[tokio::test]
async fn tokens_of_this_service_are_refused() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let guest = world.identity(&pool, json!({})).await;
    let own = world
        .public("GetOpenIdToken", json!({ "IdentityId": guest }))
        .await
        .ok();
    let own = own["Token"].as_str().unwrap();
    let mut real = claims("https://cognito-identity.amazonaws.com", "x");
    real["aud"] = json!(pool);
    let real = issuer.key.token(&real);
    let text = "Invalid login token. Can't pass in a Cognito token.";
    for logins in [
        json!({ "cognito-identity.amazonaws.com": own }),
        json!({ "cognito-identity.amazonaws.com": "opaque" }),
        json!({ "cognito-identity.amazonaws.com": issuer.token("ada") }),
        json!({ issuer.name(): own }),
        json!({ issuer.name(): real }),
    ] {
        world
            .get_id(&pool, logins)
            .await
            .refused("NotAuthorizedException", text);
    }
}

#[tokio::test]
async fn a_developers_user_is_no_public_login() {
    let world = World::new().await;
    let pool = world
        .pool(json!({ "DeveloperProviderName": "login.mycompany" }))
        .await;
    let text = "Please provide a valid public provider";
    let logins = json!({ "login.mycompany": "user-1" });
    world
        .get_id(&pool, logins)
        .await
        .refused("NotAuthorizedException", text);
}

#[tokio::test]
async fn a_pool_without_providers_says_so() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool(json!({})).await;
    let text = format!("Identity pool - {pool} does not have identity providers configured.");
    let logins = login(&issuer, &issuer.token("ada"));
    world
        .get_id(&pool, logins.clone())
        .await
        .refused("NotAuthorizedException", &text);
    let guest = world.identity(&pool, json!({})).await;
    world
        .credentials(&guest, logins.clone())
        .await
        .refused("NotAuthorizedException", &text);
    let input = json!({ "IdentityId": guest, "Logins": logins });
    world
        .public("GetOpenIdToken", input)
        .await
        .refused("NotAuthorizedException", &text);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    let guest = world.identity(&pool, json!({})).await;
    let world = world.restart().await;
    assert_eq!(
        world
            .identity(&pool, login(&issuer, &issuer.token("ada")))
            .await,
        ada
    );
    world.credentials(&guest, json!({})).await.ok();
}
