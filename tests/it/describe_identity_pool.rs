use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_unknown_pool_is_not_found() {
    let world = World::new().await;
    for id in [
        "eu-west-1:00000000-0000-4000-8000-000000000000",
        "eu-west-1:0",
        "x:0",
    ] {
        let answer = world
            .admin("DescribeIdentityPool", json!({ "IdentityPoolId": id }))
            .await;
        answer.refused(
            "ResourceNotFoundException",
            &format!("IdentityPool '{id}' not found."),
        );
    }
}

#[tokio::test]
async fn a_user_pool_id_is_no_identity_pool_id() {
    let world = World::new().await;
    let answer = world
        .admin(
            "DescribeIdentityPool",
            json!({ "IdentityPoolId": "us-east-2_AbC123" }),
        )
        .await;
    answer.refused(
        "ValidationException",
        "1 validation error detected: Value 'us-east-2_AbC123' at 'identityPoolId' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [\\w-]+:[0-9a-f-]+",
    );
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("DescribeIdentityPool", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
