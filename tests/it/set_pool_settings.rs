use serde_json::{Value, json};

use crate::world::World;

async fn settings(world: &World, pool: &str) -> Value {
    let input = json!({ "IdentityPoolId": pool });
    world.admin("Cognate.GetPoolSettings", input).await.ok()
}

fn input(pool: &str, settings: &str, version: &Value) -> Value {
    json!({ "IdentityPoolId": pool, "Settings": settings, "Version": version })
}

const CHANGED: &str =
    r#"{"CredentialsDurationSeconds":900,"CredentialsWithinLogin":true,"ReuseOpenIdTokens":false}"#;

#[tokio::test]
async fn the_settings_are_replaced_as_a_whole_and_the_old_pair_shows_them() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let before = settings(&world, &pool).await;
    let set = input(&pool, CHANGED, &before["Version"]);
    let answer = world.admin("Cognate.SetPoolSettings", set).await.ok();
    assert_eq!(answer["Settings"], CHANGED);
    assert_eq!(answer["Version"], before["Version"].as_u64().unwrap() + 1);
    assert_eq!(settings(&world, &pool).await, answer);
    let of_pool = json!({ "IdentityPoolId": pool });
    let old = world
        .admin("Cognate.GetCredentialsDuration", of_pool)
        .await
        .ok();
    assert_eq!(old, json!({ "DurationSeconds": 900, "WithinLogin": true }));
}

#[tokio::test]
async fn a_version_that_was_overtaken_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let before = settings(&world, &pool).await;
    let set = input(&pool, CHANGED, &before["Version"]);
    world.admin("Cognate.SetPoolSettings", set).await.ok();
    let late = r#"{"CredentialsDurationSeconds":1800,"CredentialsWithinLogin":false,"ReuseOpenIdTokens":false}"#;
    for version in [before["Version"].clone(), json!(99)] {
        let answer = world
            .admin("Cognate.SetPoolSettings", input(&pool, late, &version))
            .await;
        let text = "Another request changed the same thing meanwhile. Try again.";
        answer.refused("ConcurrentModificationException", text);
    }
    assert_eq!(settings(&world, &pool).await["Settings"], CHANGED);
}

#[tokio::test]
async fn a_document_with_an_unknown_missing_or_wrong_member_is_refused() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let before = settings(&world, &pool).await;
    for (document, words) in [
        (
            r#"{"CredentialsDurationSeconds":900,"CredentialsWithinLogin":true,"Colour":1}"#,
            "unknown field",
        ),
        (
            r#"{"CredentialsDurationSeconds":900}"#,
            "CredentialsWithinLogin",
        ),
        (
            r#"{"CredentialsDurationSeconds":900,"CredentialsWithinLogin":true}"#,
            "ReuseOpenIdTokens",
        ),
        (
            r#"{"CredentialsDurationSeconds":"900","CredentialsWithinLogin":true,"ReuseOpenIdTokens":false}"#,
            "Settings is not a document of settings",
        ),
        (
            r#"{"CredentialsDurationSeconds":899,"CredentialsWithinLogin":true,"ReuseOpenIdTokens":false}"#,
            "CredentialsDurationSeconds is 899: it must be 900 to 43200.",
        ),
        ("[]", "Settings is not a document of settings"),
    ] {
        let set = input(&pool, document, &before["Version"]);
        let (status, code, text) = world.admin("Cognate.SetPoolSettings", set).await.error();
        assert_eq!(
            (status, code.as_str()),
            (400, "InvalidParameterException"),
            "{document}"
        );
        assert!(text.contains(words), "{words} in {text}");
    }
    assert_eq!(settings(&world, &pool).await, before);
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("Cognate.SetPoolSettings", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}

#[tokio::test]
async fn the_login_client_of_a_pool_is_published_and_every_other_setting_is_not() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let path = format!("/login-client/{pool}");
    assert_eq!(world.get(&path).await.status, 404);
    let client = |issuer: &str, scopes: &[&str]| {
        json!({
            "CredentialsDurationSeconds": 900, "CredentialsWithinLogin": false, "ReuseOpenIdTokens": false,
            "LoginClient": { "Issuer": issuer, "ClientId": "cli", "Scopes": scopes },
        })
        .to_string()
    };
    let before = settings(&world, &pool).await;
    let set = async |text: &str| {
        let set = input(&pool, text, &before["Version"]);
        world.admin("Cognate.SetPoolSettings", set).await
    };
    for (issuer, scopes) in [
        ("http://login.example.com", &["openid"][..]),
        ("https://login.example.com", &["profile"]),
        ("https://me@login.example.com", &["openid"]),
    ] {
        let (status, code, _) = set(&client(issuer, scopes)).await.error();
        assert_eq!((status, code.as_str()), (400, "InvalidParameterException"));
    }
    let text = client("https://login.example.com", &["openid", "email"]);
    assert_eq!(set(&text).await.ok()["Settings"], text);
    let published = world.get(&path).await.ok();
    let expected = json!({
        "issuer": "https://login.example.com", "client_id": "cli", "scopes": ["openid", "email"],
    });
    assert_eq!(published, expected);
    for other in [
        "eu-west-1:00000000-0000-4000-8000-000000000000",
        "x",
        "%2e%2e",
    ] {
        assert_eq!(
            world.get(&format!("/login-client/{other}")).await.status,
            404
        );
    }
}
