//! How long what an STS gave is given again, and to whom.

use jiff::SignedDuration;

use super::*;
use crate::world::DEVELOPER;

#[tokio::test]
async fn a_session_is_given_again_until_five_minutes_before_it_ends() {
    let scene = Scene::new("").await;
    let guest = scene.guest().await;
    let first = key_id(scene.world.credentials(&guest, json!({})).await);
    scene.world.clock.advance(3299);
    assert_eq!(
        key_id(scene.world.credentials(&guest, json!({})).await),
        first
    );
    scene.world.clock.advance(1);
    let second = key_id(scene.world.credentials(&guest, json!({})).await);
    assert_ne!(second, first);
    assert_eq!(scene.sts.asked().len(), 2);
}

/// Rule 18: a session is its identity's, as it was signed in.
#[tokio::test]
async fn nobody_is_given_what_another_had() {
    let scene = Scene::new("").await;
    let mut seen = std::collections::BTreeSet::new();
    let (ada, logins) = scene.user("ada").await;
    let (bob, of_bob) = scene.user("bob").await;
    let guest = scene.guest().await;
    for (who, logins) in [(&ada, &logins), (&bob, &of_bob), (&guest, &json!({}))] {
        let id = key_id(scene.world.credentials(who, logins.clone()).await);
        assert!(seen.insert(id.clone()), "{id} was given twice");
        assert_eq!(
            key_id(scene.world.credentials(who, logins.clone()).await),
            id
        );
    }
    // The guest signs in: another epoch.
    let (_, of_eve) = (0, login(&scene.issuer, &scene.issuer.token("eve")));
    assert!(seen.insert(key_id(
        scene.world.credentials(&guest, of_eve.clone()).await
    )));
    // Another role, and other tags.
    scene.roles("arn:aws:iam:::role/Other", GUEST).await.ok();
    assert!(seen.insert(key_id(scene.world.credentials(&ada, logins.clone()).await)));
    scene.tags(json!({ "who": "sub" })).await;
    assert!(seen.insert(key_id(scene.world.credentials(&ada, logins).await)));
}

#[tokio::test]
async fn a_revoked_identity_is_given_nothing_that_is_remembered() {
    let scene = Scene::new("").await;
    let (ada, logins) = scene.user("ada").await;
    let before = key_id(scene.world.credentials(&ada, logins.clone()).await);
    let input = json!({ "IdentityId": ada });
    scene
        .world
        .admin("Cognate.RevokeIdentity", input.clone())
        .await
        .ok();
    let answer = scene.world.credentials(&ada, logins.clone()).await;
    answer.refused(
        "NotAuthorizedException",
        &format!("Access to Identity '{ada}' is forbidden."),
    );
    scene
        .world
        .admin("Cognate.RestoreIdentity", input)
        .await
        .ok();
    let after = key_id(scene.world.credentials(&ada, logins).await);
    assert_ne!(before, after, "what was revoked is not given again");
}

/// Rule 6: what comes from a developer's token doesn't outlive it.
#[tokio::test]
async fn a_developers_token_bounds_what_it_opens() {
    let scene = Scene::new("").await;
    let pool = scene.world.developer_pool(json!({})).await;
    let roles = json!({ "authenticated": USER, "unauthenticated": GUEST });
    let input = json!({ "IdentityPoolId": pool, "Roles": roles });
    scene.world.admin("SetIdentityPoolRoles", input).await.ok();
    let user = |seconds: i64| {
        let input = json!({
            "IdentityPoolId": pool, "Logins": { DEVELOPER: "user-1" }, "TokenDuration": seconds,
        });
        scene
            .world
            .admin("GetOpenIdTokenForDeveloperIdentity", input)
    };
    let given = crate::world::Given::of(user(1200).await);
    scene
        .world
        .credentials(&given.identity, given.login())
        .await
        .ok();
    assert_eq!(scene.last().parameter("DurationSeconds"), "1200");
    // Too short for any STS, but not for what is remembered of this very token.
    scene.world.clock.advance(600);
    scene
        .world
        .credentials(&given.identity, given.login())
        .await
        .ok();
    let other = crate::world::Given::of(user(899).await);
    let answer = scene
        .world
        .credentials(&other.identity, other.login())
        .await;
    let text = "Invalid login token. Token expires too soon for this role.";
    answer.refused("NotAuthorizedException", text);
    assert_eq!(scene.sts.asked().len(), 1);
}

#[tokio::test]
async fn a_session_that_lasts_longer_than_asked_for_or_is_over_is_not_passed_on() {
    for seconds in [3600 + 301, 0, -1] {
        let expires = (crate::world::beginning() + SignedDuration::from_secs(seconds)).to_string();
        let scene = Scene::answering("", move |_| {
            (200, json!(session("ASIAIOSFODNN7EXAMPLE", &expires)))
        })
        .await;
        let guest = scene.guest().await;
        let answer = scene.world.credentials(&guest, json!({})).await;
        answer.refused(
            "ExternalServiceException",
            "The STS of the role can't be reached.",
        );
    }
}

#[tokio::test]
async fn a_session_of_one_route_is_not_given_again_for_another() {
    let scene = Scene::new("").await;
    let (identity, logins) = scene.user("ada").await;
    let world = &scene.world;
    let first = world.credentials(&identity, logins.clone()).await.ok();
    let again = world.credentials(&identity, logins.clone()).await.ok();
    assert_eq!(first["Credentials"], again["Credentials"]);
    scene.roles("arn:aws:iam:::role/Other", GUEST).await.ok();
    let other = world.credentials(&identity, logins.clone()).await.ok();
    assert_ne!(first["Credentials"], other["Credentials"]);
}
