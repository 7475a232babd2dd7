use serde_json::json;

use crate::world::{Issuer, World, login};

#[tokio::test]
async fn nothing_of_a_deleted_pool_is_found() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let answer = world
        .admin("DeleteIdentityPool", json!({ "IdentityPoolId": pool }))
        .await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, ""),
        "no output, so no body"
    );
    assert_eq!(answer.header("content-length").as_deref(), Some("0"));

    let no_pool = format!("IdentityPool '{pool}' not found.");
    let no_identity = format!("Identity '{ada}' not found.");
    let code = "ResourceNotFoundException";
    world
        .get_id(&pool, logins.clone())
        .await
        .refused(code, &no_pool);
    world
        .credentials(&ada, logins)
        .await
        .refused(code, &no_identity);
    world
        .admin("DescribeIdentity", json!({ "IdentityId": ada }))
        .await
        .refused(code, &no_identity);
    for operation in [
        "DescribeIdentityPool",
        "GetIdentityPoolRoles",
        "DeleteIdentityPool",
    ] {
        let answer = world
            .admin(operation, json!({ "IdentityPoolId": pool }))
            .await;
        answer.refused(code, &no_pool);
    }
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("DeleteIdentityPool", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
