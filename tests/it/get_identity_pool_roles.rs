use serde_json::json;

use crate::world::{GUEST_ROLE, USER_ROLE, World};

#[tokio::test]
async fn a_pool_has_the_roles_that_were_set() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let roles = world
        .admin("GetIdentityPoolRoles", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
    let wanted = json!({
        "IdentityPoolId": pool, "Roles": { "authenticated": USER_ROLE, "unauthenticated": GUEST_ROLE },
    });
    assert_eq!(roles, wanted);
}

#[tokio::test]
async fn a_pool_without_roles_shows_its_id() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    world
        .admin(
            "SetIdentityPoolRoles",
            json!({ "IdentityPoolId": pool, "Roles": {} }),
        )
        .await
        .ok();
    let roles = world
        .admin("GetIdentityPoolRoles", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
    assert_eq!(roles, json!({ "IdentityPoolId": pool }));
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("GetIdentityPoolRoles", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
