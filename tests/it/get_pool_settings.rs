use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_new_pool_has_the_settings_of_the_real_service() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let input = json!({ "IdentityPoolId": pool });
    let answer = world.admin("Cognate.GetPoolSettings", input).await.ok();
    let settings = r#"{"CredentialsDurationSeconds":3600,"CredentialsWithinLogin":false,"ReuseOpenIdTokens":false}"#;
    assert_eq!(answer["Settings"], settings);
    assert!(answer["Version"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_pool_that_is_not_there_is_not_found() {
    let world = World::new().await;
    let pool = "eu-west-1:00000000-0000-4000-8000-000000000000";
    let input = json!({ "IdentityPoolId": pool });
    let answer = world.admin("Cognate.GetPoolSettings", input).await;
    let text = format!("IdentityPool '{pool}' not found.");
    answer.refused("ResourceNotFoundException", &text);
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("Cognate.GetPoolSettings", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
