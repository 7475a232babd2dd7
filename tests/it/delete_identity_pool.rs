use std::sync::Arc;
use std::time::Duration;

use cognate::app::pools;
use cognate::model::identity::Login;
use cognate::model::pool::Pool;
use cognate::model::sign_in::Asker;
use cognate::store::identities::{Question, SignIn};
use cognate::store::record::RecordKind;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

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
async fn a_pool_that_comes_back_is_another_pool() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let uuid: Uuid = pool.split_once(':').unwrap().1.parse().unwrap();
    let record = world
        .store
        .record(RecordKind::Pool, &uuid.to_string())
        .await;
    let text = record.unwrap().unwrap().json.unwrap();
    let again: Pool = cognate::model::json::read_as(text.as_bytes()).unwrap();
    let before = world.identity(&pool, json!({})).await;
    let of_pool = json!({ "IdentityPoolId": pool });
    world.admin("DeleteIdentityPool", of_pool).await.ok();

    // As `cognate dev` makes its demo pool again, which has a fixed id.
    pools::add_if_absent(&world.app, again).await.unwrap();
    let new = world.identity(&pool, json!({})).await;
    let describe = async |id: &str| {
        let input = json!({ "IdentityId": id });
        world.admin("DescribeIdentity", input).await.status
    };
    assert_eq!(
        describe(&before).await,
        400,
        "an identity of the deleted pool is back"
    );
    while rows(&world, uuid) > 1 {
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        describe(&new).await,
        200,
        "the purge took an identity of the new pool"
    );
    assert_eq!(world.credentials(&new, json!({})).await.status, 200);

    // Changing a pool keeps it the same pool.
    let update = json!({
        "IdentityPoolId": pool, "IdentityPoolName": "x", "AllowUnauthenticatedIdentities": true,
    });
    world.admin("UpdateIdentityPool", update).await.ok();
    assert_eq!(describe(&new).await, 200);
}

/// How many identities a large pool has; every other one has a login.
const MANY: u128 = 10_000;

/// How long anybody waits for an answer at most, on a busy machine.
const PROMPT: Duration = Duration::from_secs(2);

/// Fills a pool, past the wire.
async fn fill(world: &World, pool: Uuid) {
    let mut adding = JoinSet::new();
    let pool = world.pool_version(pool).await;
    for number in 0..MANY {
        let (store, origin) = (Arc::clone(&world.store), world.origin());
        let id = Uuid::from_u128(number.reverse_bits());
        adding.spawn(async move {
            if number % 2 == 0 {
                store
                    .change(&Question::AddGuest(pool, id), &origin)
                    .await
                    .unwrap();
                return;
            }
            let login = Login::developer("login.mycompany", number.to_string());
            let ask = SignIn {
                asker: Asker::Developer,
                pool,
                presented: None,
                logins: vec![(login.key(), login)],
                only_found: Vec::new(),
                new_id: id,
            };
            store.change(&Question::SignIn(ask), &origin).await.unwrap();
        });
        // As many as the store takes at once, more or less.
        if adding.len() == 1000 || number == MANY - 1 {
            while let Some(added) = adding.join_next().await {
                added.unwrap();
            }
        }
    }
}

/// How many rows there are of a pool's identities and logins.
fn rows(world: &World, pool: Uuid) -> i64 {
    let file = world.folder.path().join("data/cognate.sqlite");
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let sql = "SELECT (SELECT count(*) FROM identity WHERE pool = ?1) + \
               (SELECT count(*) FROM login WHERE pool = ?1)";
    let count = database.query_row(sql, [pool.as_bytes()], |row| row.get(0));
    count.unwrap()
}

#[tokio::test]
async fn a_large_pool_goes_without_keeping_anybody_waiting() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let other = world.developer_pool(json!({})).await;
    let uuid: Uuid = pool.split_once(':').unwrap().1.parse().unwrap();
    fill(&world, uuid).await;
    let all = i64::try_from(MANY + MANY / 2).unwrap();
    assert_eq!(rows(&world, uuid), all);

    let of_pool = json!({ "IdentityPoolId": pool });
    let deleting = world.admin("DeleteIdentityPool", of_pool);
    timeout(PROMPT, deleting).await.unwrap().ok();
    let no_pool = format!("IdentityPool '{pool}' not found.");
    let mut seen = vec![rows(&world, uuid)];
    while seen.last() != Some(&0) {
        let guest = timeout(PROMPT, world.identity(&other, json!({}))).await;
        let answer = timeout(PROMPT, world.credentials(&guest.unwrap(), json!({}))).await;
        answer.unwrap().ok();
        let user = seen.len().to_string();
        timeout(PROMPT, world.user(&other, &user)).await.unwrap();
        let answer = timeout(PROMPT, world.get_id(&pool, json!({}))).await;
        let code = "ResourceNotFoundException";
        answer.unwrap().refused(code, &no_pool);
        seen.push(rows(&world, uuid));
        assert!(seen.len() < 3000, "it comes to an end");
        // What is left goes while nobody asks.
        sleep(Duration::from_millis(5)).await;
    }
    let halfway = |rows: &&i64| (1..all).contains(*rows);
    assert!(
        seen.iter().filter(halfway).count() > 1,
        "others were answered between the pages: {seen:?}"
    );
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
