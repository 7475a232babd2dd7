//! SimulatePrincipalPolicy and Cognate's SimulatePolicy: which statement decides.

use serde_json::{Value, json};

use crate::world::{Answer, World};

const ARN: &str = "arn:aws:iam::123456789012:role/Reader";

const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Sid": "Read", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::open/*" },
    { "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::open/secret/*" },
    {
      "Sid": "Own", "Effect": "Allow", "Action": "s3:PutObject",
      "Resource": "arn:aws:s3:::open/${cognito-identity.amazonaws.com:sub}/*",
      "Condition": { "StringEquals": { "aws:PrincipalTag/team": "red" } }
    }
  ]
}"#;

/// A world with a role of this policy.
async fn with_role() -> World {
    let world = World::new().await;
    let statement = json!({ "Effect": "Allow", "Principal": { "AWS": "123456789012" }, "Action": "sts:AssumeRole" });
    let trust = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let role = [
        ("RoleName", "Reader"),
        ("AssumeRolePolicyDocument", trust.as_str()),
    ];
    assert_eq!(world.iam("CreateRole", &role).await.status, 200);
    let policy = [
        ("RoleName", "Reader"),
        ("PolicyName", "objects"),
        ("PolicyDocument", POLICY),
    ];
    assert_eq!(world.iam("PutRolePolicy", &policy).await.status, 200);
    world
}

async fn simulate(world: &World, more: &[(&str, &str)]) -> Answer {
    let mut parameters = vec![("PolicySourceArn", ARN)];
    parameters.extend(more);
    world.iam("SimulatePrincipalPolicy", &parameters).await
}

#[tokio::test]
async fn the_statement_that_decides_is_named_with_its_place() {
    let world = with_role().await;
    for (action, resource, decision, lines) in [
        (
            "s3:GetObject",
            "arn:aws:s3:::open/a",
            "allowed",
            Some(("4", "4")),
        ),
        (
            "s3:GetObject",
            "arn:aws:s3:::open/secret/a",
            "explicitDeny",
            Some(("5", "5")),
        ),
        (
            "s3:PutObject",
            "arn:aws:s3:::open/me/a",
            "allowed",
            Some(("6", "10")),
        ),
        (
            "s3:PutObject",
            "arn:aws:s3:::open/you/a",
            "implicitDeny",
            None,
        ),
        ("iam:GetRole", "*", "implicitDeny", None),
    ] {
        let answer = simulate(
            &world,
            &[
                ("ActionNames.member.1", action),
                ("ResourceArns.member.1", resource),
                (
                    "ContextEntries.member.1.ContextKeyName",
                    "cognito-identity.amazonaws.com:sub",
                ),
                ("ContextEntries.member.1.ContextKeyType", "string"),
                ("ContextEntries.member.1.ContextKeyValues.member.1", "me"),
                (
                    "ContextEntries.member.2.ContextKeyName",
                    "aws:PrincipalTag/team",
                ),
                ("ContextEntries.member.2.ContextKeyType", "string"),
                ("ContextEntries.member.2.ContextKeyValues.member.1", "red"),
            ],
        )
        .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            answer.xml("EvalDecision").as_deref(),
            Some(decision),
            "{action} {resource}"
        );
        assert_eq!(answer.xml("EvalResourceName").as_deref(), Some(resource));
        let line = |position: &str| {
            let (_, rest) = answer.text.split_once(&format!("<{position}>"))?;
            let (_, rest) = rest.split_once("<Line>")?;
            Some(rest.split_once('<')?.0.to_owned())
        };
        let found = line("StartPosition").zip(line("EndPosition"));
        let wanted = lines.map(|(start, end)| (start.to_owned(), end.to_owned()));
        assert_eq!(found, wanted, "{action} {resource}");
        if lines.is_some() {
            assert_eq!(answer.xml("SourcePolicyId").as_deref(), Some("objects"));
            assert_eq!(answer.xml("SourcePolicyType").as_deref(), Some("role"));
        }
    }
}

#[tokio::test]
async fn what_the_circumstances_lack_is_told() {
    let world = with_role().await;
    let answer = simulate(&world, &[("ActionNames.member.1", "s3:PutObject")]).await;
    let missing =
        "<MissingContextValues><member>aws:principaltag/team</member></MissingContextValues>";
    assert!(answer.text.contains(missing), "{}", answer.text);
}

#[tokio::test]
async fn a_boundary_narrows_and_says_so() {
    let world = with_role().await;
    let boundary = r#"{"Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}}"#;
    let answer = simulate(
        &world,
        &[
            ("ActionNames.member.1", "s3:GetObject"),
            ("ResourceArns.member.1", "arn:aws:s3:::open/a"),
            ("PermissionsBoundaryPolicyInputList.member.1", boundary),
        ],
    )
    .await;
    assert_eq!(answer.xml("EvalDecision").as_deref(), Some("implicitDeny"));
    assert_eq!(
        answer.xml("AllowedByPermissionsBoundary").as_deref(),
        Some("false")
    );
}

#[tokio::test]
async fn policies_of_the_request_count_beside_those_of_the_role() {
    let world = with_role().await;
    let deny = r#"{"Statement":[{"Effect":"Deny","Action":"s3:GetObject","Resource":"*"}]}"#;
    let more = [
        ("PolicyInputList.member.1", deny),
        ("ActionNames.member.1", "s3:GetObject"),
        ("ResourceArns.member.1", "arn:aws:s3:::open/a"),
    ];
    let answer = simulate(&world, &more).await;
    assert_eq!(
        answer.xml("EvalDecision").as_deref(),
        Some("explicitDeny"),
        "{}",
        answer.text
    );
    assert_eq!(
        answer.xml("SourcePolicyId").as_deref(),
        Some("PolicyInputList.1")
    );
}

#[tokio::test]
async fn results_come_in_pages() {
    let world = with_role().await;
    let names: Vec<String> = (1..=5)
        .map(|at| format!("ActionNames.member.{at}"))
        .collect();
    let actions = [
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
        "iam:GetRole",
        "iam:ListRoles",
    ];
    let mut seen = Vec::new();
    let mut marker = None::<String>;
    loop {
        let mut parameters: Vec<(&str, &str)> =
            names.iter().map(String::as_str).zip(actions).collect();
        parameters.push(("MaxItems", "2"));
        if let Some(marker) = &marker {
            parameters.push(("Marker", marker));
        }
        let answer = simulate(&world, &parameters).await;
        let parts = answer.text.split("<EvalActionName>").skip(1);
        seen.extend(parts.map(|part| part.split_once('<').unwrap().0.to_owned()));
        marker = answer.xml("Marker");
        assert_eq!(
            answer.xml("IsTruncated"),
            Some(marker.is_some().to_string())
        );
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen, actions);
}

#[tokio::test]
async fn what_can_not_be_simulated_is_refused() {
    let world = with_role().await;
    let action = ("ActionNames.member.1", "s3:GetObject");
    let user = "arn:aws:iam::123456789012:user/ada";
    for (source, more, status, code, text) in [
        (
            "arn:aws:iam::123456789012:role/Nobody",
            None,
            404,
            "NoSuchEntity",
            "The role with name Nobody cannot be found.".to_owned(),
        ),
        (
            user,
            None,
            400,
            "InvalidInput",
            format!("Invalid Entity Arn: {user} does not clearly define entity type and name."),
        ),
        (
            ARN,
            Some(("CallerArn", user)),
            400,
            "InvalidInput",
            "CallerArn is not available on this server: nothing would come of it.".to_owned(),
        ),
        (
            ARN,
            Some(("PolicyInputList.member.1", "{}")),
            400,
            "InvalidInput",
            "PolicyInputList.1: Missing required field Statement.".to_owned(),
        ),
    ] {
        let mut parameters = vec![("PolicySourceArn", source), action];
        parameters.extend(more);
        let answer = world.iam("SimulatePrincipalPolicy", &parameters).await;
        answer.query_refused(status, code, &text);
    }
}

async fn told(world: &World, input: Value) -> Value {
    let mut input = input;
    input["RoleName"] = json!("Reader");
    world.admin("Cognate.SimulatePolicy", input).await.ok()["Results"][0].clone()
}

#[tokio::test]
async fn a_session_policy_and_the_scope_down_of_guests_narrow_what_a_role_may() {
    let world = with_role().await;
    let asked = json!({ "Actions": ["s3:GetObject"], "Resources": ["arn:aws:s3:::open/a"] });
    let mut plain = told(&world, asked.clone()).await;
    plain["MissingKeys"] = json!([]);
    assert_eq!(
        plain,
        json!({
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::open/a", "Decision": "allowed",
            "Policy": "objects", "Statement": 1, "Sid": "Read", "MissingKeys": [],
        })
    );
    let mut narrowed = asked.clone();
    narrowed["SessionPolicy"] =
        json!(r#"{"Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}"#);
    let narrowed = told(&world, narrowed).await;
    assert_eq!(
        (&narrowed["Decision"], &narrowed["WithinBounds"]),
        (&json!("implicitDeny"), &json!(false))
    );
    let mut guest = asked;
    guest["Guest"] = json!(true);
    assert_eq!(
        told(&world, guest.clone()).await["Decision"],
        "allowed",
        "guests may use S3"
    );
    let policy = r#"{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;
    let more = [
        ("RoleName", "Reader"),
        ("PolicyName", "more"),
        ("PolicyDocument", policy),
    ];
    assert_eq!(world.iam("PutRolePolicy", &more).await.status, 200);
    guest["Actions"] = json!(["kms:CreateKey"]);
    guest["Resources"] = json!(["*"]);
    let refused = told(&world, guest).await;
    assert_eq!(
        (&refused["Decision"], &refused["WithinBounds"]),
        (&json!("implicitDeny"), &json!(false))
    );
    let nobody = json!({ "RoleName": "Nobody", "Actions": ["s3:GetObject"] });
    let answer = world.admin("Cognate.SimulatePolicy", nobody).await;
    answer.refused(
        "ResourceNotFoundException",
        "The role with name Nobody cannot be found.",
    );
}
