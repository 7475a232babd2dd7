use serde_json::{Value, json};

use crate::world::{ACCOUNT, Answer, Credentials, World, assumed};

const ROLE: &str = "arn:aws:iam::123456789012:role/Reader";
const DENIED: &str = "Not authorized to perform sts:AssumeRole";

async fn role(world: &World, name: &str, principal: Value, action: Value, condition: Value) {
    let statement = json!({
        "Effect": "Allow", "Principal": { "AWS": principal }, "Action": action, "Condition": condition,
    });
    let trust = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let parameters = [("RoleName", name), ("AssumeRolePolicyDocument", &*trust)];
    let answer = world.iam("CreateRole", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn put(world: &World, name: &str, statement: Value) {
    let policy = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let parameters = [
        ("RoleName", name),
        ("PolicyName", "p"),
        ("PolicyDocument", &*policy),
    ];
    assert_eq!(world.iam("PutRolePolicy", &parameters).await.status, 200);
}

async fn key(world: &World, name: &str, statement: Value) -> Credentials {
    let policy = json!({ "Version": "2012-10-17", "Statement": statement });
    let input = json!({ "Name": name, "Policy": policy.to_string() });
    Credentials::of(&world.admin("Cognate.CreateAccessKey", input).await.ok())
}

async fn assume(world: &World, who: &Credentials, role: &str, more: &[(&str, &str)]) -> Answer {
    let mut all = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", "me"),
    ];
    all.extend(more);
    world.signed_query(who, "sts", &all).await
}

fn may_assume() -> Value {
    json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE })
}

#[tokio::test]
async fn it_takes_a_policy_that_allows_it_and_a_role_that_trusts() {
    let world = World::new().await;
    let ci = key(&world, "ci", may_assume()).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/ci");
    role(
        &world,
        "Reader",
        json!(arn),
        json!("sts:AssumeRole"),
        json!({}),
    )
    .await;
    let list = json!({ "Effect": "Allow", "Action": "cognito-identity:List*", "Resource": "*" });
    put(&world, "Reader", list).await;
    let answer = assume(&world, &ci, ROLE, &[("DurationSeconds", "900")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.xml("Expiration").as_deref(),
        Some("2026-03-01T12:15:00Z")
    );
    assert_eq!(
        answer.xml("Arn"),
        Some(format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/me"))
    );
    let session = assumed(&answer);
    let input = json!({ "MaxResults": 1 });
    world
        .signed(&session, "ListIdentityPools", input.clone())
        .await
        .ok();
    assert_eq!(
        world.signed(&ci, "ListIdentityPools", input).await.status,
        400
    );

    let other = key(&world, "other", may_assume()).await;
    assume(&world, &other, ROLE, &[])
        .await
        .query_refused(403, "AccessDenied", DENIED);
    let may_not = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" });
    let poor = key(&world, "poor", may_not).await;
    let answer = assume(&world, &poor, ROLE, &[]).await;
    assert_eq!(answer.xml("Code").as_deref(), Some("AccessDenied"));
    for no_role in [
        "arn:aws:iam::123456789012:role/Nobody",
        "not an ARN, but a long text",
    ] {
        let root = Credentials::root();
        assume(&world, &root, no_role, &[])
            .await
            .query_refused(403, "AccessDenied", DENIED);
    }
}

#[tokio::test]
async fn a_role_may_ask_for_an_external_id() {
    let world = World::new().await;
    let condition = json!({ "StringEquals": { "sts:ExternalId": "42" } });
    role(
        &world,
        "Reader",
        json!(ACCOUNT),
        json!("sts:AssumeRole"),
        condition,
    )
    .await;
    let root = Credentials::root();
    assert_eq!(
        assume(&world, &root, ROLE, &[("ExternalId", "42")])
            .await
            .status,
        200
    );
    for other in [vec![], vec![("ExternalId", "43")]] {
        let answer = assume(&world, &root, ROLE, &other).await;
        answer.query_refused(403, "AccessDenied", DENIED);
    }
}

#[tokio::test]
async fn a_session_that_takes_another_role_keeps_its_bounds_and_an_hour() {
    let world = World::new().await;
    let both = json!(["sts:AssumeRole", "sts:TagSession"]);
    role(&world, "Reader", json!(ACCOUNT), both.clone(), json!({})).await;
    role(&world, "Second", json!(ACCOUNT), both, json!({})).await;
    let long = [("RoleName", "Second"), ("MaxSessionDuration", "43200")];
    assert_eq!(world.iam("UpdateRole", &long).await.status, 200);
    for name in ["Reader", "Second"] {
        put(
            &world,
            name,
            json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }),
        )
        .await;
    }
    let allow = json!({ "Effect": "Allow", "Action": "sts:*", "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": allow }).to_string();
    let tag = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
    ];
    let transitive = [
        ("Policy", policy.as_str()),
        ("TransitiveTagKeys.member.1", "team"),
    ];
    let narrow = [&transitive[..], &tag].concat();
    let first = assumed(&assume(&world, &Credentials::root(), ROLE, &narrow).await);
    let second = "arn:aws:iam::123456789012:role/Second";
    let answer = assume(&world, &first, second, &[("DurationSeconds", "3601")]).await;
    assert_eq!(answer.xml("Code").as_deref(), Some("ValidationError"));
    let other = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "red"),
    ];
    let answer = assume(&world, &first, second, &other).await;
    let text = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
                from the calling session.";
    answer.query_refused(400, "InvalidParameterValue", text);
    let chained = assumed(&assume(&world, &first, second, &[]).await);
    let list = json!({ "MaxResults": 1 });
    let (_, code, text) = world
        .signed(&chained, "ListIdentityPools", list)
        .await
        .error();
    assert_eq!(code, "AccessDeniedException");
    assert!(text.contains("because no session policy allows"), "{text}");
    assert_eq!(world.open_session(&chained).tags.get("team"), Some("blue"));
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let world = World::new().await;
    role(
        &world,
        "Reader",
        json!(ACCOUNT),
        json!("sts:AssumeRole"),
        json!({}),
    )
    .await;
    let root = Credentials::root();
    for more in [
        [
            ("SerialNumber", "arn:aws:iam::123456789012:mfa/ada"),
            ("TokenCode", "123456"),
        ],
        [("SourceIdentity", "ada"), ("ExternalId", "42")],
    ] {
        let answer = assume(&world, &root, ROLE, &more).await;
        assert_eq!(
            answer.xml("Code").as_deref(),
            Some("ValidationError"),
            "{more:?}"
        );
    }
    let unknown = [(
        "PolicyArns.member.1.arn",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
    )];
    let answer = assume(&world, &root, ROLE, &unknown).await;
    assert_eq!(
        answer.xml("Code").as_deref(),
        Some("MalformedPolicyDocument")
    );
    let tag = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
    ];
    assume(&world, &root, ROLE, &tag)
        .await
        .query_refused(403, "AccessDenied", DENIED);
}
