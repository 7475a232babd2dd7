use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::World;

async fn page(world: &World, pool: &str, size: usize, token: &Value, revoked: bool) -> Value {
    let input = json!({
        "IdentityPoolId": pool, "MaxResults": size, "NextToken": token, "OnlyRevoked": revoked,
    });
    world
        .admin("Cognate.ListIdentityStatuses", input)
        .await
        .ok()
}

#[tokio::test]
async fn pages_of_revoked_identities_may_be_empty_and_miss_none() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let mut revoked = BTreeSet::new();
    for number in 0..9 {
        let id = world.identity(&pool, json!({})).await;
        if number % 4 == 0 {
            let input = json!({ "IdentityId": id });
            world.admin("Cognate.RevokeIdentity", input).await.ok();
            revoked.insert(id);
        }
    }
    for size in [1, 2, 500] {
        let (mut found, mut token) = (BTreeSet::new(), Value::Null);
        loop {
            let page = page(&world, &pool, size, &token, true).await;
            for identity in page["Identities"].as_array().unwrap() {
                assert_eq!(identity["Status"], "Revoked");
                assert_eq!(identity["IdentityPoolId"], json!(pool));
                found.insert(identity["IdentityId"].as_str().unwrap().to_owned());
            }
            token = page["NextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(found, revoked, "{size}");
    }
    let all = page(&world, &pool, 500, &Value::Null, false).await;
    assert_eq!(all["Identities"].as_array().unwrap().len(), 9);
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world
        .public("Cognate.ListIdentityStatuses", json!({}))
        .await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
