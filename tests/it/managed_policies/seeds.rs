//! Managed policies, attachments and boundaries in seeds, and in an export.

use serde_json::{Value, json};

use super::{attach, done, policy_arn};
use crate::apply_configuration::{apply, apply_with, changes, export};
use crate::world::World;

fn trust() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Action": "sts:AssumeRole",
    }]})
}

fn allowing(action: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] })
}

fn seed() -> Value {
    json!({
        "seed": "one",
        "policies": [
            {
                "PolicyName": "Limit", "Path": "/team/", "Description": "limits",
                "PolicyDocument": allowing("iam:*"), "Tags": [{ "Key": "team", "Value": "blue" }],
            },
            { "PolicyName": "Read", "PolicyDocument": allowing("iam:List*") },
        ],
        "roles": [{
            "RoleName": "App", "AssumeRolePolicyDocument": trust(),
            "AttachedPolicies": [policy_arn("Read"), "arn:aws:iam::aws:policy/IAMReadOnlyAccess"],
            "PermissionsBoundary": "arn:aws:iam::123456789012:policy/team/Limit",
        }],
    })
}

async fn shown(world: &World, name: &str) -> Value {
    let all = export(world).await;
    let roles = all["roles"].as_array().cloned().unwrap_or_default();
    let mut roles = roles.into_iter();
    roles.find(|role| role["RoleName"] == name).unwrap()
}

#[tokio::test]
async fn a_seed_makes_policies_and_what_uses_them() {
    let world = World::new().await;
    let made = apply(&world, &seed()).await.ok();
    let wanted = [
        "Create ManagedPolicy Limit",
        "Create ManagedPolicy Read",
        "Create Role App",
    ];
    assert_eq!(changes(&made), wanted);
    let again = apply(&world, &seed()).await.ok();
    assert_eq!(changes(&again), [""; 0]);
    let role = shown(&world, "App").await;
    for member in ["AttachedPolicies", "PermissionsBoundary"] {
        assert_eq!(role[member], seed()["roles"][0][member]);
    }
    // What is exported makes the same again.
    let exported = export(&world).await;
    let other = World::new().await;
    apply(&other, &exported).await.ok();
    assert_eq!(export(&other).await, exported);
    let same = apply(&world, &exported).await.ok();
    assert_eq!(changes(&same), [""; 0]);
}

#[tokio::test]
async fn another_document_becomes_a_version_in_force() {
    let world = World::new().await;
    apply(&world, &seed()).await.ok();
    let arn = policy_arn("Read");
    for at in 2..=7 {
        let mut changed = seed();
        changed["policies"][1]["PolicyDocument"] = allowing(&format!("iam:Get{at}*"));
        let answer = apply(&world, &changed).await.ok();
        assert_eq!(changes(&answer), ["Update ManagedPolicy Read"]);
        let shown = world.iam("GetPolicy", &[("PolicyArn", &*arn)]).await;
        let default = shown.xml("DefaultVersionId");
        assert_eq!(default.as_deref(), Some(&*format!("v{at}")));
    }
    let versions = world
        .iam("ListPolicyVersions", &[("PolicyArn", &*arn)])
        .await;
    assert_eq!(versions.text.matches("<VersionId>").count(), 5);
    for (member, value, text) in [
        (
            "Path",
            "/other/",
            "policies[0] (Limit): The policy exists with the path /team/; a path can't change.",
        ),
        (
            "Description",
            "other",
            "policies[0] (Limit): The policy exists with another description; the description of a managed policy can't \
             change.",
        ),
    ] {
        let mut changed = seed();
        changed["policies"][0][member] = json!(value);
        let answer = apply(&world, &changed).await;
        answer.refused("InvalidParameterException", text);
    }
}

#[tokio::test]
async fn a_role_of_a_seed_keeps_what_the_seed_leaves_out() {
    let world = World::new().await;
    apply(&world, &seed()).await.ok();
    done(&attach(&world, "App", "arn:aws:iam::aws:policy/IAMFullAccess").await);
    let role = |more: Value| {
        let mut role = json!({ "RoleName": "App" });
        for (name, value) in more.as_object().unwrap() {
            role[name] = value.clone();
        }
        json!({ "roles": [role] })
    };
    let answer = apply(&world, &role(json!({}))).await.ok();
    assert_eq!(changes(&answer), [""; 0]);
    let read = policy_arn("Read");
    let only = json!({ "AttachedPolicies": [{ "PolicyName": "Read", "PolicyArn": read }] });
    apply(&world, &role(only)).await.ok();
    assert_eq!(
        shown(&world, "App").await["AttachedPolicies"],
        json!([read])
    );
    let boundary = |arn: &str| json!({ "PermissionsBoundary": arn });
    apply(&world, &role(boundary(&read))).await.ok();
    assert_eq!(shown(&world, "App").await["PermissionsBoundary"], read);
    apply(&world, &role(boundary(""))).await.ok();
    assert_eq!(
        shown(&world, "App").await["PermissionsBoundary"],
        json!(null)
    );
    let missing = policy_arn("missing");
    let answer = apply(&world, &role(boundary(&missing))).await;
    let text = format!("roles[0] (App): Scope ARN: {missing} does not exist or is not attachable.");
    answer.refused("ResourceNotFoundException", &text);
    let answer = apply(&world, &role(json!({ "AttachedPolicies": "Read" }))).await;
    let text = "roles[0] (App): AttachedPolicies must be an array of ARNs of managed policies.";
    answer.refused("InvalidParameterException", text);
}

#[tokio::test]
async fn pruning_detaches_and_deletes() {
    let world = World::new().await;
    apply(&world, &seed()).await.ok();
    let mut changed = seed();
    changed["policies"][1]["PolicyDocument"] = allowing("iam:Get*");
    apply(&world, &changed).await.ok();
    let prune = json!({ "Prune": true });
    let mut one = seed();
    one["policies"] = json!([seed()["policies"][0]]);
    // The role keeps what the seed leaves out, so the policy is still in use.
    one["roles"][0]
        .as_object_mut()
        .unwrap()
        .shift_remove("AttachedPolicies");
    let answer = apply_with(&world, &one, prune.clone()).await;
    let text = "Cannot delete a policy attached to entities.";
    answer.refused("ResourceConflictException", text);
    one["roles"][0]["AttachedPolicies"] = json!([]);
    let answer = apply_with(&world, &one, prune.clone()).await.ok();
    let wanted = ["Delete ManagedPolicy Read", "Update Role App"];
    assert_eq!(changes(&answer), wanted);
    let answer = apply_with(&world, &json!({ "seed": "one" }), prune)
        .await
        .ok();
    let wanted = ["Delete ManagedPolicy Limit", "Delete Role App"];
    assert_eq!(changes(&answer), wanted);
    assert_eq!(export(&world).await, json!({}));
}
