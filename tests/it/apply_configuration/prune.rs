//! Pruning: a seed deletes what it made, and nothing else.

use serde_json::{Value, json};

use super::{POOL, apply, apply_with, changes, everything, pool, role};
use crate::world::World;

fn named(name: &str, roles: &[&str]) -> Value {
    let roles: Vec<Value> = roles.iter().map(|name| role(name)).collect();
    json!({ "seed": name, "roles": roles })
}

async fn prune(world: &World, document: &Value) -> Vec<String> {
    let answer = apply_with(world, document, json!({ "Prune": true })).await;
    changes(&answer.ok())
}

#[tokio::test]
async fn a_seed_deletes_only_what_it_made_itself() {
    let world = World::new().await;
    apply(&world, &named("one", &["A", "B"])).await.ok();
    apply(&world, &named("two", &["C", "D"])).await.ok();
    let unnamed = json!({ "roles": [role("E")] });
    apply(&world, &unnamed).await.ok();
    // The seed also describes objects of others, and changes them; that doesn't make them its own.
    let mut wide = named("one", &["A", "B", "C", "E"]);
    wide["roles"][2]["MaxSessionDuration"] = json!(7200);
    apply(&world, &wide).await.ok();
    // B is deleted and made again by hand, so it isn't the seed's any more.
    for (action, parameters) in [
        (
            "DeleteRolePolicy",
            vec![("RoleName", "B"), ("PolicyName", "read")],
        ),
        ("DeleteRole", vec![("RoleName", "B")]),
    ] {
        assert_eq!(world.iam(action, &parameters).await.status, 200);
    }
    let trust = super::trust(POOL).to_string();
    let parameters = [("RoleName", "B"), ("AssumeRolePolicyDocument", &*trust)];
    assert_eq!(world.iam("CreateRole", &parameters).await.status, 200);
    assert_eq!(prune(&world, &named("three", &[])).await, [""; 0]);
    assert_eq!(prune(&world, &named("one", &[])).await, ["Delete Role A"]);
    assert_eq!(
        prune(&world, &named("two", &["D"])).await,
        ["Delete Role C"]
    );
    for name in ["B", "D", "E"] {
        assert_eq!(
            world.iam("GetRole", &[("RoleName", name)]).await.status,
            200,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_whole_seed_is_pruned_in_one_step() {
    let world = World::new().await;
    apply(&world, &everything()).await.ok();
    let empty = json!({ "seed": "app" });
    assert_eq!(prune(&world, &empty).await.len(), 6);
    assert_eq!(super::export(&world).await, json!({}));
    assert_eq!(prune(&world, &empty).await, [""; 0]);
}

#[tokio::test]
async fn a_pool_with_identities_is_pruned_only_if_its_id_is_named() {
    let world = World::new().await;
    let document = json!({ "seed": "app", "pools": [pool(POOL)] });
    apply(&world, &document).await.ok();
    world.identity(POOL, json!({})).await;
    let empty = json!({ "seed": "app" });
    for more in [
        json!({ "Prune": true }),
        json!({ "Prune": true, "DryRun": true }),
        json!({ "Prune": true, "DeletePoolIds": [POOL.replace('5', "6")] }),
    ] {
        let (_, code, text) = apply_with(&world, &empty, more).await.error();
        assert_eq!(code, "ResourceConflictException");
        assert!(text.contains(&format!("--delete-pool {POOL}")), "{text}");
    }
    let confirmed = json!({ "Prune": true, "DeletePoolIds": [POOL] });
    let answer = apply_with(&world, &empty, confirmed).await.ok();
    assert_eq!(changes(&answer), [format!("Delete IdentityPool {POOL}")]);
    // The name of a pool without an instruction deletes nothing.
    apply_with(&world, &document, json!({ "ReusePoolIds": [POOL] })).await;
}

#[tokio::test]
async fn a_seed_without_a_name_prunes_nothing() {
    let world = World::new().await;
    apply(&world, &json!({ "roles": [role("A")] })).await.ok();
    let answer = apply_with(&world, &json!({}), json!({ "Prune": true })).await;
    let (_, code, text) = answer.error();
    assert_eq!(code, "InvalidParameterException");
    assert!(text.contains("seed = "), "{text}");
}

#[tokio::test]
async fn another_seed_brings_no_deleted_key_back_and_widens_no_role() {
    let world = World::new().await;
    let one = json!({
        "seed": "one",
        "roles": [role("A")],
        "access_keys": [{ "Name": "worker", "Policy": super::policy("cognito-identity:Describe*") }],
    });
    apply(&world, &one).await.ok();
    let keys = world.admin("Cognate.ListAccessKeys", json!({})).await.ok();
    let keys = keys["AccessKeys"].as_array().unwrap();
    let worker = keys.iter().find(|key| key["Name"] == "worker").unwrap();
    let id = json!({ "AccessKeyId": worker["AccessKeyId"] });
    world.admin("Cognate.DeleteAccessKey", id).await.ok();
    let tightened = super::trust("eu-west-1:99999999-2222-4333-8444-555555555555").to_string();
    let parameters = [("RoleName", "A"), ("PolicyDocument", &*tightened)];
    let answer = world.iam("UpdateAssumeRolePolicy", &parameters).await;
    assert_eq!(answer.status, 200);
    for other in [named("two", &["B"]), named("two", &[])] {
        prune(&world, &other).await;
        let exported = super::export(&world).await;
        assert_eq!(exported["access_keys"], Value::Null, "{exported}");
        let role = &exported["roles"][0];
        assert_eq!(role["RoleName"], "A");
        let trust = role["AssumeRolePolicyDocument"].to_string();
        assert!(
            trust.contains("99999999") && !trust.contains(POOL),
            "{trust}"
        );
    }
}
