use serde_json::json;

use crate::world::{Issuer, World, login};

#[tokio::test]
async fn a_guest_has_dates_and_no_logins() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    world.clock.advance(1);
    let guest = world.identity(&pool, json!({})).await;
    let described = world
        .admin("DescribeIdentity", json!({ "IdentityId": guest }))
        .await
        .ok();
    let wanted = json!({
        "IdentityId": guest, "CreationDate": world.now(), "LastModifiedDate": world.now(),
    });
    assert_eq!(described, wanted);
}

#[tokio::test]
async fn a_user_has_the_names_of_its_providers_and_never_the_subject() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let made = world.now();
    let guest = world.identity(&pool, json!({})).await;
    world.clock.advance(30);
    world
        .credentials(&guest, login(&issuer, &issuer.token("ada")))
        .await
        .ok();
    let described = world
        .admin("DescribeIdentity", json!({ "IdentityId": guest }))
        .await
        .ok();
    let wanted = json!({
        "IdentityId": guest, "Logins": [issuer.name()], "CreationDate": made, "LastModifiedDate": world.now(),
    });
    assert_eq!(described, wanted);
}

#[tokio::test]
async fn a_disabled_identity_is_described_without_logins() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    world.identity(&pool, logins.clone()).await;
    let guest = world.identity(&pool, json!({})).await;
    world.credentials(&guest, logins).await.ok();
    let described = world
        .admin("DescribeIdentity", json!({ "IdentityId": guest }))
        .await
        .ok();
    assert_eq!(described["Logins"], json!(null));
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let answer = world
        .public("DescribeIdentity", json!({ "IdentityId": "eu-west-1:abc" }))
        .await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
}
