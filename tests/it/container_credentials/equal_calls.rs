//! Two equal calls share a session while half of its life is left. Whatever changes between them, the second follows it.

use serde_json::json;

use super::{Scene, keys_of, refused, role_named, trust};
use crate::world::{Key, claims, login};

#[tokio::test]
async fn processes_of_one_workload_share_a_session_for_half_of_its_life() {
    let scene = Scene::new().await;
    let first = scene.key().await;
    scene.world.clock.advance(1799);
    assert_eq!(scene.key().await, first);
    // Another token of the same user, as a rotated one, has the same session.
    let more = json!({ "groups": ["staff"], "exp": scene.world.now() + 60 });
    let rotated = scene.issuer.token_saying("ada", &more);
    let headers = [("authorization", rotated.as_str())];
    let answer = scene.fetch_with(&scene.path(""), &headers).await.ok();
    assert_eq!(answer["AccessKeyId"], first.as_str());
    scene.world.clock.advance(1);
    let second = scene.key().await;
    assert_ne!(second, first);
    // The calls of an app always get a session of their own.
    let logins = login(&scene.issuer, &scene.token);
    let identity = scene.world.identity(&scene.pool, logins.clone()).await;
    let answer = scene.world.credentials(&identity, logins).await.ok();
    assert_ne!(answer["Credentials"]["AccessKeyId"], second.as_str());
    // A clock that stepped back hands out nothing of the future.
    scene.world.clock.advance(-10);
    assert_ne!(scene.key().await, second);
}

#[tokio::test]
async fn another_user_or_client_has_another_session() {
    let scene = Scene::new().await;
    let first = scene.key().await;
    for (subject, more) in [("bob", json!({})), ("ada", json!({ "aud": "other" }))] {
        let token = scene.issuer.token_saying(subject, &more);
        let headers = [("authorization", token.as_str())];
        let answer = scene.fetch_with(&scene.path(""), &headers).await.ok();
        assert_ne!(answer["AccessKeyId"], first.as_str(), "{subject} {more}");
    }
    assert_eq!(scene.key().await, first);
}

#[tokio::test]
async fn a_group_that_changes() {
    let scene = Scene::new().await;
    scene.map("staff", "Staff").await;
    let fetch = async |groups: &str| {
        let token = scene
            .issuer
            .token_saying("ada", &json!({ "groups": [groups] }));
        let headers = [("authorization", token.as_str())];
        scene.fetch_with(&scene.path(""), &headers).await.ok()["RoleArn"].clone()
    };
    assert_eq!(fetch("staff").await, role_named("Staff").as_str());
    assert_eq!(fetch("others").await, role_named("User").as_str());
    scene.map("others", "Others").await;
    assert_eq!(fetch("others").await, role_named("Others").as_str());
    assert_eq!(fetch("staff").await, role_named("User").as_str());
}

#[tokio::test]
async fn a_client_id_that_is_removed() {
    let scene = Scene::new().await;
    scene.key().await;
    let parameters = [
        ("OpenIDConnectProviderArn", scene.arn.as_str()),
        ("ClientID", "app"),
    ];
    let removed = scene
        .world
        .iam("RemoveClientIDFromOpenIDConnectProvider", &parameters)
        .await;
    assert_eq!(removed.status, 200, "{}", removed.text);
    refused(
        &scene.fetch(&scene.path("")).await,
        401,
        "InvalidIdentityToken",
    );
}

#[tokio::test]
async fn a_key_that_leaves_the_key_set() {
    let scene = Scene::new().await;
    scene.key().await;
    let new = Key::rsa("two");
    scene.issuer.serve_keys(json!({ "keys": [new.jwk()] }));
    scene.world.clock.advance(6);
    // The set is fetched because a token names the new key.
    let token = new.token(&claims(scene.issuer.url(), "bob"));
    let headers = [("authorization", token.as_str())];
    scene.fetch_with(&scene.path(""), &headers).await.ok();
    refused(
        &scene.fetch(&scene.path("")).await,
        401,
        "InvalidIdentityToken",
    );
}

#[tokio::test]
async fn a_trust_policy_that_changes() {
    let scene = Scene::new().await;
    let policy = trust(&scene.arn, "app");
    let parameters = [
        ("RoleName", "Web"),
        ("AssumeRolePolicyDocument", policy.as_str()),
    ];
    let made = scene.world.iam("CreateRole", &parameters).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let path = "/role-credentials/Web";
    let first = scene.fetch(path).await.ok();
    assert_eq!(scene.fetch(path).await.ok(), first);
    let policy = trust(&scene.arn, "other");
    let parameters = [("RoleName", "Web"), ("PolicyDocument", policy.as_str())];
    let changed = scene.world.iam("UpdateAssumeRolePolicy", &parameters).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    refused(&scene.fetch(path).await, 403, "AccessDenied");
}

#[tokio::test]
async fn a_role_that_is_made_anew() {
    let scene = Scene::new().await;
    let policy = trust(&scene.arn, "app");
    let parameters = [
        ("RoleName", "Web"),
        ("AssumeRolePolicyDocument", policy.as_str()),
    ];
    scene.world.iam("CreateRole", &parameters).await;
    let first = scene.fetch("/role-credentials/Web").await.ok();
    scene.world.iam("DeleteRole", &[("RoleName", "Web")]).await;
    refused(
        &scene.fetch("/role-credentials/Web").await,
        403,
        "AccessDenied",
    );
    scene.world.iam("CreateRole", &parameters).await;
    let second = scene.fetch("/role-credentials/Web").await.ok();
    assert_ne!(second["AccessKeyId"], first["AccessKeyId"]);
}

#[tokio::test]
async fn a_revocation() {
    let scene = Scene::new().await;
    let answer = scene.fetch(&scene.path("")).await.ok();
    let logins = login(&scene.issuer, &scene.token);
    let identity = scene.world.identity(&scene.pool, logins).await;
    let input = json!({ "IdentityId": identity });
    scene
        .world
        .admin("Cognate.RevokeIdentity", input.clone())
        .await
        .ok();
    refused(&scene.fetch(&scene.path("")).await, 403, "AccessDenied");
    assert!(!scene.world.is_live(&keys_of(&answer)).await);
    refused(
        &scene.fetch("/role-credentials/Web").await,
        403,
        "AccessDenied",
    );
    // A restored identity gets a session of its new epoch.
    scene
        .world
        .admin("Cognate.RestoreIdentity", input)
        .await
        .ok();
    assert_ne!(scene.key().await, keys_of(&answer).id);
}

#[tokio::test]
async fn the_sealing_key() {
    let scene = Scene::new().await;
    let first = scene.key().await;
    assert_eq!(scene.key().await, first);
    let purpose = json!({ "Purpose": "Sealing" });
    scene.world.admin("Cognate.RotateKeys", purpose).await.ok();
    let second = scene.key().await;
    assert_ne!(second, first);
    assert_eq!(scene.key().await, second);
}

#[tokio::test]
async fn a_tag_that_a_claim_makes() {
    let scene = Scene::new().await;
    let map = json!({
        "IdentityPoolId": scene.pool, "IdentityProviderName": scene.arn, "UseDefaults": false,
        "PrincipalTags": { "team": "team" },
    });
    scene
        .world
        .admin("SetPrincipalTagAttributeMap", map)
        .await
        .ok();
    let fetch = async |team: &str| {
        let token = scene.issuer.token_saying("ada", &json!({ "team": team }));
        let headers = [("authorization", token.as_str())];
        scene.fetch_with(&scene.path(""), &headers).await.ok()["AccessKeyId"].clone()
    };
    let red = fetch("red").await;
    assert_ne!(fetch("blue").await, red);
    assert_eq!(fetch("red").await, red);
}
