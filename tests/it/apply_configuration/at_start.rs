//! Seeds at a start: they make what never was there, and nothing else.

use std::sync::Arc;

use cognate::operations::seeds::{StartReport, apply_at_start};
use serde_json::{Value, json};

use super::{POOL, apply, apply_with, everything, policy, pool, role, seed};
use crate::world::World;
use crate::world::in_memory::memory::MemoryStore;

const WEEK: i64 = 7 * 24 * 3600;

async fn start(world: &World, document: &Value) -> StartReport {
    apply_at_start(&world.app, &seed(document)).await.unwrap()
}

async fn has_role(world: &World, name: &str) -> bool {
    world.iam("GetRole", &[("RoleName", name)]).await.status == 200
}

#[tokio::test]
async fn a_start_makes_what_a_seed_describes_and_the_next_start_nothing() {
    let world = World::new().await;
    let report = start(&world, &everything()).await;
    assert_eq!(report.made.len(), 6, "{report:?}");
    assert_eq!(start(&world, &everything()).await, StartReport::default());
    let again = apply(&world, &everything()).await.ok();
    assert_eq!(again["Changes"], json!([]));
}

/// Deletes every object of [`everything`], by the API's own operations.
async fn delete_everything(world: &World) {
    let account = crate::world::ACCOUNT;
    world
        .admin("DeleteIdentityPool", json!({ "IdentityPoolId": POOL }))
        .await
        .ok();
    for (role, policy) in [("User", "write"), ("User", "read"), ("Guest", "read")] {
        let parameters = [("RoleName", role), ("PolicyName", policy)];
        world.iam("DeleteRolePolicy", &parameters).await;
    }
    let oidc = format!("arn:aws:iam::{account}:oidc-provider/login.example.com/app");
    let saml = format!("arn:aws:iam::{account}:saml-provider/corp");
    for (action, name, value) in [
        ("DeleteRole", "RoleName", "User"),
        ("DeleteRole", "RoleName", "Guest"),
        (
            "DeleteOpenIDConnectProvider",
            "OpenIDConnectProviderArn",
            &*oidc,
        ),
        ("DeleteSAMLProvider", "SAMLProviderArn", &*saml),
    ] {
        let answer = world.iam(action, &[(name, value)]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let key = json!({ "AccessKeyId": "AKIAIOSFODNN7SEEDED1" });
    world.admin("Cognate.DeleteAccessKey", key).await.ok();
}

/// Restarts the server, which sweeps what ended, and checks that a start with the seed makes none of the six deleted objects.
async fn restarted_without_making(world: World) -> World {
    let world = world.restart().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let report = start(&world, &everything()).await;
    assert_eq!(
        (report.made.len(), report.deleted.len()),
        (0, 6),
        "{report:?}"
    );
    world
}

#[tokio::test]
async fn whatever_was_deleted_stays_deleted_at_every_start_for_ever() {
    let mut world = World::new().await;
    start(&world, &everything()).await;
    delete_everything(&world).await;
    for weeks in [0, 1, 60] {
        world.clock.advance(weeks * WEEK);
        world = restarted_without_making(world).await;
    }
    assert!(!has_role(&world, "User").await);
}

#[tokio::test]
async fn what_people_made_and_deleted_is_not_made_by_a_later_seed() {
    let world = World::new().await;
    // Nothing of this comes from a seed.
    let mut unnamed = everything();
    unnamed.as_object_mut().unwrap().shift_remove("seed");
    apply(&world, &unnamed).await.ok();
    delete_everything(&world).await;
    world.clock.advance(2 * WEEK);
    restarted_without_making(world).await;
}

#[tokio::test]
async fn a_tightened_role_stays_tightened_on_servers_with_an_old_and_a_new_seed() {
    let store = Arc::new(MemoryStore::default());
    let (old, new) = (
        World::of_store(store.clone()).await,
        World::of_store(store.clone()).await,
    );
    let old_seed = json!({ "seed": "app", "roles": [role("Guest")], "pools": [pool(POOL)] });
    let mut new_seed = old_seed.clone();
    new_seed["roles"][0]["Policies"]["write"] = policy("s3:PutObject");
    new_seed["roles"].as_array_mut().unwrap().push(role("New"));
    start(&old, &old_seed).await;
    let parameters = [("RoleName", "Guest"), ("PolicyName", "read")];
    old.iam("DeleteRolePolicy", &parameters).await;
    for _ in 0..2 {
        for (world, seed) in [(&new, &new_seed), (&old, &old_seed)] {
            let report = start(world, seed).await;
            assert_eq!(report.changed, ["Role Guest"]);
            let policies = world
                .iam("ListRolePolicies", &[("RoleName", "Guest")])
                .await;
            assert!(!policies.text.contains("<member>"), "{}", policies.text);
        }
    }
    // What only the new seed has was made once, and stays deleted on both.
    assert!(has_role(&new, "New").await);
    let parameters = [("RoleName", "New"), ("PolicyName", "read")];
    new.iam("DeleteRolePolicy", &parameters).await;
    new.iam("DeleteRole", &[("RoleName", "New")]).await;
    for (world, seed) in [(&old, &old_seed), (&new, &new_seed)] {
        start(world, seed).await;
        assert!(!has_role(world, "New").await);
    }
}

#[tokio::test]
async fn a_deleted_key_does_not_come_back_under_another_name() {
    let world = World::new().await;
    let mut document = everything();
    start(&world, &document).await;
    let id = json!({ "AccessKeyId": "AKIAIOSFODNN7SEEDED1" });
    world.admin("Cognate.DeleteAccessKey", id).await.ok();
    document["access_keys"][0]["Name"] = json!("renamed");
    let report = start(&world, &document).await;
    assert_eq!(
        (report.made.len(), report.deleted),
        (0, vec!["AccessKey renamed".to_owned()])
    );
    // A key of the same seed with an id of its own is made.
    document["access_keys"][0]["AccessKeyId"] = json!("AKIAIOSFODNN7SEEDED2");
    assert_eq!(start(&world, &document).await.made, ["AccessKey renamed"]);
}

#[tokio::test]
async fn two_servers_that_start_at_once_make_each_object_once() {
    let store = Arc::new(MemoryStore::default());
    let (one, other) = (
        World::of_store(store.clone()).await,
        World::of_store(store.clone()).await,
    );
    let document = everything();
    let (first, second) = tokio::join!(start(&one, &document), start(&other, &document));
    let made = first.made.len() + second.made.len();
    assert_eq!(made, 6, "{first:?} {second:?}");
    assert_eq!(first.changed.len() + second.changed.len(), 0);
}

#[tokio::test]
async fn a_broken_seed_makes_nothing_at_a_start() {
    let world = World::new().await;
    let mut document = everything();
    document["pools"][0]["IdentityPoolName"] = json!("");
    let refused = apply_at_start(&world.app, &seed(&document)).await;
    let text = refused.unwrap_err().text.unwrap();
    assert!(text.starts_with(&format!("pools[0] ({POOL}): ")), "{text}");
    assert!(!has_role(&world, "User").await);
}

#[tokio::test]
async fn a_start_goes_on_without_what_needs_something_that_was_deleted() {
    let world = World::new().await;
    let whole = everything();
    let mut providers = whole.clone();
    providers.as_object_mut().unwrap().shift_remove("pools");
    start(&world, &providers).await;
    let arn = format!("arn:aws:iam::{}:saml-provider/corp", crate::world::ACCOUNT);
    world
        .iam("DeleteSAMLProvider", &[("SAMLProviderArn", &arn)])
        .await;
    let report = start(&world, &whole).await;
    assert_eq!(report.deleted, ["SAMLProvider corp"]);
    assert_eq!(report.failed.len(), 1, "{report:?}");
    assert!(
        report.failed[0].contains("SAML provider not found"),
        "{report:?}"
    );
}

#[tokio::test]
async fn an_access_key_without_a_secret_is_not_made_at_a_start() {
    let world = World::new().await;
    let document = json!({ "access_keys": [{ "Name": "ci", "Policy": policy("s3:*") }] });
    let report = start(&world, &document).await;
    assert_eq!(report.without_secret, ["AccessKey ci"]);
    let answer = apply_with(&world, &document, json!({})).await.ok();
    assert_eq!(answer["AccessKeys"][0]["Name"], "ci");
}
