use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{Answer, Issuer, Key, World, login};

const OPERATION: &str = "ListIdentities";

async fn page(world: &World, pool: &str, size: usize, token: &Value, hide: bool) -> Answer {
    let input = json!({
        "IdentityPoolId": pool, "MaxResults": size, "NextToken": token, "HideDisabled": hide,
    });
    world.admin(OPERATION, input).await
}

fn ids(page: &Value) -> Vec<String> {
    let shown = page["Identities"].as_array().unwrap().iter();
    shown
        .map(|identity| identity["IdentityId"].as_str().unwrap().to_owned())
        .collect()
}

/// The ids of all pages of this size; `between` happens after each page.
async fn all(
    world: &World,
    pool: &str,
    size: usize,
    hide: bool,
    mut between: impl AsyncFnMut(&[String]),
) -> Vec<String> {
    let (mut seen, mut token) = (Vec::new(), Value::Null);
    loop {
        let found = page(world, pool, size, &token, hide).await.ok();
        let shown = ids(&found);
        assert!(shown.len() <= size, "a page holds what was asked for");
        token = found["NextToken"].clone();
        between(&shown).await;
        seen.extend(shown);
        if token.is_null() {
            return seen;
        }
    }
}

fn set(ids: Vec<String>) -> BTreeSet<String> {
    let count = ids.len();
    let set = BTreeSet::from_iter(ids);
    assert_eq!(set.len(), count, "each once");
    set
}

async fn guests(world: &World, pool: &str, count: usize) -> BTreeSet<String> {
    let mut made = BTreeSet::new();
    for _ in 0..count {
        made.insert(world.identity(pool, json!({})).await);
    }
    made
}

#[tokio::test]
async fn identities_are_shown_as_describe_identity_shows_them() {
    let (world, issuer) = (World::new().await, Issuer::with(Key::p256("one")).await);
    let pool = world.pool_of(&issuer).await;
    let guest = world.identity(&pool, json!({})).await;
    let made = world.now();
    world.clock.advance(60);
    let ada = world
        .identity(&pool, login(&issuer, &issuer.token("ada")))
        .await;
    let mut found = page(&world, &pool, 60, &Value::Null, false).await.ok();
    let order = |one: &Value| one["IdentityId"].as_str().unwrap().to_owned();
    found["Identities"]
        .as_array_mut()
        .unwrap()
        .sort_by_key(order);
    let mut wanted = vec![
        json!({ "IdentityId": guest, "CreationDate": made, "LastModifiedDate": made }),
        json!({
            "IdentityId": ada, "Logins": [issuer.name()], "CreationDate": world.now(),
            "LastModifiedDate": world.now(),
        }),
    ];
    wanted.sort_by_key(order);
    assert_eq!(
        found,
        json!({ "IdentityPoolId": pool, "Identities": wanted })
    );
    for identity in wanted {
        let input = json!({ "IdentityId": identity["IdentityId"] });
        let described = world.admin("DescribeIdentity", input).await.ok();
        assert_eq!(described, identity);
    }
}

#[tokio::test]
async fn pages_hold_every_identity_of_the_pool_once() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let other = world.pool(json!({})).await;
    let made = guests(&world, &pool, 7).await;
    guests(&world, &other, 3).await;
    for (size, pages) in [(1, 7), (3, 3), (7, 1), (60, 1)] {
        let mut count = 0;
        let seen = all(&world, &pool, size, false, async |_: &[String]| count += 1).await;
        assert_eq!(
            (count, set(seen)),
            (pages, made.clone()),
            "in pages of {size}"
        );
    }
}

#[tokio::test]
async fn whoever_was_there_all_the_while_is_listed_once_whatever_comes_and_goes() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let before = guests(&world, &pool, 20).await;
    let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
    let seen = all(&world, &pool, 3, false, async |shown: &[String]| {
        if come.len() < 20 {
            come.extend(guests(&world, &pool, 3).await);
        }
        // The one behind which the next page begins.
        if let Some(last) = shown.last() {
            let delete = json!({ "IdentityIdsToDelete": [last] });
            world.admin("DeleteIdentities", delete).await.ok();
            gone.insert(last.clone());
        }
    })
    .await;
    let seen = set(seen);
    assert!(before.is_subset(&seen), "nobody was left out");
    assert!(
        seen.difference(&before).all(|id| come.contains(id)),
        "and nobody was made up"
    );
    let now = set(all(&world, &pool, 60, false, async |_: &[String]| {}).await);
    assert!(now.is_disjoint(&gone));
}

#[tokio::test]
async fn merged_identities_are_listed_unless_they_are_to_be_hidden() {
    let (world, issuer) = (World::new().await, Issuer::with(Key::p256("one")).await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let mut merged = BTreeSet::new();
    for _ in 0..5 {
        let guest = world.identity(&pool, json!({})).await;
        world.credentials(&guest, logins.clone()).await.ok();
        merged.insert(guest);
    }
    // Nobody's, but not disabled.
    let eve = login(&issuer, &issuer.token("eve"));
    let stripped = world.identity(&pool, eve.clone()).await;
    let unlink =
        json!({ "IdentityId": stripped, "Logins": eve, "LoginsToRemove": [issuer.name()] });
    world.public("UnlinkIdentity", unlink).await.ok();
    let mut live = guests(&world, &pool, 3).await;
    live.extend([ada, stripped]);
    for size in [1, 2, 60] {
        let hidden = set(all(&world, &pool, size, true, async |_: &[String]| {}).await);
        assert_eq!(hidden, live, "in pages of {size}");
        let shown = set(all(&world, &pool, size, false, async |_: &[String]| {}).await);
        assert_eq!(shown, live.union(&merged).cloned().collect());
    }
    let left_out = json!({ "IdentityPoolId": pool, "MaxResults": 60 });
    let found = world.admin(OPERATION, left_out).await.ok();
    assert_eq!(ids(&found).len(), 10, "they are shown without a word");
}

#[tokio::test]
async fn an_empty_pool_and_a_full_last_page_have_no_token() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let found = page(&world, &pool, 2, &Value::Null, false).await.ok();
    assert_eq!(found, json!({ "IdentityPoolId": pool, "Identities": [] }));
    guests(&world, &pool, 2).await;
    let found = page(&world, &pool, 2, &Value::Null, false).await.ok();
    assert_eq!((ids(&found).len(), &found["NextToken"]), (2, &Value::Null));
}

#[tokio::test]
async fn a_token_that_was_not_given_out_is_refused() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    for token in ["x", "AAAA", "....", "é"] {
        let answer = page(&world, &pool, 2, &json!(token), false).await;
        answer.refused("InvalidParameterException", "Invalid NextToken.");
    }
}

#[tokio::test]
async fn a_pool_that_is_unknown_or_of_another_region_is_not_found() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000";
    let code = "ResourceNotFoundException";
    let answer = page(&world, unknown, 1, &Value::Null, false).await;
    answer.refused(code, &format!("IdentityPool '{unknown}' not found."));
    let input = json!({ "IdentityPoolId": pool, "MaxResults": 1 });
    let answer = world.admin_of("us-east-1", OPERATION, input).await;
    answer.refused(code, &format!("IdentityPool '{pool}' not found."));
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
