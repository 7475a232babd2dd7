//! A restored store begins a new generation: servers that see it load everything anew, and accept nothing from before.

use std::sync::Arc;
use std::time::Duration;

use cognate::store::record::View;
use serde_json::json;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::world::in_memory::memory::{MemoryStore, Tables};
use crate::world::{Credentials, World};

/// Puts other tables into a store that servers use, as its new generation.
fn restore(store: &MemoryStore, tables: Tables, world: &World) {
    let generation = Uuid::from_u128(8);
    *store.tables() = Tables {
        view: View {
            generation,
            ..tables.view
        },
        began: Some(world.app.now()),
        ..tables
    };
}

async fn published(world: &World) -> String {
    world.get("/.well-known/jwks_uri").await.text
}

async fn rotate_signing_keys(world: &World) {
    let input = json!({ "Purpose": "Signing" });
    let answer = world.admin("Cognate.RotateKeys", input).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn session(world: &World, identity: &str) -> Credentials {
    let answer = world.credentials(identity, json!({})).await.ok();
    Credentials::of(&answer["Credentials"])
}

#[tokio::test]
async fn every_server_loads_a_new_generation_and_accepts_nothing_from_before() {
    let store = Arc::new(MemoryStore::default());
    let servers = [
        World::of_store(store.clone()).await,
        World::of_store(store.clone()).await,
    ];
    let one = &servers[0];
    let pool = one.developer_pool(json!({})).await;
    let guest = one.identity(&pool, json!({})).await;
    let old_session = session(one, &guest).await;
    // Each server has an issuer of its own here.
    let mut users = Vec::new();
    for server in &servers {
        while server.get_id(&pool, json!({})).await.status != 200 {
            sleep(Duration::from_millis(10)).await;
        }
        let user = server.user(&pool, "ada").await;
        let answer = server.credentials(&user.identity, user.login()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        users.push(user);
    }
    let backup = store.tables().clone();

    // After the backup, both histories have a second version of the signing keys, with other keys.
    let later_pool = one.pool(json!({})).await;
    rotate_signing_keys(one).await;
    let twin = Arc::new(MemoryStore::default());
    *twin.tables() = backup;
    let third = World::of_store(twin.clone()).await;
    rotate_signing_keys(&third).await;
    let keys = published(&third).await;
    assert_ne!(published(one).await, keys);

    let history = twin.tables().clone();
    restore(&store, history, one);
    let begin = Instant::now();
    for (server, user) in servers.iter().zip(&users) {
        let describe = json!({ "IdentityPoolId": later_pool });
        let has_reloaded = async || {
            let described = server.admin("DescribeIdentityPool", describe.clone()).await;
            described.status == 400 && published(server).await == keys
        };
        while !has_reloaded().await {
            assert!(
                begin.elapsed() < Duration::from_secs(2),
                "a server goes on with pools or keys from before"
            );
            sleep(Duration::from_millis(10)).await;
        }
        assert!(!server.is_live(&old_session).await);
        let answer = server.credentials(&user.identity, user.login()).await;
        let text = "Invalid login token. Not a Cognito token.";
        answer.refused("NotAuthorizedException", text);
    }
    // What is stored stays, and what is issued now counts at every server.
    let new_session = session(one, &guest).await;
    for server in &servers {
        assert!(server.is_live(&new_session).await);
        let again = server.user(&pool, "ada").await;
        assert_eq!(again.identity, users[0].identity);
        let answer = server.credentials(&again.identity, again.login()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}
