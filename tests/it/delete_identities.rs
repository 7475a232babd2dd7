use serde_json::{Value, json};

use crate::world::{Answer, Credentials, Given, Issuer, Key, USER_ROLE, World, login};

const OPERATION: &str = "DeleteIdentities";

async fn delete(world: &World, ids: &[&str]) -> Answer {
    let input = json!({ "IdentityIdsToDelete": ids });
    world.admin(OPERATION, input).await
}

fn all_done() -> Value {
    json!({ "UnprocessedIdentityIds": [] })
}

async fn is_gone(world: &World, id: &str) {
    let text = format!("Identity '{id}' not found.");
    let code = "ResourceNotFoundException";
    let answer = world
        .admin("DescribeIdentity", json!({ "IdentityId": id }))
        .await;
    answer.refused(code, &text);
    world.credentials(id, json!({})).await.refused(code, &text);
}

#[tokio::test]
async fn sixty_go_at_once_whatever_their_pools() {
    let world = World::new().await;
    let pools = [world.pool(json!({})).await, world.pool(json!({})).await];
    let mut ids = Vec::new();
    for at in 0..61 {
        ids.push(world.identity(&pools[at % 2], json!({})).await);
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (_, code, _) = delete(&world, &ids).await.error();
    assert_eq!(code, "ValidationException", "61 are too many");
    world.credentials(ids[0], json!({})).await.ok();
    assert_eq!(delete(&world, &ids[..60]).await.ok(), all_done());
    for id in &ids[..60] {
        is_gone(&world, id).await;
    }
    world.credentials(ids[60], json!({})).await.ok();
}

#[tokio::test]
async fn a_deleted_identitys_login_is_a_new_identity_when_next_seen() {
    let (world, issuer) = (World::new().await, Issuer::with(Key::p256("one")).await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    assert_eq!(delete(&world, &[&ada]).await.ok(), all_done());
    is_gone(&world, &ada).await;
    let again = world.identity(&pool, logins.clone()).await;
    assert_ne!(again, ada);
    let answer = world.credentials(&ada, logins).await;
    answer.refused(
        "ResourceNotFoundException",
        &format!("Identity '{ada}' not found."),
    );
}

#[tokio::test]
async fn what_was_given_out_before_is_over() {
    let (world, issuer) = (World::new().await, Issuer::with(Key::p256("one")).await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let answer = world.credentials(&ada, logins.clone()).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let token = Given::of(world.get_token(&ada, logins.clone()).await).token;
    assert!(world.is_live(&session).await);
    delete(&world, &[&ada]).await.ok();
    world.identity(&pool, logins).await;
    assert!(!world.is_live(&session).await);
    world.assume(USER_ROLE, &token).await.query_refused(
        403,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    );
}

#[tokio::test]
async fn what_is_not_there_needs_no_deleting() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let unknown = "eu-west-1:00000000-0000-4000-8000-000000000000";
    let never = "eu-west-1:a";
    for _ in 0..2 {
        let answer = delete(&world, &[unknown, &guest, never, &guest, &pool]).await;
        assert_eq!(answer.ok(), all_done());
    }
    is_gone(&world, &guest).await;
    world.identity(&pool, json!({})).await;
}

#[tokio::test]
async fn identities_of_another_region_stay() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let uuid = guest.split_once(':').unwrap().1;
    let elsewhere = format!("us-east-1:{uuid}");
    // Neither under its own name from there, nor under that region's from here or there.
    for id in [&guest, &elsewhere] {
        let input = json!({ "IdentityIdsToDelete": [id] });
        let answer = world.admin_of("us-east-1", OPERATION, input).await;
        assert_eq!(answer.ok(), all_done());
    }
    delete(&world, &[&elsewhere]).await.ok();
    world.credentials(&guest, json!({})).await.ok();
}

#[tokio::test]
async fn a_merged_identity_is_gone_with_its_survivor_and_not_the_other_way_round() {
    let (world, issuer) = (World::new().await, Issuer::with(Key::p256("one")).await);
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    let mut merged = Vec::new();
    for _ in 0..2 {
        let guest = world.identity(&pool, json!({})).await;
        world.credentials(&guest, logins.clone()).await.ok();
        merged.push(guest);
    }
    delete(&world, &[&merged[0]]).await.ok();
    is_gone(&world, &merged[0]).await;
    assert_eq!(world.identity(&pool, logins).await, ada);
    delete(&world, &[&ada]).await.ok();
    is_gone(&world, &merged[1]).await;
}

#[tokio::test]
async fn ids_that_could_not_be_deleted_are_named_one_by_one() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let one = world.identity(&pool, json!({})).await;
    let two = world.identity(&pool, json!({})).await;
    cognate::app::maintenance::close(&world.app).await;
    let answer = delete(&world, &[&one, &two]).await.ok();
    let failed = |id: &str| json!({ "IdentityId": id, "ErrorCode": "InternalServerError" });
    assert_eq!(
        answer,
        json!({ "UnprocessedIdentityIds": [failed(&one), failed(&two)] })
    );
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    let input = json!({ "IdentityIdsToDelete": [guest] });
    let answer = world.public(OPERATION, input).await;
    answer.refused(
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
    world.credentials(&guest, json!({})).await.ok();
}

#[tokio::test]
async fn a_change_of_the_pool_at_the_same_time_is_no_failure() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    for round in 0..10 {
        let guest = world.identity(&pool, json!({})).await;
        let update = json!({
            "IdentityPoolId": pool, "IdentityPoolName": format!("pool {round}"),
            "AllowUnauthenticatedIdentities": true,
        });
        let ids = [guest.as_str()];
        let (updated, deleted) = tokio::join!(
            world.admin("UpdateIdentityPool", update),
            delete(&world, &ids)
        );
        updated.ok();
        assert_eq!(deleted.ok(), all_done());
        is_gone(&world, &guest).await;
    }
}

#[tokio::test]
async fn an_identity_that_is_revoked_at_the_same_time_is_gone_or_named() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    for _ in 0..10 {
        let guest = world.identity(&pool, json!({})).await;
        let revoke = json!({ "IdentityId": guest });
        let ids = [guest.as_str()];
        let (revoked, deleted) = tokio::join!(
            world.admin("Cognate.RevokeIdentity", revoke),
            delete(&world, &ids)
        );
        let deleted = deleted.ok();
        if revoked.status == 200 {
            let kept = json!([{ "IdentityId": guest, "ErrorCode": "AccessDenied" }]);
            let stays = deleted["UnprocessedIdentityIds"] == kept;
            let described = json!({ "IdentityId": guest });
            let described = world.admin("DescribeIdentity", described).await;
            assert_eq!(stays, described.status == 200, "{deleted}");
        } else {
            assert_eq!(deleted, all_done());
        }
    }
}
