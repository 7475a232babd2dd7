//! RevokeIdentity and RestoreIdentity: nothing that is shown for a revoked identity opens anything.

use serde_json::{Value, json};

use crate::world::{Credentials, Two, USER_ROLE, World};

async fn revoke(world: &World, identity: &str) -> Value {
    let input = json!({ "IdentityId": identity });
    world.admin("Cognate.RevokeIdentity", input).await.ok()
}

fn forbidden(identity: &str) -> String {
    format!("Access to Identity '{identity}' is forbidden.")
}

#[tokio::test]
async fn a_revoked_identity_gets_nothing_whatever_is_shown_for_it() {
    let place = Two::new().await;
    let world = &place.world;
    let ada = place.owner(place.pair("ada", "ada")).await;
    let before = world.credentials(&ada, place.first("ada")).await.ok();
    let session = Credentials::of(&before["Credentials"]);
    let token = world.get_token(&ada, place.first("ada")).await.ok();
    let token = token["Token"].as_str().unwrap().to_owned();
    assert!(world.is_live(&session).await);
    assert_eq!(revoke(world, &ada).await["IdentityId"], json!(ada));

    assert!(!world.is_live(&session).await, "its sessions are over");
    let denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    world
        .assume(USER_ROLE, &token)
        .await
        .query_refused(403, "AccessDenied", denied);
    let guest = world.identity(&place.pool, json!({})).await;
    for logins in [
        place.first("ada"),
        place.second("ada"),
        place.pair("ada", "ada"),
    ] {
        let text = forbidden(&ada);
        for answer in [
            world.get_id(&place.pool, logins.clone()).await,
            world.get_token(&ada, logins.clone()).await,
            world.credentials(&ada, logins.clone()).await,
            world.credentials(&guest, logins.clone()).await,
        ] {
            answer.refused("NotAuthorizedException", &text);
        }
    }
    // With a login of somebody else's, too.
    let bob = place.owner(place.first("bob")).await;
    for identity in [&bob, &ada] {
        let logins = place.pair("bob", "ada");
        let answer = world.credentials(identity, logins).await;
        answer.refused("NotAuthorizedException", &forbidden(&ada));
    }

    let input = json!({ "IdentityId": ada });
    world.admin("Cognate.RestoreIdentity", input).await.ok();
    assert_eq!(place.owner(place.first("ada")).await, ada);
    world.credentials(&ada, place.second("ada")).await.ok();
    assert!(!world.is_live(&session).await, "what was over stays over");
    world
        .assume(USER_ROLE, &token)
        .await
        .query_refused(403, "AccessDenied", denied);
}

#[tokio::test]
async fn a_revoked_identity_can_be_neither_parted_nor_deleted() {
    let place = Two::new().await;
    let world = &place.world;
    let ada = place.owner(place.pair("ada", "ada")).await;
    revoke(world, &ada).await;
    let input = json!({
        "IdentityId": ada, "Logins": place.first("ada"),
        "LoginsToRemove": place.first("ada").as_object().unwrap().keys().collect::<Vec<_>>(),
    });
    let answer = world.public("UnlinkIdentity", input).await;
    answer.refused("NotAuthorizedException", &forbidden(&ada));
    let other = world.identity(&place.pool, json!({})).await;
    let ids = json!({ "IdentityIdsToDelete": [ada, other] });
    let answer = world.admin("DeleteIdentities", ids).await.ok();
    let kept = json!([{ "IdentityId": ada, "ErrorCode": "AccessDenied" }]);
    assert_eq!(answer["UnprocessedIdentityIds"], kept);
    let text = forbidden(&ada);
    let answer = world.get_id(&place.pool, place.first("ada")).await;
    answer.refused("NotAuthorizedException", &text);
}

#[tokio::test]
async fn a_revoked_guest_is_no_guest_and_becomes_no_user() {
    let place = Two::new().await;
    let world = &place.world;
    let guest = world.identity(&place.pool, json!({})).await;
    let session = world.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&session["Credentials"]);
    revoke(world, &guest).await;
    assert!(!world.is_live(&session).await);
    for logins in [json!({}), place.first("eve")] {
        let answer = world.credentials(&guest, logins).await;
        answer.refused("NotAuthorizedException", &forbidden(&guest));
    }
}

#[tokio::test]
async fn a_revoked_developers_user_is_neither_given_a_token_nor_merged() {
    let world = World::new().await;
    let pool = world.developer_pool(json!({})).await;
    let (ada, bob) = (
        world.user(&pool, "ada").await,
        world.user(&pool, "bob").await,
    );
    revoke(&world, &ada.identity).await;
    let answer = world.developer(&pool, "ada", json!({})).await;
    answer.refused("NotAuthorizedException", &forbidden(&ada.identity));
    let answer = world.credentials(&ada.identity, ada.login()).await;
    assert_eq!(answer.status, 400, "its token is over");
    for (source, destination) in [("ada", "bob"), ("bob", "ada")] {
        let input = json!({
            "SourceUserIdentifier": source, "DestinationUserIdentifier": destination,
            "DeveloperProviderName": crate::world::DEVELOPER, "IdentityPoolId": pool,
        });
        let answer = world.admin("MergeDeveloperIdentities", input).await;
        assert_eq!(answer.error().1, "ResourceConflictException");
    }
    world.credentials(&bob.identity, bob.login()).await.ok();
}

#[tokio::test]
async fn revoking_what_was_merged_away_revokes_the_survivor_in_its_own_region() {
    let place = Two::new().await;
    let world = &place.world;
    let ada = place.owner(place.first("ada")).await;
    let guest = world.identity(&place.pool, json!({})).await;
    world.credentials(&guest, place.first("ada")).await.ok();
    let input = json!({ "IdentityId": guest });
    let other_region = world
        .admin_of("us-east-1", "Cognate.RevokeIdentity", input.clone())
        .await;
    assert_eq!(other_region.error().1, "ResourceNotFoundException");
    assert_eq!(revoke(world, &guest).await["IdentityId"], json!(ada));
    let answer = world.get_id(&place.pool, place.first("ada")).await;
    answer.refused("NotAuthorizedException", &forbidden(&ada));
    let unknown = json!({ "IdentityId": "eu-west-1:00000000-0000-4000-8000-000000000000" });
    let answer = world.admin("Cognate.RevokeIdentity", unknown).await;
    assert_eq!(answer.error().1, "ResourceNotFoundException");
}
