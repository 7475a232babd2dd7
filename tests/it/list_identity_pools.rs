use std::collections::BTreeSet;

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn pages_hold_every_pool_once() {
    let world = World::new().await;
    let mut made = BTreeSet::new();
    for _ in 0..7 {
        made.insert(world.pool(json!({})).await);
    }
    let mut seen = Vec::new();
    let mut token = json!(null);
    let mut pages = 0;
    loop {
        let page = world
            .admin(
                "ListIdentityPools",
                json!({ "MaxResults": 3, "NextToken": token }),
            )
            .await
            .ok();
        for pool in page["IdentityPools"].as_array().unwrap() {
            assert_eq!(pool["IdentityPoolName"], json!("A pool"));
            seen.push(pool["IdentityPoolId"].as_str().unwrap().to_owned());
        }
        pages += 1;
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(seen.len(), 7);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), made);
}

#[tokio::test]
async fn the_last_page_has_no_token_even_when_it_is_full() {
    let world = World::new().await;
    for _ in 0..2 {
        world.pool(json!({})).await;
    }
    let page = world
        .admin("ListIdentityPools", json!({ "MaxResults": 2 }))
        .await
        .ok();
    assert_eq!(page["IdentityPools"].as_array().unwrap().len(), 2);
    assert_eq!(page["NextToken"], json!(null));
}

#[tokio::test]
async fn a_token_that_was_not_given_out_is_refused() {
    let world = World::new().await;
    for token in ["x", "AAAA", "....", "é"] {
        let answer = world
            .admin(
                "ListIdentityPools",
                json!({ "MaxResults": 2, "NextToken": token }),
            )
            .await;
        answer.refused("InvalidParameterException", "Invalid NextToken.");
    }
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world
        .public("ListIdentityPools", json!({ "MaxResults": 1 }))
        .await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
