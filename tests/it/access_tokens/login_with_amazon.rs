use serde_json::{Value, json};

use super::{INVALID, Scene, UNSUPPORTED, own_claims};
use crate::world::{Asked, StandIn};

const KEY: &str = "www.amazon.com";
const APP: &str = "amzn1.application.436457DFHDH";
const CLIENT: &str = "amzn1.application-oa2-client.ASFWDFBRN";

/// Amazon's tokeninfo. A token is `Atza|USER`, for the app [`APP`] and its client [`CLIENT`].
fn token_info(asked: &Asked) -> (u16, Value) {
    assert_eq!(asked.path, "/auth/o2/tokeninfo");
    let token = asked.parameter("access_token");
    let Some(user) = token.strip_prefix("Atza|") else {
        let why = "The request has an invalid parameter : access_token";
        return (
            400,
            json!({ "error": "invalid_token", "error_description": why }),
        );
    };
    let exp = if user.starts_with("short") { 5 } else { 3597 };
    let info = json!({
        "iss": "https://www.amazon.com", "user_id": format!("amzn1.account.{user}"), "aud": CLIENT, "app_id": APP,
        "exp": exp, "iat": 1_311_280_970,
    });
    (200, info)
}

async fn scene() -> Scene {
    let provider = StandIn::new(token_info).await;
    Scene {
        world: Scene::world("api.amazon.com", &provider).await,
        provider,
        key: KEY,
        app: APP,
        other_app: "amzn1.application.other",
        login: |user| format!("Atza|K2LI23KL2LK{user}"),
        expired: "Atzr|expired",
        malformed: vec!["Atza|a b".into(), "Atza|é".into(), "x".repeat(2049)],
        calls: 1,
    }
}

#[tokio::test]
async fn users_of_amazon_log_in_with_access_tokens() {
    scene().await.check().await;
}

#[tokio::test]
async fn a_pool_names_the_app_or_its_client() {
    let scene = scene().await;
    let (by_app, by_client) = (scene.pool().await, scene.pool_of(CLIENT).await);
    for (pool, app) in [(&by_app, APP), (&by_client, CLIENT)] {
        let ada = scene.world.identity(pool, scene.logins(1)).await;
        let claims = own_claims(&scene.world, &ada, scene.logins(1)).await;
        let user = format!("www.amazon.com:{app}:amzn1.account.K2LI23KL2LK1");
        assert_eq!(claims["amr"], json!(["authenticated", KEY, user]));
    }
    let neither = scene.pool_of("amzn1.application.436457DFHD").await;
    let answer = scene.world.get_id(&neither, scene.logins(1)).await;
    answer.refused("NotAuthorizedException", UNSUPPORTED);
}

#[tokio::test]
async fn a_token_that_ends_is_asked_about_again() {
    let scene = scene().await;
    let pool = scene.pool().await;
    let logins = json!({ KEY: "Atza|short" });
    for (seconds, asked) in [(0, 1), (4, 1), (1, 2)] {
        scene.world.clock.advance(seconds);
        scene.world.identity(&pool, logins.clone()).await;
        assert_eq!(scene.provider.asked().len(), asked);
    }
    let answer = scene.world.get_id(&pool, json!({ KEY: "opaque" })).await;
    answer.refused("NotAuthorizedException", INVALID);
}

#[tokio::test]
async fn tags_see_amazons_own_name_of_the_user_too() {
    let scene = scene().await;
    let pool = scene.pool().await;
    for (tags, wanted) in [
        (
            json!({ "UseDefaults": true }),
            json!({ "username": ["amzn1.account.K2LI23KL2LK1"], "client": [APP] }),
        ),
        (
            json!({ "PrincipalTags": { "who": "user_id" } }),
            json!({ "who": ["amzn1.account.K2LI23KL2LK1"] }),
        ),
    ] {
        let mut set = json!({ "IdentityPoolId": pool, "IdentityProviderName": KEY });
        for (name, value) in tags.as_object().unwrap() {
            set[name] = value.clone();
        }
        scene
            .world
            .admin("SetPrincipalTagAttributeMap", set)
            .await
            .ok();
        let ada = scene.world.identity(&pool, scene.logins(1)).await;
        let claims = own_claims(&scene.world, &ada, scene.logins(1)).await;
        let wanted = json!({ "principal_tags": wanted });
        assert_eq!(claims["https://aws.amazon.com/tags"], wanted);
    }
}

#[tokio::test]
async fn credentials_may_end_with_the_token() {
    let scene = scene().await;
    let pool = scene.pool().await;
    let ada = scene.world.identity(&pool, scene.logins(1)).await;
    let set = json!({ "DurationSeconds": 7200 });
    scene.world.set_duration(&pool, set).await.ok();
    assert_eq!(scene.world.lasting(&ada, scene.logins(1)).await, 7200);
    let set = json!({ "WithinLogin": true });
    scene.world.set_duration(&pool, set).await.ok();
    // What Amazon said half a minute ago is remembered.
    scene.world.clock.advance(30);
    assert_eq!(scene.world.lasting(&ada, scene.logins(1)).await, 3567);
}
