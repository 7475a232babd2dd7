use serde_json::{Map, Value, json};

use crate::world::{ACCOUNT, Answer, World};

const CODE: &str = "InvalidParameterException";

/// The ARN of a pool of these tests' region.
pub fn pool_arn(pool: &str) -> String {
    format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:identitypool/{pool}")
}

/// That the ARN of anything but a pool of this account is refused by `operation`, and that of a pool that isn't there
/// isn't found. `more` is what else the operation wants.
pub async fn only_pools_of_this_account_and_region(world: &World, operation: &str, more: &Value) {
    let pool = world.pool(json!({})).await;
    let uuid = pool.split_once(':').unwrap().1;
    let input = |arn: &str| {
        let mut input = more.clone();
        input["ResourceArn"] = json!(arn);
        input
    };
    let resource = format!("eu-west-1:{ACCOUNT}:identitypool/{pool}");
    for arn in [
        "not an ARN, but long enough".to_owned(),
        pool.clone(),
        format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}"),
        format!("urn:aws:cognito-identity:{resource}"),
        format!("arn:azure:cognito-identity:{resource}"),
        format!("arn:aws:cognito-idp:{resource}"),
        format!("arn:aws:cognito-identity:eu-west-1:210987654321:identitypool/{pool}"),
        format!("arn:aws:cognito-identity:us-east-1:{ACCOUNT}:identitypool/{pool}"),
        format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:identitypool/{uuid}"),
        format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:userpool/{pool}"),
        format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:{pool}"),
    ] {
        let answer = world.admin(operation, input(&arn)).await;
        answer.refused(CODE, &format!("Invalid resource ARN: {arn}"));
    }
    let not_found = "ResourceNotFoundException";
    for missing in [
        "eu-west-1:00000000-0000-4000-8000-000000000000".to_owned(),
        format!("{pool}0"),
    ] {
        let answer = world.admin(operation, input(&pool_arn(&missing))).await;
        answer.refused(not_found, &format!("IdentityPool '{missing}' not found."));
    }
    let there = input(&pool_arn(&pool));
    let answer = world.admin_of("us-east-1", operation, there.clone()).await;
    answer.refused(not_found, &format!("IdentityPool '{pool}' not found."));
    world.admin(operation, there).await.ok();
    let of_pool = json!({ "IdentityPoolId": pool });
    world.admin("DeleteIdentityPool", of_pool).await.ok();
    let answer = world.admin(operation, input(&pool_arn(&pool))).await;
    answer.refused(not_found, &format!("IdentityPool '{pool}' not found."));
}

/// The tags of a pool.
pub async fn tags(world: &World, pool: &str) -> Value {
    let input = json!({ "ResourceArn": pool_arn(pool) });
    world.admin("ListTagsForResource", input).await.ok()["Tags"].clone()
}

async fn tag(world: &World, pool: &str, tags: Value) -> Answer {
    let input = json!({ "ResourceArn": pool_arn(pool), "Tags": tags });
    world.admin("TagResource", input).await
}

/// Tags with keys of these numbers.
fn numbered(numbers: std::ops::Range<usize>) -> Value {
    let tags: Map<String, Value> = numbers.map(|n| (format!("key-{n}"), json!(""))).collect();
    Value::Object(tags)
}

#[tokio::test]
async fn tags_are_added_and_replaced_by_their_keys() {
    let world = World::new().await;
    let given = json!({ "IdentityPoolTags": { "team": "blue", "floor": "2" } });
    let pool = world.pool(given).await;
    let answer = tag(&world, &pool, json!({ "team": "red", "teams": "" })).await;
    assert_eq!(answer.ok(), json!({}));
    let wanted = json!({ "team": "red", "floor": "2", "teams": "" });
    assert_eq!(tags(&world, &pool).await, wanted);
    let of_pool = json!({ "IdentityPoolId": pool });
    let described = world.admin("DescribeIdentityPool", of_pool).await.ok();
    assert_eq!(described["IdentityPoolTags"], wanted);
    tag(&world, &pool, json!({})).await.ok();
    assert_eq!(tags(&world, &pool).await, wanted);
}

#[tokio::test]
async fn a_pool_has_fifty_tags_at_most() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let text = "A pool has at most 50 tags.";
    tag(&world, &pool, numbered(0..51))
        .await
        .refused(CODE, text);
    assert_eq!(tags(&world, &pool).await, json!({}), "all or none");
    tag(&world, &pool, numbered(0..50)).await.ok();
    tag(&world, &pool, json!({ "one-more": "" }))
        .await
        .refused(CODE, text);
    tag(&world, &pool, json!({ "key-0": "new" })).await.ok();
    let found = tags(&world, &pool).await;
    assert_eq!(found.as_object().unwrap().len(), 50);
    assert_eq!(found["key-0"], json!("new"));
}

#[tokio::test]
async fn keys_and_values_have_the_documented_characters() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let reserved = "Tag keys must not begin with aws:";
    let letters = "Tags hold letters, digits, spaces and _ . : / = + - @ only.";
    for (tags, text) in [
        (json!({ "aws:team": "blue" }), reserved),
        (json!({ "AWS:team": "blue" }), reserved),
        (json!({ "fine": "", "te*m": "blue" }), letters),
        (json!({ "fine": "", "team": "b|ue" }), letters),
        (json!({ "team": "a\nb" }), letters),
    ] {
        tag(&world, &pool, tags).await.refused(CODE, text);
    }
    assert_eq!(tags(&world, &pool).await, json!({}));
    let fine = json!({ "Straße 5_.:/=+-@": "日本 _.:/=+-@", "my-aws:x": "aws:x" });
    tag(&world, &pool, fine.clone()).await.ok();
    assert_eq!(tags(&world, &pool).await, fine);
}

#[tokio::test]
async fn calls_at_once_lose_nothing() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let ten = |from: usize| tag(&world, &pool, numbered(from..from + 10));
    let (one, two, three) = tokio::join!(ten(0), ten(10), ten(20));
    for answer in [one, two, three] {
        answer.ok();
    }
    assert_eq!(tags(&world, &pool).await, numbered(0..30));
}

#[tokio::test]
async fn only_the_arn_of_a_pool_here_is_taken() {
    let world = World::new().await;
    let more = json!({ "Tags": { "team": "blue" } });
    only_pools_of_this_account_and_region(&world, "TagResource", &more).await;
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("TagResource", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
