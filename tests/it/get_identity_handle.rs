use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_identity_that_is_not_there_has_a_handle_that_is_always_the_same() {
    let world = World::new().await;
    let handle = async |id: &str| {
        let input = json!({ "IdentityId": id });
        let answer = world.admin("Cognate.GetIdentityHandle", input).await.ok();
        answer["Handle"].as_str().unwrap().to_owned()
    };
    let id = "eu-west-1:00000000-0000-4000-8000-000000000000";
    let first = handle(id).await;
    assert!(
        first.starts_with("eu-west-1:guest-") && first.len() == 42,
        "{first}"
    );
    assert_eq!(handle(id).await, first);
    assert_ne!(
        handle("eu-west-1:00000000-0000-4000-8000-000000000001").await,
        first
    );
}

#[tokio::test]
async fn what_is_no_id_is_refused() {
    let world = World::new().await;
    let input = json!({ "IdentityId": "eu-west-1:abc" });
    let answer = world.admin("Cognate.GetIdentityHandle", input).await;
    let text = "IdentityId is not an identity's id: REGION:UUID";
    answer.refused("InvalidParameterException", text);
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("Cognate.GetIdentityHandle", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
