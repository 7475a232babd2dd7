//! Condition keys in the policies of this server's own actions: each key that can be known has an effect, and none comes
//! from another part of the request than its owner.

use cognate::store::record::{PutOutcome, RecordKind, RecordWrite};
use http::HeaderValue;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Answer, Credentials, World, assumed, form, form_headers};

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

const CREATE_SAML: &Parameters = &[
    ("Action", "CreateSAMLProvider"),
    ("Name", "corp"),
    ("SAMLMetadataDocument", METADATA),
    ("Tags.member.1.Key", "stage"),
    ("Tags.member.1.Value", "test"),
];

/// No metadata, so that no provider is made, but as long as metadata must be.
const METADATA: &str = match std::str::from_utf8(&[b'x'; 1000]) {
    Ok(text) => text,
    Err(_) => "",
};

const TAG_PROVIDER: &Parameters = &[
    ("Action", "TagOpenIDConnectProvider"),
    (
        "OpenIDConnectProviderArn",
        "arn:aws:iam::123456789012:oidc-provider/none.example",
    ),
    ("Tags.member.1.Key", "stage"),
    ("Tags.member.1.Value", "test"),
];

const UNTAG_PROVIDER: &Parameters = &[
    ("Action", "UntagOpenIDConnectProvider"),
    (
        "OpenIDConnectProviderArn",
        "arn:aws:iam::123456789012:oidc-provider/none.example",
    ),
    ("TagKeys.member.1", "stage"),
];

const TAG_SAML: &Parameters = &[
    ("Action", "TagSAMLProvider"),
    (
        "SAMLProviderArn",
        "arn:aws:iam::123456789012:saml-provider/none",
    ),
    ("Tags.member.1.Key", "stage"),
    ("Tags.member.1.Value", "test"),
];

const UNTAG_SAML: &Parameters = &[
    ("Action", "UntagSAMLProvider"),
    (
        "SAMLProviderArn",
        "arn:aws:iam::123456789012:saml-provider/none",
    ),
    ("TagKeys.member.1", "stage"),
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
        (CREATE_SAML, "aws:RequestTag/stage", "test"),
        (TAG_PROVIDER, "aws:RequestTag/stage", "test"),
        (TAG_PROVIDER, "aws:TagKeys", "stage"),
        (UNTAG_PROVIDER, "aws:TagKeys", "stage"),
        (TAG_SAML, "aws:RequestTag/stage", "test"),
        (UNTAG_SAML, "aws:TagKeys", "stage"),
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

/// Conditions that would let something through, because this server never knows the key.
fn unknowable() -> Vec<(&'static str, Value)> {
    let mut all = Vec::new();
    for key in [
        "aws:SourceVpc",
        "aws:PrincipalOrgID",
        "aws:SourceIdentity",
        "aws:CalledVia",
        "sts:SourceIdentity",
    ] {
        all.push(("Deny", json!({ "StringEquals": { key: "x" } })));
        all.push(("Deny", json!({ "ForAnyValue:StringLike": { key: "x*" } })));
        all.push(("Deny", json!({ "Null": { key: "false" } })));
        all.push(("Allow", json!({ "StringNotEquals": { key: "x" } })));
        all.push(("Allow", json!({ "StringEqualsIfExists": { key: "x" } })));
        all.push((
            "Allow",
            json!({ "ForAllValues:StringEquals": { key: "x" } }),
        ));
    }
    all
}

#[tokio::test]
async fn a_condition_that_would_let_something_through_is_refused_wherever_it_is_written() {
    let world = World::new().await;
    team(&world, &[], &json!({})).await;
    let mut accepted = Vec::new();
    for (effect, condition) in unknowable() {
        let statement =
            json!({ "Effect": effect, "Action": "*", "Resource": "*", "Condition": condition });
        let policy = document(&json!([statement]));
        let trust = document(&json!({
            "Effect": effect, "Principal": { "AWS": ACCOUNT }, "Action": "sts:AssumeRole", "Condition": condition,
        }));
        let put = [
            ("RoleName", "Team"),
            ("PolicyName", "p"),
            ("PolicyDocument", &*policy),
        ];
        let update = [("RoleName", "Team"), ("PolicyDocument", &*trust)];
        let create = [("RoleName", "Other"), ("AssumeRolePolicyDocument", &*trust)];
        for (writer, answer) in [
            ("PutRolePolicy", world.iam("PutRolePolicy", &put).await),
            (
                "UpdateAssumeRolePolicy",
                world.iam("UpdateAssumeRolePolicy", &update).await,
            ),
            ("CreateRole", world.iam("CreateRole", &create).await),
            (
                "CreateAccessKey",
                create_key(&world, "other", &json!([statement])).await,
            ),
            (
                "AssumeRole",
                assume(&world, &Credentials::root(), &[("Policy", &policy)]).await,
            ),
        ] {
            let is_refused = answer
                .text
                .contains("This server never knows the condition key");
            if answer.status == 200 || !is_refused {
                accepted.push(format!("{writer}: {effect} {condition}: {}", answer.status));
            }
        }
    }
    assert!(accepted.is_empty(), "{accepted:#?}");
    for (effect, condition) in [
        (
            "Deny",
            json!({ "StringNotEquals": { "aws:SourceVpc": "x" } }),
        ),
        (
            "Deny",
            json!({ "BoolIfExists": { "aws:MultiFactorAuthPresent": "false" } }),
        ),
        (
            "Deny",
            json!({ "NotIpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
        ),
        (
            "Allow",
            json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } }),
        ),
        (
            "Allow",
            json!({ "StringEqualsIfExists": { "s3:prefix": "x" } }),
        ),
    ] {
        let statement =
            json!({ "Effect": effect, "Action": "*", "Resource": "*", "Condition": condition });
        let policy = document(&json!([statement]));
        let put = [
            ("RoleName", "Team"),
            ("PolicyName", "p"),
            ("PolicyDocument", &*policy),
        ];
        let answer = world.iam("PutRolePolicy", &put).await;
        assert_eq!(answer.status, 200, "{effect} {condition}: {}", answer.text);
    }
}

/// Changes what is stored about the role past the server, as an earlier version would have written it.
async fn rewrite(world: &World, from: &str, to: &str) {
    let found = world.store.record(RecordKind::Role, "team").await.unwrap();
    let found = found.expect("the role");
    let json = found.json.expect("a live record").replace(from, to);
    let write = RecordWrite {
        kind: RecordKind::Role,
        key: "team".to_owned(),
        scope: String::new(),
        expected: found.version,
        json: Some(json),
        limit: None,
    };
    let outcome = world.store.put(&[write], &world.origin()).await.unwrap();
    assert!(matches!(outcome, PutOutcome::Stored(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_stored_condition_on_an_unknown_key_allows_nothing_and_denies_everything() {
    let world = World::new().await;
    team(
        &world,
        &[],
        &json!({ "StringNotEquals": { "aws:Referer": "x" } }),
    )
    .await;
    let allow = json!({ "Effect": "Allow", "Action": "iam:GetRole", "Resource": "*",
        "Condition": { "StringNotEquals": { "aws:UserAgent": "no client" } } });
    let tag = json!({ "Effect": "Allow", "Action": "iam:TagRole", "Resource": "*" });
    let deny = json!({ "Effect": "Deny", "Action": "iam:TagRole", "Resource": "*",
        "Condition": { "StringEquals": { "aws:RequestTag/other": "x" } } });
    let policy = document(&json!([allow, tag, deny]));
    let put = [
        ("RoleName", "Team"),
        ("PolicyName", "p"),
        ("PolicyDocument", &*policy),
    ];
    let answer = world.iam("PutRolePolicy", &put).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let session = assumed(&assume(&world, &Credentials::root(), &[]).await);
    let call = async |world: &World, parameters: &Parameters| {
        let mut all = parameters.to_vec();
        all.push(("Version", "2010-05-08"));
        world.signed_query(&session, "iam", &all).await.status
    };
    assert_eq!(call(&world, GET_ROLE).await, 200);
    assert_eq!(call(&world, TAG_ROLE).await, 200);
    let none = world.admin("Cognate.CheckPolicies", json!({})).await.ok();
    assert_eq!(none, json!({ "Findings": [] }));

    rewrite(&world, "aws:UserAgent", "aws:SourceVpc").await;
    rewrite(&world, "aws:RequestTag/other", "aws:SourceVpce").await;
    let world = world.restart().await;
    assert_eq!(call(&world, GET_ROLE).await, 403);
    assert_eq!(call(&world, TAG_ROLE).await, 403);
    rewrite(&world, "aws:Referer", "aws:PrincipalOrgID").await;
    let world = world.restart().await;
    let answer = assume(&world, &Credentials::root(), &[]).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    let all = world.admin("Cognate.CheckPolicies", json!({})).await.ok();
    let finding = |policy: &str, statement: u32, key: &str, consequence: &str| json!({ "Policy": policy, "Statement": statement, "Key": key, "Consequence": consequence });
    let nothing = "the statement allows nothing";
    let everything = "the statement denies whatever its other elements cover";
    let expected = json!({ "Findings": [
        finding("the trust policy of role Team", 1, "aws:principalorgid", nothing),
        finding("policy p of role Team", 1, "aws:sourcevpc", nothing),
        finding("policy p of role Team", 3, "aws:sourcevpce", everything),
    ] });
    assert_eq!(all, expected);
}

/// Calls GetRole with further headers, and gives the status.
async fn get_role(world: &World, who: &Credentials, more: &[(&'static str, &str)]) -> u16 {
    let body = form(&[
        ("Action", "GetRole"),
        ("RoleName", "Team"),
        ("Version", "2010-05-08"),
    ]);
    let mut headers = world.sign(who, "iam", form_headers(), &body);
    for (name, value) in more {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    world.send("POST", "/", headers, body).await.status
}

fn allowed_if(condition: &Value) -> Value {
    json!([{ "Effect": "Allow", "Action": "iam:GetRole", "Resource": "*", "Condition": condition }])
}

#[tokio::test]
async fn only_a_trusted_proxy_names_the_client() {
    for (trusted, by_proxy) in [("[]", false), ("['127.0.0.0/8']", true)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cognate.toml");
        std::fs::write(&file, format!("trusted_proxies = {trusted}\n")).unwrap();
        let world = World::with(|flags| flags.config = Some(file)).await;
        team(&world, &[], &json!({})).await;
        let condition = json!({ "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } });
        let office = key(&world, "office", &allowed_if(&condition)).await;
        for (lines, expected) in [
            (vec![], false),
            (vec!["192.0.2.1"], by_proxy),
            (vec!["192.0.2.1, 203.0.113.9"], false),
            (vec!["192.0.2.1", "203.0.113.9"], false),
            (vec!["203.0.113.9, 192.0.2.1, 127.0.0.2"], by_proxy),
            (vec!["192.0.2.1, unknown"], false),
        ] {
            let headers: Vec<_> = lines
                .iter()
                .map(|line| ("x-forwarded-for", *line))
                .collect();
            let status = get_role(&world, &office, &headers).await;
            assert_eq!(status == 200, expected, "trusted {by_proxy}: {lines:?}");
        }
    }
}

#[tokio::test]
async fn conditions_see_the_headers_of_the_client() {
    let world = World::new().await;
    team(&world, &[], &json!({})).await;
    for (name, header, key_name) in [
        ("agent", "user-agent", "aws:UserAgent"),
        ("referer", "referer", "aws:Referer"),
    ] {
        let condition = json!({ "StringLike": { key_name: "tool/*" } });
        let tool = key(&world, name, &allowed_if(&condition)).await;
        assert_eq!(get_role(&world, &tool, &[(header, "tool/1.0")]).await, 200);
        assert_eq!(get_role(&world, &tool, &[(header, "other")]).await, 403);
        assert_eq!(get_role(&world, &tool, &[]).await, 403);
    }
}
