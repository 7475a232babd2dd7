//! Condition keys in the policies of this server's own actions: each key that can be known has an effect, and none comes
//! from another part of the request than its owner.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, Answer, Credentials, World, assumed};

const TEAM: &str = "arn:aws:iam::123456789012:role/Team";

fn document(statements: &Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

fn everything() -> Value {
    json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })
}

fn trust(condition: &Value) -> String {
    document(&json!({
        "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": condition,
    }))
}

async fn team(world: &World, tags: &[(&str, &str)], condition: &Value) {
    let trust = trust(condition);
    let mut parameters = vec![
        ("RoleName".to_owned(), "Team".to_owned()),
        ("AssumeRolePolicyDocument".to_owned(), trust),
    ];
    for (number, (key, value)) in tags.iter().enumerate() {
        let name = |part: &str| format!("Tags.member.{}.{part}", number + 1);
        parameters.push((name("Key"), (*key).to_owned()));
        parameters.push((name("Value"), (*value).to_owned()));
    }
    let parameters: Vec<_> = parameters.iter().map(|(a, b)| (&**a, &**b)).collect();
    let answer = world.iam("CreateRole", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn create_key(world: &World, name: &str, statements: &Value) -> Answer {
    let input = json!({ "Name": name, "Policy": document(statements) });
    world.admin("Cognate.CreateAccessKey", input).await
}

async fn key(world: &World, name: &str, statements: &Value) -> Credentials {
    Credentials::of(&create_key(world, name, statements).await.ok())
}

async fn assume(world: &World, who: &Credentials, more: &[(&str, &str)]) -> Answer {
    let mut all = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", TEAM),
        ("RoleSessionName", "me"),
    ];
    all.extend(more);
    world.signed_query(who, "sts", &all).await
}

/// The parameters of an IAM action.
type Parameters = [(&'static str, &'static str)];

const GET_ROLE: &Parameters = &[("Action", "GetRole"), ("RoleName", "Team")];

const TAG_ROLE: &Parameters = &[
    ("Action", "TagRole"),
    ("RoleName", "Team"),
    ("Tags.member.1.Key", "stage"),
    ("Tags.member.1.Value", "test"),
];

const CREATE_ROLE: &Parameters = &[
    ("Action", "CreateRole"),
    ("RoleName", "Other"),
    (
        "AssumeRolePolicyDocument",
        "no policy, so that no role is made",
    ),
    ("Tags.member.1.Key", "stage"),
    ("Tags.member.1.Value", "test"),
];

const UNTAG_ROLE: &Parameters = &[
    ("Action", "UntagRole"),
    ("RoleName", "Team"),
    ("TagKeys.member.1", "stage"),
];

const CREATE_PROVIDER: &Parameters = &[
    ("Action", "CreateOpenIDConnectProvider"),
    ("Url", "no URL, so that no provider is made"),
    ("Tags.member.1.Key", "stage"),
    ("Tags.member.1.Value", "test"),
];

async fn is_denied(world: &World, who: &Credentials, call: &Parameters) -> bool {
    let mut all = call.to_vec();
    all.push(("Version", "2010-05-08"));
    let answer = world.signed_query(who, "iam", &all).await;
    answer.text.contains("explicit deny")
}

/// Conditions that hold for the call, and conditions that don't.
fn known() -> Vec<(&'static Parameters, Value, Value)> {
    let time = "2026-03-01T12:00:00Z";
    let is = |key: &str, right: &str, wrong: &str| {
        (
            json!({ "StringEquals": { key: right } }),
            json!({ "StringEquals": { key: wrong } }),
        )
    };
    let mut all = vec![
        (
            GET_ROLE,
            json!({ "IpAddress": { "aws:SourceIp": "127.0.0.0/8" } }),
            json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
        ),
        (
            GET_ROLE,
            json!({ "Bool": { "aws:SecureTransport": "false" } }),
            json!({ "Bool": { "aws:SecureTransport": "true" } }),
        ),
        (
            GET_ROLE,
            json!({ "DateLessThanEquals": { "aws:TokenIssueTime": time } }),
            json!({ "DateLessThan": { "aws:TokenIssueTime": time } }),
        ),
        (
            GET_ROLE,
            json!({ "Bool": { "aws:ViaAWSService": "false" } }),
            json!({ "Bool": { "aws:ViaAWSService": "true" } }),
        ),
        (
            GET_ROLE,
            json!({ "Bool": { "aws:MultiFactorAuthPresent": "false" } }),
            json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } }),
        ),
    ];
    for (call, key, right) in [
        (GET_ROLE, "aws:ResourceTag/team", "blue"),
        (GET_ROLE, "aws:resourcetag/TEAM", "blue"),
        (GET_ROLE, "iam:ResourceTag/team", "blue"),
        (GET_ROLE, "aws:ResourceAccount", ACCOUNT),
        (GET_ROLE, "aws:PrincipalTag/team", "blue"),
        (GET_ROLE, "aws:PrincipalAccount", ACCOUNT),
        (GET_ROLE, "aws:PrincipalArn", TEAM),
        (TAG_ROLE, "aws:RequestTag/stage", "test"),
        (TAG_ROLE, "aws:TagKeys", "stage"),
        (CREATE_ROLE, "aws:RequestTag/stage", "test"),
        (CREATE_ROLE, "aws:TagKeys", "stage"),
        (UNTAG_ROLE, "aws:TagKeys", "stage"),
        (CREATE_PROVIDER, "aws:RequestTag/stage", "test"),
        (CREATE_PROVIDER, "aws:TagKeys", "stage"),
    ] {
        let (right, wrong) = is(key, right, "no such value");
        all.push((call, right, wrong));
    }
    all
}

#[tokio::test]
async fn a_deny_on_each_known_key_denies() {
    let world = World::new().await;
    team(&world, &[("team", "blue")], &json!({})).await;
    let mut failures = Vec::new();
    for (call, right, wrong) in known() {
        for (condition, expected) in [(right, true), (wrong, false)] {
            let deny = json!({ "Effect": "Deny", "Action": "iam:*", "Resource": "*", "Condition": condition });
            let policy = document(&json!([everything(), deny]));
            let parameters = [
                ("RoleName", "Team"),
                ("PolicyName", "p"),
                ("PolicyDocument", &*policy),
            ];
            let answer = world.iam("PutRolePolicy", &parameters).await;
            assert_eq!(answer.status, 200, "{condition}: {}", answer.text);
            let session = assumed(&assume(&world, &Credentials::root(), &[]).await);
            if is_denied(&world, &session, call).await != expected {
                failures.push(format!("{condition}: denied is not {expected}"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test]
async fn requested_values_never_become_the_caller_s() {
    let world = World::new().await;
    let condition = json!({ "StringEquals": { "aws:PrincipalTag/team": "admins" } });
    team(&world, &[], &condition).await;
    let plain = key(&world, "plain", &json!([everything()])).await;
    for name in [
        "team",
        "TEAM",
        "aws:PrincipalTag/team",
        "x/aws:PrincipalTag/team",
    ] {
        let tags = [
            ("Tags.member.1.Key", name),
            ("Tags.member.1.Value", "admins"),
        ];
        let answer = assume(&world, &plain, &tags).await;
        assert_ne!(answer.status, 200, "{name}: {}", answer.text);
    }
    let tagged = json!({ "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "*",
        "Condition": { "StringEquals": { "aws:RequestTag/team": "admins" } } });
    let trust = trust(&json!({ "StringEquals": { "aws:RequestTag/team": "admins" } }));
    let parameters = [("RoleName", "Team"), ("PolicyDocument", &*trust)];
    let answer = world.iam("UpdateAssumeRolePolicy", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let asker = key(&world, "asker", &json!([tagged])).await;
    let tags = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "admins"),
    ];
    let answer = assume(&world, &asker, &tags).await;
    assert_eq!(
        answer.status, 200,
        "a condition on the request: {}",
        answer.text
    );
}

#[tokio::test]
async fn a_trust_policy_sees_the_connection_and_the_request() {
    let world = World::new().await;
    team(&world, &[("team", "blue")], &json!({})).await;
    let mut failures = Vec::new();
    for (condition, expected) in [
        (
            json!({ "IpAddress": { "aws:SourceIp": "127.0.0.1" } }),
            true,
        ),
        (
            json!({ "NotIpAddress": { "aws:SourceIp": "127.0.0.1" } }),
            false,
        ),
        (json!({ "Bool": { "aws:SecureTransport": "true" } }), false),
        (json!({ "Bool": { "aws:SecureTransport": "false" } }), true),
        (
            json!({ "NumericLessThanEquals": { "sts:DurationSeconds": 900 } }),
            true,
        ),
        (
            json!({ "NumericGreaterThan": { "sts:DurationSeconds": 900 } }),
            false,
        ),
        (
            json!({ "StringEquals": { "aws:ResourceTag/team": "blue" } }),
            true,
        ),
        (
            json!({ "StringNotEquals": { "iam:ResourceTag/team": "blue" } }),
            false,
        ),
        (json!({ "StringEquals": { "aws:userid": ACCOUNT } }), true),
        (
            json!({ "StringEquals": { "aws:PrincipalType": "Account" } }),
            true,
        ),
        (
            json!({ "StringNotEquals": { "aws:userid": ACCOUNT } }),
            false,
        ),
    ] {
        let trust = trust(&condition);
        let parameters = [("RoleName", "Team"), ("PolicyDocument", &*trust)];
        let answer = world.iam("UpdateAssumeRolePolicy", &parameters).await;
        assert_eq!(answer.status, 200, "{condition}: {}", answer.text);
        let duration = [("DurationSeconds", "900")];
        let answer = assume(&world, &Credentials::root(), &duration).await;
        if (answer.status == 200) != expected {
            failures.push(format!("{condition}: allowed is not {expected}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
