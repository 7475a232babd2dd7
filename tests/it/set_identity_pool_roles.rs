use serde_json::json;

use crate::world::{GUEST_ROLE, USER_ROLE, World};

#[tokio::test]
async fn roles_are_replaced_as_a_whole() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let set = json!({ "IdentityPoolId": pool, "Roles": { "authenticated": USER_ROLE }, "RoleMappings": {} });
    let answer = world.admin("SetIdentityPoolRoles", set).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    let roles = world
        .admin("GetIdentityPoolRoles", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
    assert_eq!(roles["Roles"], json!({ "authenticated": USER_ROLE }));
}

#[tokio::test]
async fn a_role_that_is_not_this_accounts_is_forbidden_and_changes_nothing() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    for role in [
        "arn:aws:iam::210987654321:role/User",
        "arn:aws:iam:::role/User-of-nobody",
        "Cognito_MyPoolAuth_Role",
        "arn:aws:iam::123456789012:user/somebody",
    ] {
        let set = json!({ "IdentityPoolId": pool, "Roles": { "authenticated": role } });
        let answer = world.admin("SetIdentityPoolRoles", set).await;
        answer.refused(
            "NotAuthorizedException",
            &format!("Access to Role '{role}' is forbidden."),
        );
    }
    let roles = world
        .admin("GetIdentityPoolRoles", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
    assert_eq!(roles["Roles"]["unauthenticated"], json!(GUEST_ROLE));
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("SetIdentityPoolRoles", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
