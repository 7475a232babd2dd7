use serde_json::{Value, json};

use crate::tag_resource::{only_pools_of_this_account_and_region, pool_arn, tags};
use crate::world::{Credentials, World};

async fn tagged(world: &World) -> String {
    let tags = json!({ "team": "blue", "unit": "red", "floor": "2" });
    world.pool(json!({ "IdentityPoolTags": tags })).await
}

fn request(pool: &str, keys: &[&str]) -> Value {
    json!({ "ResourceArn": pool_arn(pool), "TagKeys": keys })
}

#[tokio::test]
async fn tags_go_by_their_keys() {
    let world = World::new().await;
    let pool = tagged(&world).await;
    let input = request(&pool, &["team", "floor", "team"]);
    let answer = world.admin("UntagResource", input).await;
    assert_eq!(answer.ok(), json!({}));
    assert_eq!(tags(&world, &pool).await, json!({ "unit": "red" }));
}

#[tokio::test]
async fn what_is_not_there_needs_no_taking() {
    let world = World::new().await;
    let pool = tagged(&world).await;
    let all = tags(&world, &pool).await;
    for keys in [&["teams", "aws:x", "te*"][..], &[]] {
        let answer = world.admin("UntagResource", request(&pool, keys)).await;
        assert_eq!(answer.ok(), json!({}));
        assert_eq!(tags(&world, &pool).await, all);
    }
}

#[tokio::test]
async fn only_the_arn_of_a_pool_here_is_taken() {
    let world = World::new().await;
    let more = json!({ "TagKeys": ["team"] });
    only_pools_of_this_account_and_region(&world, "UntagResource", &more).await;
}

#[tokio::test]
async fn a_policy_may_say_which_keys() {
    let world = World::new().await;
    let pool = tagged(&world).await;
    let policy = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "cognito-identity:UntagResource", "Resource": pool_arn(&pool),
        "Condition": { "ForAllValues:StringEquals": { "aws:TagKeys": ["floor"] } },
    } });
    let input = json!({ "Name": "ci", "Policy": policy.to_string() });
    let made = world.admin("Cognate.CreateAccessKey", input).await.ok();
    let ci = Credentials::of(&made);
    for keys in [&["team"][..], &["floor", "team"]] {
        let answer = world
            .signed(&ci, "UntagResource", request(&pool, keys))
            .await;
        assert_eq!(answer.error().1, "AccessDeniedException", "{keys:?}");
    }
    let answer = world
        .signed(&ci, "UntagResource", request(&pool, &["floor"]))
        .await;
    answer.ok();
    let left = json!({ "team": "blue", "unit": "red" });
    assert_eq!(tags(&world, &pool).await, left);
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let pool = tagged(&world).await;
    let answer = world
        .public("UntagResource", request(&pool, &["team"]))
        .await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
    assert_eq!(tags(&world, &pool).await["team"], json!("blue"));
}
