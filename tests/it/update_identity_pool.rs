use serde_json::json;

use crate::world::{Issuer, World};

#[tokio::test]
async fn what_is_left_out_is_cleared_but_for_tags_and_the_developer_provider() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .pool(json!({
            "AllowClassicFlow": false, "SupportedLoginProviders": { "accounts.google.com": "x" },
            "DeveloperProviderName": "login.mycompany", "OpenIdConnectProviderARNs": [arn],
            "IdentityPoolTags": { "team": "blue" },
        }))
        .await;
    let update = json!({
        "IdentityPoolId": pool, "IdentityPoolName": "Renamed", "AllowUnauthenticatedIdentities": false,
    });
    let wanted = json!({
        "IdentityPoolId": pool, "IdentityPoolName": "Renamed", "AllowUnauthenticatedIdentities": false,
        "DeveloperProviderName": "login.mycompany", "IdentityPoolTags": { "team": "blue" },
    });
    assert_eq!(world.admin("UpdateIdentityPool", update).await.ok(), wanted);
    let described = world
        .admin("DescribeIdentityPool", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
    assert_eq!(described, wanted);
    let roles = world
        .admin("GetIdentityPoolRoles", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
    assert!(roles["Roles"]["authenticated"].is_string(), "roles stay");
}

#[tokio::test]
async fn a_developer_provider_is_set_once() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let update = |name: &str| {
        json!({
            "IdentityPoolId": pool, "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true,
            "DeveloperProviderName": name,
        })
    };
    world.admin("UpdateIdentityPool", update("one")).await.ok();
    world.admin("UpdateIdentityPool", update("one")).await.ok();
    let answer = world.admin("UpdateIdentityPool", update("two")).await;
    answer.refused(
        "InvalidParameterException",
        "The developer provider name can't be changed once it has been set.",
    );
}

#[tokio::test]
async fn a_provider_that_is_removed_locks_its_logins_out_until_it_is_back() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let arn = world.register(&issuer, &["app"]).await;
    let pool = world
        .pool(json!({ "OpenIdConnectProviderARNs": [arn], "DeveloperProviderName": "dev" }))
        .await;
    let logins = crate::world::login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let update = |arns: serde_json::Value| {
        json!({
            "IdentityPoolId": pool, "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true,
            "OpenIdConnectProviderARNs": arns,
        })
    };
    world
        .admin("UpdateIdentityPool", update(json!([])))
        .await
        .ok();
    let text = "Token is not from a supported provider of this identity pool.";
    world
        .get_id(&pool, logins.clone())
        .await
        .refused("NotAuthorizedException", text);
    let google = json!({ "accounts.google.com": "opaque" });
    world
        .get_id(&pool, google)
        .await
        .refused("NotAuthorizedException", text);
    world
        .admin("UpdateIdentityPool", update(json!([arn])))
        .await
        .ok();
    assert_eq!(world.identity(&pool, logins).await, ada);
}

#[tokio::test]
async fn two_updates_at_once_never_lose_one_in_silence() {
    let world = std::sync::Arc::new(World::new().await);
    let pool = world.pool(json!({})).await;
    let updates = (0..16).map(|at| {
        let (world, pool) = (std::sync::Arc::clone(&world), pool.clone());
        tokio::spawn(async move {
            let update = json!({
                "IdentityPoolId": pool, "IdentityPoolName": format!("Name {at}"),
                "AllowUnauthenticatedIdentities": true,
            });
            let answer = world.admin("UpdateIdentityPool", update).await;
            if answer.status == 200 {
                return true;
            }
            answer.refused(
                "ConcurrentModificationException",
                "Another request changed the same thing meanwhile. Try again.",
            );
            false
        })
    });
    let updates: Vec<_> = updates.collect();
    let mut kept = 0;
    for update in updates {
        kept += u64::from(update.await.unwrap());
    }
    let uuid = pool.split_once(':').unwrap().1.parse().unwrap();
    let stored = world.pool_version(uuid).await;
    // Made, given roles, and then every update that was answered.
    assert_eq!(stored.version, 2 + kept);
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world.public("UpdateIdentityPool", json!({})).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
