//! Who may attach policies and set boundaries: the condition keys of these actions, and the texts of denials.

use serde_json::{Value, json};

use super::{attach, bound, done, policy, policy_arn, role};
use crate::sessions::{chain, key, role_arn};
use crate::world::{Answer, Credentials, World, assumed};

async fn iam(world: &World, who: &Credentials, action: &str, more: &[(&str, &str)]) -> Answer {
    let mut all = vec![("Action", action), ("Version", "2010-05-08")];
    all.extend(more);
    world.signed_query(who, "iam", &all).await
}

fn is_denied(answer: &Answer) -> bool {
    answer.xml("Code").as_deref() == Some("AccessDenied")
}

fn allow(actions: &[&str], condition: &Value) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": "*", "Condition": condition })
}

#[tokio::test]
async fn a_delegated_administrator_keeps_roles_within_a_boundary() {
    let world = World::new().await;
    let (limit, other) = (policy(&world, "Limit").await, policy(&world, "Other").await);
    let within = json!({ "StringEquals": { "iam:PermissionsBoundary": limit } });
    let actions = [
        "iam:CreateRole",
        "iam:PutRolePermissionsBoundary",
        "iam:AttachRolePolicy",
        "iam:DetachRolePolicy",
        "iam:PutRolePolicy",
        "iam:DeleteRolePolicy",
    ];
    let delegate = key(&world, "delegate", allow(&actions, &within)).await;
    let create = async |name: &str, boundary: Option<&str>| {
        let mut all = vec![
            ("RoleName", name),
            ("AssumeRolePolicyDocument", super::ACCOUNT_TRUST),
        ];
        all.extend(boundary.map(|arn| ("PermissionsBoundary", arn)));
        iam(&world, &delegate, "CreateRole", &all).await
    };
    assert!(is_denied(&create("Free", None).await));
    assert!(is_denied(&create("Free", Some(&other)).await));
    done(&create("Bound", Some(&limit)).await);
    role(&world, "Free").await;
    let document = super::LISTS_ROLES;
    for (action, more) in [
        ("AttachRolePolicy", vec![("PolicyArn", &*other)]),
        ("DetachRolePolicy", vec![("PolicyArn", &*other)]),
        (
            "PutRolePolicy",
            vec![("PolicyName", "p"), ("PolicyDocument", document)],
        ),
        ("DeleteRolePolicy", vec![("PolicyName", "p")]),
    ] {
        let on = |name: &'static str| {
            let mut all = vec![("RoleName", name)];
            all.extend(more.clone());
            all
        };
        assert!(
            is_denied(&iam(&world, &delegate, action, &on("Free")).await),
            "{action} without a boundary"
        );
        done(&iam(&world, &delegate, action, &on("Bound")).await);
    }
    let put = async |name: &str, boundary: &str| {
        let all = [("RoleName", name), ("PermissionsBoundary", boundary)];
        iam(&world, &delegate, "PutRolePermissionsBoundary", &all).await
    };
    // Here, the key is the boundary that is set, as at AWS.
    assert!(is_denied(&put("Bound", &other).await));
    done(&put("Free", &limit).await);
    let remove = [("RoleName", "Bound")];
    let answer = iam(&world, &delegate, "DeleteRolePermissionsBoundary", &remove).await;
    assert!(is_denied(&answer));
}

#[tokio::test]
async fn the_boundary_of_a_role_is_removed_only_by_those_who_may_remove_it() {
    let world = World::new().await;
    let (limit, other) = (policy(&world, "Limit").await, policy(&world, "Other").await);
    let deny = json!({
        "Effect": "Deny", "Action": "iam:DeleteRolePermissionsBoundary", "Resource": "*",
        "Condition": { "StringEquals": { "iam:PermissionsBoundary": limit } },
    });
    let allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let admin = key(&world, "admin", json!([allow, deny])).await;
    for (name, arn, denied) in [("A", &limit, true), ("B", &other, false)] {
        role(&world, name).await;
        done(&bound(&world, name, arn).await);
        let all = [("RoleName", name)];
        let answer = iam(&world, &admin, "DeleteRolePermissionsBoundary", &all).await;
        assert_eq!(is_denied(&answer), denied, "{name}");
    }
}

#[tokio::test]
async fn a_condition_names_the_policies_that_may_be_attached() {
    let world = World::new().await;
    let (one, two) = (policy(&world, "one").await, policy(&world, "two").await);
    let named = json!({ "ArnEquals": { "iam:PolicyARN": one } });
    let actions = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"];
    let attacher = key(&world, "attacher", allow(&actions, &named)).await;
    role(&world, "App").await;
    for action in ["AttachRolePolicy", "DetachRolePolicy"] {
        let on = async |arn: &str| {
            let all = [("RoleName", "App"), ("PolicyArn", arn)];
            iam(&world, &attacher, action, &all).await
        };
        assert!(is_denied(&on(&two).await));
        done(&on(&one).await);
    }
}

#[tokio::test]
async fn a_policy_is_a_resource_with_tags() {
    let world = World::new().await;
    let arn = policy(&world, "Reader").await;
    policy(&world, "Other").await;
    let tag = [
        ("PolicyArn", &*arn),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
    ];
    done(&world.iam("TagPolicy", &tag).await);
    let tagged = json!({ "StringEquals": { "aws:ResourceTag/team": "blue" } });
    let by_tag = key(&world, "tag", allow(&["iam:GetPolicy"], &tagged)).await;
    let by_name = json!({ "Effect": "Allow", "Action": "iam:GetPolicy", "Resource": arn });
    let by_name = key(&world, "name", by_name).await;
    for who in [&by_tag, &by_name] {
        done(&iam(&world, who, "GetPolicy", &[("PolicyArn", &arn)]).await);
        let other = policy_arn("Other");
        let other = [("PolicyArn", other.as_str())];
        assert!(is_denied(&iam(&world, who, "GetPolicy", &other).await));
    }
}

#[tokio::test]
async fn a_denial_names_the_kind_of_policy() {
    let world = World::new().await;
    let all = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    crate::sessions::role(&world, "App", json!([crate::sessions::trusting_account()])).await;
    let limit = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["iam:ListRoles", "iam:GetRole"], "Resource": "*" },
        { "Effect": "Deny", "Action": "iam:ListPolicies", "Resource": "*" },
    ]});
    let parameters = [
        ("PolicyName", "Limit"),
        ("PolicyDocument", &*limit.to_string()),
    ];
    done(&world.iam("CreatePolicy", &parameters).await);
    done(&bound(&world, "App", &policy_arn("Limit")).await);
    let runner = key(&world, "runner", all).await;
    let narrow = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "iam:ListPolicies", "Resource": "*" },
        { "Effect": "Deny", "Action": "iam:GetRole", "Resource": "*" },
    ]})
    .to_string();
    let answer = chain(&world, &runner, &role_arn("App"), &[("Policy", &*narrow)]).await;
    done(&answer);
    let session = assumed(&answer);
    for (action, ending) in [
        (
            "ListSAMLProviders",
            "because no permissions boundary allows the iam:ListSAMLProviders action",
        ),
        (
            "ListRoles",
            "because no session policy allows the iam:ListRoles action",
        ),
        (
            "ListPolicies",
            "with an explicit deny in a permissions boundary",
        ),
        ("GetRole", "with an explicit deny in a session policy"),
    ] {
        let answer = iam(&world, &session, action, &[("RoleName", "App")]).await;
        let message = answer.xml("Message").unwrap();
        assert!(message.ends_with(ending), "{message}");
    }
}

#[tokio::test]
async fn a_simulation_knows_attached_policies_and_the_boundary() {
    let world = World::new().await;
    role(&world, "App").await;
    let everything = "arn:aws:iam::aws:policy/AdministratorAccess";
    done(&attach(&world, "App", everything).await);
    done(&bound(&world, "App", &policy(&world, "Limit").await).await);
    let arn = role_arn("App");
    let simulate = async |action: &str, more: &[(&str, &str)]| {
        let mut all = vec![("PolicySourceArn", &*arn), ("ActionNames.member.1", action)];
        all.extend(more);
        let answer = world.iam("SimulatePrincipalPolicy", &all).await;
        done(&answer);
        answer
    };
    let inside = simulate("iam:ListRoles", &[]).await;
    assert_eq!(inside.xml("EvalDecision").as_deref(), Some("allowed"));
    assert_eq!(
        inside.xml("SourcePolicyId").as_deref(),
        Some("AdministratorAccess")
    );
    let outside = simulate("iam:GetRole", &[]).await;
    assert_eq!(outside.xml("EvalDecision").as_deref(), Some("implicitDeny"));
    let detail = outside.xml("AllowedByPermissionsBoundary");
    assert_eq!(detail.as_deref(), Some("false"));
    // A boundary in the request replaces the role's.
    let open =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let replaced = ("PermissionsBoundaryPolicyInputList.member.1", open);
    let replaced = simulate("iam:GetRole", &[replaced]).await;
    assert_eq!(replaced.xml("EvalDecision").as_deref(), Some("allowed"));
    let own = json!({ "RoleName": "App", "Actions": ["iam:GetRole", "iam:ListRoles"] });
    let own = world.admin("Cognate.SimulatePolicy", own).await.ok();
    let decisions = own["Results"].as_array().unwrap().iter();
    let decisions: Vec<_> = decisions.map(|one| one["Decision"].clone()).collect();
    assert_eq!(decisions, ["implicitDeny", "allowed"]);
}

#[tokio::test]
async fn a_public_caller_learns_nothing_about_policies() {
    let world = World::new().await;
    let arn = policy(&world, "Reader").await;
    let mut answers = Vec::new();
    for arn in [&arn, &policy_arn("missing")] {
        let parameters = [
            ("RoleArn", "arn:aws:iam::123456789012:role/App"),
            ("RoleSessionName", "me"),
            ("WebIdentityToken", "opaque"),
            ("PolicyArns.member.1.arn", arn),
        ];
        let answer = world.sts("AssumeRoleWithWebIdentity", &parameters).await;
        answers.push((answer.status, answer.xml("Message")));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_session_has_ten_managed_policies_at_most() {
    let world = World::new().await;
    role(&world, "App").await;
    let all = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let runner = key(&world, "runner", all).await;
    let names: Vec<String> = (1..=11)
        .map(|at| format!("PolicyArns.member.{at}.arn"))
        .collect();
    let everything = "arn:aws:iam::aws:policy/AdministratorAccess";
    let arns: Vec<_> = names.iter().map(|name| (&**name, everything)).collect();
    done(&chain(&world, &runner, &role_arn("App"), &arns[..10]).await);
    let answer = chain(&world, &runner, &role_arn("App"), &arns).await;
    answer.query_refused(
        400,
        "ValidationError",
        "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than \
         or equal to 10",
    );
    let missing = [("PolicyArns.member.1.arn", &*policy_arn("missing"))];
    let answer = chain(&world, &runner, &role_arn("App"), &missing).await;
    answer.query_refused(
        400,
        "MalformedPolicyDocument",
        "Policy ARN arn:aws:iam::123456789012:policy/missing is not valid",
    );
}
