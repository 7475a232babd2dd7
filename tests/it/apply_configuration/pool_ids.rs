//! Chosen ids of pools: who may choose one, and which.

use serde_json::{Value, json};

use super::{POOL, apply, apply_with, changes, dev_world, pool, role};
use crate::world::{ACCOUNT, Answer, Credentials, World};

async fn key(world: &World, statements: Value) -> Credentials {
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let input = json!({ "Name": "seeder", "Policy": policy.to_string() });
    Credentials::of(&world.admin("Cognate.CreateAccessKey", input).await.ok())
}

async fn apply_as(world: &World, who: &Credentials, document: &Value) -> Answer {
    let input = json!({ "Document": document.to_string() });
    world.signed(who, "Cognate.ApplyConfiguration", input).await
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
}

#[tokio::test]
async fn an_id_is_chosen_only_with_the_permission_to_import_it_and_to_pass_each_role_that_trusts_it()
 {
    let document = json!({ "pools": [pool(POOL)] });
    let basic = [
        "cognate:ApplyConfiguration",
        "cognito-identity:CreateIdentityPool",
    ];
    let import = "cognate:ImportIdentityPool";
    let of_pool = format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:identitypool/{POOL}");
    let pass = |role: &str| {
        allow(
            &["iam:PassRole"],
            &format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
        )
    };
    for (more, needed) in [
        (vec![], Some(import)),
        (vec![allow(&[import], &format!("{of_pool}x"))], Some(import)),
        (vec![allow(&[import], &of_pool)], Some("iam:PassRole")),
        (
            vec![allow(&[import], &of_pool), pass("One")],
            Some("iam:PassRole"),
        ),
        (
            vec![allow(&[import], &of_pool), pass("One"), pass("Two")],
            None,
        ),
    ] {
        let world = World::new().await;
        let mut other = role("Other");
        other["AssumeRolePolicyDocument"]["Statement"][0]["Condition"] = json!({
            "StringEquals": { "cognito-identity.amazonaws.com:aud": POOL.replace('5', "6") },
        });
        let mut wide = role("Two");
        wide["AssumeRolePolicyDocument"]["Statement"][0]["Condition"] = json!({
            "StringLike": { "cognito-identity.amazonaws.com:aud": [POOL.replace('5', "6"), POOL] },
        });
        let roles = json!({ "roles": [role("One"), wide, other] });
        apply(&world, &roles).await.ok();
        let statements = [vec![allow(&basic, "*")], more].concat();
        let who = key(&world, json!(statements)).await;
        let answer = apply_as(&world, &who, &document).await;
        match needed {
            None => assert_eq!(changes(&answer.ok()).len(), 1),
            Some(action) => {
                let (_, code, text) = answer.error();
                let words = format!("is not authorized to perform: {action} on resource");
                assert!(
                    code == "AccessDeniedException" && text.contains(&words),
                    "{text}"
                );
                assert!(text.starts_with("pools[0]"), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn each_step_of_a_seed_needs_the_permission_of_its_operation() {
    let world = World::new().await;
    let who = key(
        &world,
        json!([allow(&["cognate:*", "cognito-identity:*"], "*")]),
    )
    .await;
    let list = json!([{ "Name": "x", "Policy": super::policy("s3:*") }]);
    for (document, action) in [
        (json!({ "roles": [role("One")] }), "iam:CreateRole"),
        (json!({ "access_keys": list }), "iam:CreateAccessKey"),
        (
            json!({ "oidc_providers": [{ "Url": "https://login.example.com" }] }),
            "iam:CreateOpenIDConnectProvider",
        ),
    ] {
        let text = apply_as(&world, &who, &document).await.error().2;
        assert!(
            text.contains(&format!("not authorized to perform: {action}")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_uuid_in_use_is_refused_in_every_region() {
    let world = World::new().await;
    apply(&world, &json!({ "pools": [pool(POOL)] })).await.ok();
    let elsewhere = POOL.replace("eu-west-1", "eu-west-2");
    let answer = apply(&world, &json!({ "pools": [pool(&elsewhere)] })).await;
    answer.refused(
        "ResourceConflictException",
        &format!("pools[0] ({elsewhere}): The UUID of {elsewhere} belongs to a pool in another region: {POOL}."),
    );
    let reuse = json!({ "ReusePoolIds": [elsewhere] });
    let answer = apply_with(&world, &json!({ "pools": [pool(&elsewhere)] }), reuse).await;
    assert_eq!(answer.error().1, "ResourceConflictException");
}

#[tokio::test]
async fn a_deleted_pools_id_is_used_again_only_on_an_instruction_and_after_its_purge() {
    let mut world = World::new().await;
    let document = json!({ "pools": [pool(POOL)] });
    apply(&world, &document).await.ok();
    let guest = world.identity(POOL, json!({})).await;
    world
        .admin("DeleteIdentityPool", json!({ "IdentityPoolId": POOL }))
        .await
        .ok();
    let reuse = json!({ "ReusePoolIds": [POOL] });
    // Until the identities are deleted, no instruction helps.
    let early = apply_with(&world, &document, reuse.clone()).await;
    let mut early = early.status == 400;
    for days in [0, 8, 400] {
        world.clock.advance(days * 24 * 3600);
        world = world.restart().await;
        tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        let (_, code, text) = apply(&world, &document).await.error();
        assert_eq!(code, "ResourceConflictException", "{text}");
        assert!(
            text.contains("was deleted") || text.contains("still being deleted"),
            "{text}"
        );
        early |= text.contains("still");
    }
    assert!(early);
    apply_with(&world, &document, reuse).await.ok();
    // It is another pool: nothing of the first one is there.
    let answer = world.credentials(&guest, json!({})).await;
    assert_eq!(answer.error().1, "ResourceNotFoundException");
    world.identity(POOL, json!({})).await;
}

#[tokio::test]
async fn the_tag_of_emulators_chooses_an_id_in_dev_and_nowhere_else() {
    let input = json!({
        "IdentityPoolName": "App", "AllowUnauthenticatedIdentities": true,
        "IdentityPoolTags": { "_custom_id_": POOL },
    });
    let world = World::new().await;
    let made = world.admin("CreateIdentityPool", input.clone()).await.ok();
    assert_ne!(made["IdentityPoolId"], POOL);
    assert_eq!(made["IdentityPoolTags"]["_custom_id_"], POOL);
    let dev = dev_world().await;
    let made = dev.admin("CreateIdentityPool", input.clone()).await.ok();
    assert_eq!(made["IdentityPoolId"], POOL);
    let again = dev.admin("CreateIdentityPool", input.clone()).await;
    again.refused(
        "ResourceConflictException",
        &format!("There is an identity pool with the id {POOL}."),
    );
    let mut short = input.clone();
    short["IdentityPoolTags"]["_custom_id_"] = json!("22222222-2222-4333-8444-555555555555");
    let made = dev.admin("CreateIdentityPool", short).await.ok();
    assert_eq!(
        made["IdentityPoolId"],
        "eu-west-1:22222222-2222-4333-8444-555555555555"
    );
    for wrong in [&POOL.replace("west-1", "west-2"), "x", ""] {
        let mut input = input.clone();
        input["IdentityPoolTags"]["_custom_id_"] = json!(wrong);
        let answer = dev.admin("CreateIdentityPool", input).await;
        assert_eq!(answer.error().1, "InvalidParameterException", "{wrong}");
    }
    // A power user of the service alone chooses no id in dev either.
    let who = key(&dev, json!([allow(&["cognito-identity:*"], "*")])).await;
    let mut third = input;
    third["IdentityPoolTags"]["_custom_id_"] = json!("33333333-2222-4333-8444-555555555555");
    let answer = dev.signed(&who, "CreateIdentityPool", third).await;
    assert!(answer.error().2.contains("cognate:ImportIdentityPool"));
}
