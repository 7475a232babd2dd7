//! The requests of programs that nobody changed for Cognate, with the parameters that they were seen to send.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, Answer, Credentials, Issuer, World, assumed};

const GITHUB: &str = "token.actions.githubusercontent.com";
const CLUSTER: &str = "kubernetes.example.com";
const DEPLOY: &str = "arn:aws:iam::123456789012:role/Deploy";
const CALLER: [(&str, &str); 2] = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];

/// An issuer with a public name, registered for the audience `sts.amazonaws.com`, and the role `Deploy` that trusts it where
/// `sub` is `subject`.
struct Scene {
    world: World,
    issuer: Issuer,
}

impl Scene {
    async fn new(name: &str, subject: &str) -> Self {
        let url = format!("https://{name}");
        let issuer = Issuer::named(&url).await;
        let host = name.split('/').next().unwrap();
        let upstream = format!("{host}={}", issuer.base());
        let world = World::with(|flags| flags.upstreams = vec![upstream]).await;
        let provider = [
            ("Url", url.as_str()),
            ("ClientIDList.member.1", "sts.amazonaws.com"),
        ];
        let arn = world.iam("CreateOpenIDConnectProvider", &provider).await;
        let arn = arn.xml("OpenIDConnectProviderArn").unwrap();
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": { "Federated": arn },
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": { "StringEquals": {
                    format!("{name}:aud"): "sts.amazonaws.com", format!("{name}:sub"): subject,
                } },
            }],
        });
        make_role(&world, "Deploy", &trust).await;
        Self { world, issuer }
    }

    fn token(&self, claims: &Value) -> String {
        let mut all = json!({
            "iss": self.issuer.url(), "aud": "sts.amazonaws.com", "iat": self.world.now(),
            "exp": self.world.now() + 300,
        });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        self.issuer.key.token(&all)
    }

    async fn assume(&self, session: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut all = vec![
            ("RoleArn", DEPLOY),
            ("RoleSessionName", session),
            ("WebIdentityToken", token),
        ];
        all.extend(more);
        self.world.sts("AssumeRoleWithWebIdentity", &all).await
    }

    /// The ARN of the caller, as the program asks for it afterwards.
    async fn caller(&self, answer: &Answer) -> String {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let session = assumed(answer);
        let caller = self.world.signed_query(&session, "sts", &CALLER).await;
        assert_eq!(
            caller.xml("Account").as_deref(),
            Some(ACCOUNT),
            "{}",
            caller.text
        );
        caller.xml("Arn").unwrap()
    }
}

async fn make_role(world: &World, name: &str, trust: &Value) {
    let trust = trust.to_string();
    let parameters = [("RoleName", name), ("AssumeRolePolicyDocument", &*trust)];
    let answer = world.iam("CreateRole", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// aws-actions/configure-aws-credentials 6.2 with `sts-endpoint`.
#[tokio::test]
async fn the_action_of_github() {
    let subject = "repo:example/app:ref:refs/heads/main";
    let scene = Scene::new(GITHUB, subject).await;
    let token = scene.token(&json!({ "sub": subject, "repository": "example/app" }));
    let hour = ("DurationSeconds", "3600");
    let answer = scene.assume("GitHubActions", &token, &[hour]).await;
    let expected = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/GitHubActions");
    assert_eq!(scene.caller(&answer).await, expected);
    // The inline session policy narrows the session.
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }],
    });
    let policy = policy.to_string();
    let answer = scene
        .assume("GitHubActions", &token, &[hour, ("Policy", &policy)])
        .await;
    scene.caller(&answer).await;
    assert_eq!(scene.world.open_session(&assumed(&answer)).bounds.len(), 1);
    // A managed policy that this server doesn't have is refused, and not ignored.
    let managed = (
        "PolicyArns.member.1.arn",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
    );
    let answer = scene
        .assume("GitHubActions", &token, &[hour, managed])
        .await;
    answer.query_refused(
        400,
        "MalformedPolicyDocument",
        "Policy ARN arn:aws:iam::aws:policy/ReadOnlyAccess is not valid",
    );
    // A role with a shorter maximum than the action's hour refuses it, in the words that the action shows.
    let answer = scene
        .assume("GitHubActions", &token, &[("DurationSeconds", "3601")])
        .await;
    answer.query_refused(
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    );
    let other = scene.token(&json!({ "sub": "repo:other/app:ref:refs/heads/main" }));
    let denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    // The action tries twelve times, whatever the error. All answers are the same, and the next job is not affected.
    for _ in 0..12 {
        let answer = scene.assume("GitHubActions", &other, &[hour]).await;
        answer.query_refused(403, "AccessDenied", denied);
    }
    let answer = scene.assume("GitHubActions", &token, &[hour]).await;
    assert_eq!(scene.caller(&answer).await, expected);
}

/// IAM roles for service accounts: boto3 and the SDK for JavaScript send the file of the token as it is.
#[tokio::test]
async fn a_service_account_of_kubernetes() {
    let subject = "system:serviceaccount:build:runner";
    let scene = Scene::new(CLUSTER, subject).await;
    let pod = json!({ "namespace": "build", "pod": { "name": "runner-1" } });
    let token = scene.token(&json!({ "sub": subject, "kubernetes.io": pod }));
    for session in [
        "botocore-session-1772366400",
        "aws-sdk-js-session-1772366400000",
    ] {
        for end in ["", "\n", "\r\n"] {
            let answer = scene.assume(session, &format!("{token}{end}"), &[]).await;
            let expected = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Deploy/{session}");
            assert_eq!(scene.caller(&answer).await, expected);
        }
    }
    for other in [
        format!("{token}\n\n"),
        format!("\n{token}"),
        format!("{token} "),
    ] {
        let answer = scene.assume("botocore-session-1", &other, &[]).await;
        assert_eq!(
            answer.xml("Code").as_deref(),
            Some("InvalidIdentityToken"),
            "{other:?}"
        );
    }
}

/// An access key that may assume `Catalog` and tag its sessions, as a catalog of tables has one.
async fn catalog(world: &World, external_id: Option<&str>) -> Credentials {
    let statement = json!({
        "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "*",
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": statement });
    let input = json!({ "Name": "catalog", "Policy": policy.to_string() });
    let key = Credentials::of(&world.admin("Cognate.CreateAccessKey", input).await.ok());
    let mut trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:user/catalog") },
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }],
    });
    if let Some(id) = external_id {
        trust["Statement"][0]["Condition"] = json!({ "StringEquals": { "sts:ExternalId": id } });
    }
    make_role(world, "Catalog", &trust).await;
    key
}

/// The policy of Polaris for one table with long names: more than 2,048 characters.
fn table_policy(statements: usize) -> String {
    let prefix = "warehouse/namespace_with_a_long_name/table_with_a_long_name/data";
    let of = |at: usize| {
        json!({
            "Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"],
            "Resource": format!("arn:aws:s3:::lake/{prefix}/{at}/*"),
        })
    };
    let mut all: Vec<Value> = (0..statements).map(of).collect();
    all.push(json!({
        "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::lake",
        "Condition": { "StringLike": { "s3:prefix": format!("{prefix}/*") } },
    }));
    json!({ "Version": "2012-10-17", "Statement": all }).to_string()
}

async fn assume_catalog(world: &World, key: &Credentials, more: &[(&str, &str)]) -> Answer {
    let mut all = vec![("Action", "AssumeRole"), ("Version", "2011-06-15")];
    all.extend(more);
    world.signed_query(key, "sts", &all).await
}

/// Apache Polaris, which tags its sessions and passes all tags on.
#[tokio::test]
async fn the_catalog_polaris() {
    let world = World::new().await;
    let key = catalog(&world, Some("polaris-1")).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Catalog");
    let policy = table_policy(1);
    let long = format!("polaris-{}", "p".repeat(56));
    for session in ["PolarisAwsCredentialsStorageIntegration", long.as_str()] {
        let request = [
            ("RoleArn", role.as_str()),
            ("RoleSessionName", session),
            ("Policy", policy.as_str()),
            ("DurationSeconds", "3600"),
            ("ExternalId", "polaris-1"),
            ("Tags.member.1.Key", "polaris:catalog"),
            ("Tags.member.1.Value", "lake"),
            ("Tags.member.2.Key", "polaris:principal"),
            ("Tags.member.2.Value", "ada"),
            ("TransitiveTagKeys.member.1", "polaris:catalog"),
            ("TransitiveTagKeys.member.2", "polaris:principal"),
        ];
        let answer = assume_catalog(&world, &key, &request).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let found = world.open_session(&assumed(&answer));
        assert_eq!(found.name, session);
        assert_eq!(found.bounds.len(), 1);
        assert_eq!(found.tags.iter().count(), 2);
        // Each of these alone is refused.
        let denied = "Not authorized to perform sts:AssumeRole";
        let without: Vec<_> = request
            .iter()
            .copied()
            .filter(|(name, _)| *name != "ExternalId")
            .collect();
        assume_catalog(&world, &key, &without)
            .await
            .query_refused(403, "AccessDenied", denied);
        let mut other = request;
        other[4].1 = "polaris-2";
        assume_catalog(&world, &key, &other)
            .await
            .query_refused(403, "AccessDenied", denied);
    }
    // A policy that doesn't fit is refused, and never cut.
    let (policy, session) = (table_policy(40), "PolarisAwsCredentialsStorageIntegration");
    let request = [
        ("RoleArn", role.as_str()),
        ("RoleSessionName", session),
        ("Policy", policy.as_str()),
        ("ExternalId", "polaris-1"),
    ];
    let answer = assume_catalog(&world, &key, &request).await;
    assert_ne!(answer.status, 200);
    // A principal without any grant gets a session that may do nothing.
    let nothing = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Deny", "Action": "*", "Resource": "*" }],
    });
    let nothing = nothing.to_string();
    let mut request = request;
    request[2].1 = &nothing;
    assert_eq!(assume_catalog(&world, &key, &request).await.status, 200);
}

/// Lakekeeper, which leaves the role out where its warehouse has none.
#[tokio::test]
async fn the_catalog_lakekeeper() {
    let world = World::new().await;
    let key = catalog(&world, None).await;
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Catalog");
    let policy = table_policy(1);
    let mut request = vec![
        ("RoleSessionName", "lakekeeper-sts"),
        ("Policy", policy.as_str()),
        ("DurationSeconds", "3600"),
    ];
    let answer = assume_catalog(&world, &key, &request).await;
    assert_eq!(
        (answer.status, answer.xml("Code").as_deref()),
        (400, Some("ValidationError"))
    );
    let text = answer.xml("Message").unwrap();
    assert!(
        text.contains("roleArn") && text.contains("must not be null"),
        "{text}"
    );
    assert!(text.contains("MinIO"), "it explains what to set: {text}");
    request.push(("RoleArn", &role));
    let answer = assume_catalog(&world, &key, &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
