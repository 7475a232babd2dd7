//! What a request gets: the members that the strictest SDK requires, and the same as from the two calls of an app.

use serde_json::json;

use super::{Scene, has_common_headers, keys_of, refused, role_named};
use crate::world::{DEVELOPER, Issuer, USER_POOL, World, login};

const CALLER: [(&str, &str); 2] = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];

#[tokio::test]
async fn credentials_have_the_members_that_the_strictest_client_requires() {
    let scene = Scene::new().await;
    for value in [scene.token.clone(), format!("Bearer {}", scene.token)] {
        let headers = [("authorization", value.as_str())];
        let answer = scene.fetch_with(&scene.path(""), &headers).await;
        has_common_headers(&answer);
        let body = answer.ok();
        let keys = keys_of(&body);
        let expected = json!({
            "AccessKeyId": keys.id, "SecretAccessKey": keys.secret, "Token": keys.session_token,
            "Expiration": "2026-03-01T13:00:00Z", "RoleArn": role_named("User"),
            "AccountId": "123456789012",
        });
        assert_eq!(body, expected);
        let caller = scene.world.signed_query(&keys, "sts", &CALLER).await;
        assert_eq!(caller.status, 200, "{}", caller.text);
    }
}

#[tokio::test]
async fn one_request_gives_the_session_that_an_app_gets_with_two() {
    let scene = Scene::new().await;
    scene.map("staff", "Staff").await;
    let answer = scene.fetch(&scene.path("")).await.ok();
    let shared = scene.world.open_session(&keys_of(&answer));
    let logins = login(&scene.issuer, &scene.token);
    let identity = scene.world.identity(&scene.pool, logins.clone()).await;
    let usual = scene.world.session(&identity, logins).await;
    assert_eq!(shared, usual);
    assert_eq!(answer["RoleArn"], role_named("Staff").as_str());
}

#[tokio::test]
async fn a_guest_has_a_path_of_its_own() {
    let scene = Scene::new().await;
    let path = format!("/guest-credentials/{}", scene.pool);
    let first = scene.fetch_with(&path, &[]).await.ok();
    let second = scene.fetch_with(&path, &[]).await.ok();
    let session = scene.world.open_session(&keys_of(&first));
    assert!(!session.identity().unwrap().is_authenticated());
    assert_eq!(session.bounds.len(), 1, "the bounds of guests");
    let other = scene.world.open_session(&keys_of(&second));
    assert_ne!(session.identity(), other.identity(), "another guest");
    // A token is never ignored, and a missing one never makes a guest.
    refused(&scene.fetch(&path).await, 400, "InvalidRequest");
    let answer = scene.fetch_with(&scene.path(""), &[]).await;
    assert_eq!(answer.header("www-authenticate").as_deref(), Some("Bearer"));
    refused(&answer, 401, "InvalidIdentityToken");

    let closed = json!({ "AllowUnauthenticatedIdentities": false });
    let closed = scene.world.pool(closed).await;
    let path = format!("/guest-credentials/{closed}");
    refused(&scene.fetch_with(&path, &[]).await, 403, "AccessDenied");
}

#[tokio::test]
async fn a_developers_token_gives_the_credentials_of_its_identity() {
    let scene = Scene::new().await;
    let pool = scene.world.developer_pool(json!({})).await;
    let given = scene.world.user(&pool, "ada").await;
    let path = format!("/credentials/{pool}");
    let headers = [("authorization", given.token.as_str())];
    let answer = scene.fetch_with(&path, &headers).await.ok();
    let session = scene.world.open_session(&keys_of(&answer));
    let identity = session.identity().unwrap();
    assert!(given.identity.ends_with(&identity.identity.to_string()));
    assert!(identity.amr.iter().any(|entry| entry.contains(DEVELOPER)));
    // Credentials never outlive a developer's token.
    assert!(session.not_after.is_some());

    // Any other token of this server is none, and neither is a developer's token at another pool.
    refused(
        &scene.fetch_with(&scene.path(""), &headers).await,
        401,
        "InvalidIdentityToken",
    );
    let guest = scene.world.identity(&scene.pool, json!({})).await;
    let token = scene.world.get_token(&guest, json!({})).await.ok();
    let headers = [("authorization", token["Token"].as_str().unwrap())];
    for pool in [&scene.pool, &pool] {
        let answer = scene
            .fetch_with(&format!("/credentials/{pool}"), &headers)
            .await;
        refused(&answer, 401, "InvalidIdentityToken");
    }
}

#[tokio::test]
async fn the_issuer_in_a_token_chooses_the_provider_to_the_byte() {
    let issuer = Issuer::new().await;
    let world = World::with_user_pools(&issuer).await;
    let pool = world.pool_of_users().await;
    let path = format!("/credentials/{pool}");
    let fetch = async |token: &str| {
        let headers = super::header_map(&[("authorization", token)]);
        world.send("GET", &path, headers, "").await
    };
    let token = issuer.user_pool_token("web", "ada", &json!({}));
    let answer = fetch(&token).await.ok();
    let session = world.open_session(&keys_of(&answer));
    assert_eq!(session.identity().unwrap().logins[0].provider, USER_POOL);
    for iss in [
        USER_POOL.to_owned(),
        format!("http://{USER_POOL}"),
        format!("https://{USER_POOL}/"),
        format!("https://{}", USER_POOL.to_uppercase()),
        format!("https://{USER_POOL}x"),
        String::new(),
    ] {
        let other = issuer.user_pool_token("web", "ada", &json!({ "iss": iss }));
        refused(&fetch(&other).await, 403, "AccessDenied");
    }
    let fetches = issuer.fetches();
    for more in [
        json!({ "iss": null }),
        json!({ "iss": [] }),
        json!({ "iss": 1 }),
    ] {
        let other = issuer.user_pool_token("web", "ada", &more);
        refused(&fetch(&other).await, 403, "AccessDenied");
    }
    assert_eq!(issuer.fetches(), fetches, "nothing was fetched");
}

#[tokio::test]
async fn what_the_server_cannot_find_out_is_to_be_tried_again() {
    let scene = Scene::new().await;
    scene.issuer.away(true);
    let answer = scene.fetch(&scene.path("")).await;
    assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
    refused(&answer, 503, "ServiceUnavailable");
    scene.issuer.away(false);
    scene.world.clock.advance(60);
    let token = scene
        .issuer
        .token_saying("ada", &json!({ "exp": scene.world.now() + 600 }));
    let headers = [("authorization", token.as_str())];
    scene.fetch_with(&scene.path(""), &headers).await.ok();
}
