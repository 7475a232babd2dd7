use serde_json::json;

use crate::tag_resource::{only_pools_of_this_account_and_region, pool_arn, tags};
use crate::world::World;

const OPERATION: &str = "ListTagsForResource";

#[tokio::test]
async fn a_pool_has_the_tags_that_it_was_made_with() {
    let world = World::new().await;
    let given = json!({ "team": "blue", "empty": "" });
    let pool = world
        .pool(json!({ "IdentityPoolTags": given.clone() }))
        .await;
    let input = json!({ "ResourceArn": pool_arn(&pool) });
    let found = world.admin(OPERATION, input).await.ok();
    assert_eq!(found, json!({ "Tags": given }));
}

#[tokio::test]
async fn a_pool_without_tags_has_an_empty_map_of_them() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let input = json!({ "ResourceArn": pool_arn(&pool) });
    let found = world.admin(OPERATION, input).await.ok();
    assert_eq!(found, json!({ "Tags": {} }));
}

#[tokio::test]
async fn an_update_that_says_nothing_of_tags_keeps_them_and_one_that_does_replaces_them() {
    let world = World::new().await;
    let given = json!({ "team": "blue", "floor": "2" });
    let pool = world
        .pool(json!({ "IdentityPoolTags": given.clone() }))
        .await;
    let mut update = json!({
        "IdentityPoolId": pool, "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true,
    });
    let answer = world.admin("UpdateIdentityPool", update.clone()).await;
    answer.ok();
    assert_eq!(tags(&world, &pool).await, given);
    update["IdentityPoolTags"] = json!({ "team": "red" });
    world.admin("UpdateIdentityPool", update).await.ok();
    assert_eq!(tags(&world, &pool).await, json!({ "team": "red" }));
}

#[tokio::test]
async fn only_the_arn_of_a_pool_here_is_taken() {
    let world = World::new().await;
    only_pools_of_this_account_and_region(&world, OPERATION, &json!({})).await;
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public(OPERATION, json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
