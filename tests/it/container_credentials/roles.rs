//! The role and the duration in the path, and roles for workloads that are no identities.

use serde_json::json;

use super::{Scene, keys_of, refused, role_named, rule, trust};

#[tokio::test]
async fn a_role_in_the_path_is_one_that_the_pool_offers() {
    let scene = Scene::new().await;
    let fetch = async |role: &str| scene.fetch(&scene.path(&format!("/{role}"))).await;
    // The role that the pool gives anyway may be named.
    assert_eq!(
        fetch("User").await.ok()["RoleArn"],
        role_named("User").as_str()
    );
    for role in ["Guest", "Staff", "user", "Nobody"] {
        refused(&fetch(role).await, 403, "AccessDenied");
    }
    let rules = json!([
        rule("staff", "Staff"),
        rule("staff", "Build"),
        rule("admins", "Admin")
    ]);
    scene.map_rules(rules).await;
    for role in ["Staff", "Build"] {
        assert_eq!(fetch(role).await.ok()["RoleArn"], role_named(role).as_str());
    }
    for role in ["Admin", "Guest", "User", "Nobody"] {
        refused(&fetch(role).await, 403, "AccessDenied");
    }
    // Two roles with one name are refused, and not guessed.
    scene
        .map_rules(json!([
            rule("staff", "a/Build"),
            rule("staff", "b/Build"),
            rule("staff", "Staff")
        ]))
        .await;
    refused(&fetch("Build").await, 403, "AccessDenied");
    assert_eq!(
        fetch("Staff").await.ok()["RoleArn"],
        role_named("Staff").as_str()
    );
}

#[tokio::test]
async fn a_duration_is_kept_or_refused_and_never_shortened() {
    let scene = Scene::new().await;
    let fetch = async |seconds: &str| scene.fetch(&scene.path(&format!("/User/{seconds}"))).await;
    for (seconds, end) in [
        ("900", "12:15:00"),
        ("1800", "12:30:00"),
        ("3600", "13:00:00"),
    ] {
        let answer = fetch(seconds).await.ok();
        assert_eq!(answer["Expiration"], format!("2026-03-01T{end}Z"));
    }
    for seconds in ["0", "899", "3601", "43200", "x", "0900"] {
        refused(&fetch(seconds).await, 400, "InvalidRequest");
    }
    // Equal requests share a session, and requests for another duration don't.
    assert_eq!(fetch("900").await.ok(), fetch("900").await.ok());
}

#[tokio::test]
async fn a_workload_that_is_no_identity_gets_a_role_by_its_trust_policy() {
    let scene = Scene::new().await;
    let policy = trust(&scene.arn, "app");
    let parameters = [
        ("RoleName", "Web"),
        ("AssumeRolePolicyDocument", policy.as_str()),
        ("MaxSessionDuration", "7200"),
        ("Path", "/ci/"),
    ];
    let made = scene.world.iam("CreateRole", &parameters).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let answer = scene.fetch("/role-credentials/Web").await.ok();
    assert_eq!(answer["RoleArn"], role_named("ci/Web").as_str());
    assert_eq!(answer["Expiration"], "2026-03-01T13:00:00Z");
    let session = scene.world.open_session(&keys_of(&answer));
    assert!(session.identity().is_none(), "no identity was made");
    assert_eq!(
        scene.fetch("/role-credentials/Web").await.ok(),
        answer,
        "shared"
    );
    let answer = scene.fetch("/role-credentials/Web/7200").await.ok();
    assert_eq!(answer["Expiration"], "2026-03-01T14:00:00Z");
    for seconds in ["899", "7201", "99999"] {
        let path = format!("/role-credentials/Web/{seconds}");
        refused(&scene.fetch(&path).await, 400, "InvalidRequest");
    }
    for role in ["web", "Other", "User"] {
        let path = format!("/role-credentials/{role}");
        refused(&scene.fetch(&path).await, 403, "AccessDenied");
    }
    refused(
        &scene.fetch_with("/role-credentials/Web", &[]).await,
        401,
        "InvalidIdentityToken",
    );
    let other = scene.issuer.token_saying("ada", &json!({ "aud": "other" }));
    let headers = [("authorization", other.as_str())];
    refused(
        &scene.fetch_with("/role-credentials/Web", &headers).await,
        403,
        "AccessDenied",
    );
    let other = scene
        .issuer
        .token_saying("ada", &json!({ "aud": "sts.amazonaws.com" }));
    let headers = [("authorization", other.as_str())];
    refused(
        &scene.fetch_with("/role-credentials/Web", &headers).await,
        401,
        "InvalidIdentityToken",
    );
}
