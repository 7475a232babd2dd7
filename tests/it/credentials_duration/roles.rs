//! A role of the built-in IAM has a maximum of its own.

use serde_json::json;

use crate::world::{USER_ROLE, World};

/// A role that guests of `pool` may have for `longest` seconds; its ARN.
pub async fn make(world: &World, name: &str, pool: &str, longest: u32) -> String {
    let own = "cognito-identity.amazonaws.com";
    let statement = json!({
        "Effect": "Allow", "Principal": { "Federated": own }, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": { format!("{own}:aud"): pool } },
    });
    let trust = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let longest = longest.to_string();
    let parameters = [
        ("RoleName", name),
        ("AssumeRolePolicyDocument", trust.as_str()),
        ("MaxSessionDuration", longest.as_str()),
    ];
    let answer = world.iam("CreateRole", &parameters).await;
    answer
        .xml("Arn")
        .unwrap_or_else(|| panic!("{}", answer.text))
}

/// Lets sessions of the role do `action`.
pub async fn allow(world: &World, role: &str, action: &str) {
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let parameters = [
        ("RoleName", role),
        ("PolicyName", "p"),
        ("PolicyDocument", policy.as_str()),
    ];
    let answer = world.iam("PutRolePolicy", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn the_shorter_of_the_pools_time_and_the_roles_counts() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let role = make(&world, "Short", &pool, 7200).await;
    let given = json!({ "authenticated": USER_ROLE, "unauthenticated": role });
    let given = json!({ "IdentityPoolId": pool, "Roles": given });
    world.admin("SetIdentityPoolRoles", given).await.ok();
    let guest = world.identity(&pool, json!({})).await;
    for (seconds, lasts) in [(3600, 3600), (7200, 7200), (7201, 7200), (43_200, 7200)] {
        let set = json!({ "DurationSeconds": seconds });
        world.set_duration(&pool, set).await.ok();
        assert_eq!(world.lasting(&guest, json!({})).await, lasts);
    }
    let longer = [("RoleName", "Short"), ("MaxSessionDuration", "43200")];
    let answer = world.iam("UpdateRole", &longer).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(world.lasting(&guest, json!({})).await, 43_200);
}
