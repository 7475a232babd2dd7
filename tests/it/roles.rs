//! Roles of the built-in IAM: the actions that keep them, whom they let in, and what their sessions may do.

use serde_json::{Value, json};

use crate::world::{
    ACCOUNT, Answer, Credentials, GUEST_ROLE, Issuer, USER_ROLE, World, assumed, claims, login,
};

const READER: &str = "arn:aws:iam::123456789012:role/team/Reader";
const NOT_CONFIGURED: &str =
    "Invalid identity pool configuration. Check assigned IAM roles for this pool.";
const OWN: &str = "cognito-identity.amazonaws.com";

/// A trust policy for identities of a pool.
fn trust(pool: &str, amr: &str) -> String {
    let condition = json!({
        "StringEquals": { format!("{OWN}:aud"): pool },
        "ForAnyValue:StringLike": { format!("{OWN}:amr"): amr },
    });
    let principal = json!({ "Federated": OWN });
    trusting(&principal, "sts:AssumeRoleWithWebIdentity", &condition)
}

fn trusting(principal: &Value, action: &str, condition: &Value) -> String {
    let statement = json!({
        "Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition,
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

fn allowing(action: &str, resource: &str) -> String {
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

async fn create(world: &World, name: &str, trust: &str) -> Answer {
    let parameters = [("RoleName", name), ("AssumeRolePolicyDocument", trust)];
    world.iam("CreateRole", &parameters).await
}

async fn put(world: &World, role: &str, policy: &str) {
    let parameters = [
        ("RoleName", role),
        ("PolicyName", "p"),
        ("PolicyDocument", policy),
    ];
    done(&world.iam("PutRolePolicy", &parameters).await);
}

#[track_caller]
fn done(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn list_pools(world: &World, who: &Credentials) -> Answer {
    let input = json!({ "MaxResults": 1 });
    world.signed(who, "ListIdentityPools", input).await
}

#[tokio::test]
async fn a_length_of_signin_sessions_is_refused() {
    let world = World::new().await;
    let text =
        "MaxSigninSessionDuration is not available on this server: nothing would come of it.";
    let parameters = [("RoleName", "Reader"), ("MaxSigninSessionDuration", "3600")];
    let answer = world.iam("UpdateRole", &parameters).await;
    answer.query_refused(400, "InvalidInput", text);
}

#[tokio::test]
async fn a_role_shows_what_it_was_given() {
    let world = World::new().await;
    let trust = trust(
        "eu-west-1:00000000-0000-4000-8000-000000000001",
        "authenticated",
    );
    let answer = world
        .iam(
            "CreateRole",
            &[
                ("Path", "/team/"),
                ("RoleName", "Reader"),
                ("AssumeRolePolicyDocument", &trust),
                ("Description", "reads"),
                ("MaxSessionDuration", "7200"),
                ("Tags.member.1.Key", "team"),
                ("Tags.member.1.Value", "blue"),
            ],
        )
        .await;
    done(&answer);
    for shown in [
        answer,
        world.iam("GetRole", &[("RoleName", "READER")]).await,
    ] {
        let xml = |name| shown.xml(name).unwrap();
        assert_eq!(
            (xml("Arn").as_str(), xml("Path").as_str()),
            (READER, "/team/")
        );
        assert_eq!(
            (xml("RoleName").as_str(), xml("Description").as_str()),
            ("Reader", "reads")
        );
        assert_eq!(xml("MaxSessionDuration"), "7200");
        assert_eq!(
            xml("Tags"),
            "<member><Key>team</Key><Value>blue</Value></member>"
        );
        assert!(xml("RoleId").starts_with("AROA"));
        let document = percent_encoding::percent_decode_str(&xml("AssumeRolePolicyDocument"))
            .decode_utf8()
            .unwrap()
            .into_owned();
        assert_eq!(document, trust);
    }
    done(
        &world
            .iam(
                "UpdateRole",
                &[("RoleName", "Reader"), ("MaxSessionDuration", "3600")],
            )
            .await,
    );
    let shown = world.iam("GetRole", &[("RoleName", "Reader")]).await;
    assert_eq!(shown.xml("MaxSessionDuration").unwrap(), "3600");
    assert_eq!(shown.xml("Description").unwrap(), "reads");
}

#[tokio::test]
async fn a_role_has_policies_and_tags_until_they_are_taken() {
    let world = World::new().await;
    let trust = trust(
        "eu-west-1:00000000-0000-4000-8000-000000000001",
        "authenticated",
    );
    done(&create(&world, "Reader", &trust).await);
    let team = [
        ("RoleName", "Reader"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
    ];
    done(&world.iam("TagRole", &team).await);
    put(&world, "Reader", &allowing("s3:*", "*")).await;
    let policy = world
        .iam(
            "GetRolePolicy",
            &[("RoleName", "Reader"), ("PolicyName", "p")],
        )
        .await;
    assert!(policy.xml("PolicyDocument").unwrap().starts_with("%7B"));
    let names = world
        .iam("ListRolePolicies", &[("RoleName", "Reader")])
        .await;
    assert_eq!(names.xml("PolicyNames").unwrap(), "<member>p</member>");
    world
        .iam("DeleteRole", &[("RoleName", "Reader")])
        .await
        .query_refused(
            409,
            "DeleteConflict",
            "Cannot delete entity, must delete policies first.",
        );
    let tags = [
        ("RoleName", "Reader"),
        ("Tags.member.1.Key", "a"),
        ("Tags.member.1.Value", "1"),
    ];
    done(&world.iam("TagRole", &tags).await);
    done(
        &world
            .iam(
                "UntagRole",
                &[("RoleName", "Reader"), ("TagKeys.member.1", "team")],
            )
            .await,
    );
    let tags = world.iam("ListRoleTags", &[("RoleName", "Reader")]).await;
    assert_eq!(
        tags.xml("Tags").unwrap(),
        "<member><Key>a</Key><Value>1</Value></member>"
    );
    for (list, element) in [
        ("ListAttachedRolePolicies", "AttachedPolicies"),
        ("ListInstanceProfilesForRole", "InstanceProfiles"),
    ] {
        let answer = world.iam(list, &[("RoleName", "Reader")]).await;
        done(&answer);
        assert!(
            !answer.text.contains("<member>"),
            "{element}: {}",
            answer.text
        );
    }
    done(
        &world
            .iam(
                "DeleteRolePolicy",
                &[("RoleName", "Reader"), ("PolicyName", "p")],
            )
            .await,
    );
    done(&world.iam("DeleteRole", &[("RoleName", "Reader")]).await);
    world
        .iam("GetRole", &[("RoleName", "Reader")])
        .await
        .query_refused(
            404,
            "NoSuchEntity",
            "The role with name Reader cannot be found.",
        );
}

#[tokio::test]
async fn roles_are_listed_in_pages_under_their_path() {
    let world = World::new().await;
    let trust = trust(
        "eu-west-1:00000000-0000-4000-8000-000000000001",
        "authenticated",
    );
    for (path, name) in [("/", "c"), ("/team/", "B"), ("/team/", "a"), ("/", "d")] {
        let parameters = [
            ("Path", path),
            ("RoleName", name),
            ("AssumeRolePolicyDocument", &trust),
        ];
        done(&world.iam("CreateRole", &parameters).await);
    }
    let names = |answer: &Answer| {
        let parts = answer.text.split("<RoleName>").skip(1);
        parts
            .map(|part| part.split('<').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let first = world.iam("ListRoles", &[("MaxItems", "3")]).await;
    assert_eq!(names(&first), ["a", "B", "c"]);
    assert_eq!(first.xml("IsTruncated").unwrap(), "true");
    let marker = first.xml("Marker").unwrap();
    let rest = world
        .iam("ListRoles", &[("MaxItems", "3"), ("Marker", &marker)])
        .await;
    assert_eq!(names(&rest), ["d"]);
    assert_eq!(
        (rest.xml("IsTruncated").as_deref(), rest.xml("Marker")),
        (Some("false"), None)
    );
    let team = world.iam("ListRoles", &[("PathPrefix", "/team/")]).await;
    assert_eq!(names(&team), ["a", "B"]);
}

#[tokio::test]
async fn a_policy_is_read_when_it_is_written() {
    let world = World::new().await;
    let pool = "eu-west-1:00000000-0000-4000-8000-000000000001";
    let open = trusting(
        &json!({ "Federated": OWN }),
        "sts:AssumeRoleWithWebIdentity",
        &json!({}),
    );
    let unpinned = create(&world, "Open", &open).await;
    assert_eq!(
        unpinned.xml("Code").as_deref(),
        Some("MalformedPolicyDocument")
    );
    assert!(
        unpinned.text.contains("cognito-identity.amazonaws.com:aud"),
        "{}",
        unpinned.text
    );
    for broken in ["{", "{}", r#"{"Statement":[]}"#, &allowing("s3:*", "*")] {
        let answer = create(&world, "Broken", broken).await;
        assert_eq!(
            answer.xml("Code").as_deref(),
            Some("MalformedPolicyDocument"),
            "{broken}"
        );
    }
    done(&create(&world, "Reader", &trust(pool, "authenticated")).await);
    create(&world, "READER", &trust(pool, "authenticated"))
        .await
        .query_refused(
            409,
            "EntityAlreadyExists",
            "Role with name READER already exists.",
        );
    for (action, name, document) in [
        ("UpdateAssumeRolePolicy", None, open.as_str()),
        (
            "PutRolePolicy",
            Some("p"),
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow"}}"#,
        ),
    ] {
        let mut parameters = vec![("RoleName", "Reader"), ("PolicyDocument", document)];
        parameters.extend(name.map(|name| ("PolicyName", name)));
        let answer = world.iam(action, &parameters).await;
        assert_eq!(
            answer.xml("Code").as_deref(),
            Some("MalformedPolicyDocument"),
            "{action}"
        );
    }
    let long = allowing("s3:*", &format!("arn:aws:s3:::{}", "x".repeat(10_240)));
    let parameters = [
        ("RoleName", "Reader"),
        ("PolicyName", "p"),
        ("PolicyDocument", &*long),
    ];
    let answer = world.iam("PutRolePolicy", &parameters).await;
    assert_eq!(answer.xml("Code").as_deref(), Some("LimitExceeded"));
}

#[tokio::test]
async fn a_known_role_is_held_to_its_trust_policy() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let (pool, other) = (world.pool_of(&issuer).await, world.pool(json!({})).await);
    let guest = world.identity(&pool, json!({})).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    done(&create(&world, "User", &trust(&pool, "authenticated")).await);
    done(&create(&world, "Guest", &trust(&other, "unauthenticated")).await);
    world.credentials(&ada, logins.clone()).await.ok();
    world
        .credentials(&guest, json!({}))
        .await
        .refused("InvalidIdentityPoolConfigurationException", NOT_CONFIGURED);
    let token = world.get_token(&guest, json!({})).await.ok();
    let token = token["Token"].as_str().unwrap().to_owned();
    let denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    world
        .assume(GUEST_ROLE, &token)
        .await
        .query_refused(403, "AccessDenied", denied);
    let parameters = [
        ("RoleName", "Guest"),
        ("PolicyDocument", &*trust(&pool, "unauthenticated")),
    ];
    done(&world.iam("UpdateAssumeRolePolicy", &parameters).await);
    world.credentials(&guest, json!({})).await.ok();
    done(&world.assume(GUEST_ROLE, &token).await);
    // A role that nobody's pool names, but that trusts the identity.
    done(&create(&world, "Free", &trust(&pool, "unauth*")).await);
    done(
        &world
            .assume("arn:aws:iam::123456789012:role/Free", &token)
            .await,
    );
    let path = "arn:aws:iam::123456789012:role/team/Free";
    world
        .assume(path, &token)
        .await
        .query_refused(403, "AccessDenied", denied);
}

#[tokio::test]
async fn tags_need_a_role_that_lets_them_pass() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", issuer.name());
    let map = json!({
        "IdentityPoolId": pool, "IdentityProviderName": arn, "PrincipalTags": { "who": "sub" },
    });
    world.admin("SetPrincipalTagAttributeMap", map).await.ok();
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    done(&create(&world, "User", &trust(&pool, "authenticated")).await);
    world
        .credentials(&ada, logins.clone())
        .await
        .refused("InvalidIdentityPoolConfigurationException", NOT_CONFIGURED);
    let both = trust(&pool, "authenticated").replace(
        "\"sts:AssumeRoleWithWebIdentity\"",
        "[\"sts:AssumeRoleWithWebIdentity\",\"sts:TagSession\"]",
    );
    let parameters = [("RoleName", "User"), ("PolicyDocument", &*both)];
    done(&world.iam("UpdateAssumeRolePolicy", &parameters).await);
    world.credentials(&ada, logins).await.ok();
}

#[tokio::test]
async fn a_session_may_do_what_its_role_says_as_far_as_nothing_narrows_it() {
    let (world, issuer) = (
        World::with_administering_users(|_| {}).await,
        Issuer::new().await,
    );
    let pool = world.pool_of(&issuer).await;
    let logins = login(&issuer, &issuer.token("ada"));
    let ada = world.identity(&pool, logins.clone()).await;
    done(&create(&world, "User", &trust(&pool, "authenticated")).await);
    put(&world, "User", &allowing("*", "*")).await;
    let credentials = world.credentials(&ada, logins.clone()).await.ok();
    let who = Credentials::of(&credentials["Credentials"]);
    list_pools(&world, &who).await.ok();
    // But never what administrates this server, whatever its role says.
    for (operation, action) in [
        ("Cognate.ListAccessKeys", "cognate:ListAccessKeys"),
        ("Cognate.RotateMasterKey", "cognate:RotateMasterKey"),
        ("Cognate.RotateRootKey", "cognate:RotateRootKey"),
    ] {
        let answer = world.signed(&who, operation, json!({})).await;
        let text = format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/User/CognitoIdentityCredentials is not authorized to perform: \
             {action} on resource: * because no identity-based policy allows the {action} action"
        );
        answer.refused("AccessDeniedException", &text);
    }
    let roles = [("Action", "ListRoles"), ("Version", "2010-05-08")];
    assert_eq!(world.signed_query(&who, "iam", &roles).await.status, 403);

    // A session policy narrows, and a role that is gone, or another one of its name, permits nothing.
    let token = world.get_token(&ada, logins.clone()).await.ok()["Token"].clone();
    let assume = async |policy: &str| {
        let parameters = [
            ("RoleArn", USER_ROLE),
            ("RoleSessionName", "me"),
            ("WebIdentityToken", token.as_str().unwrap()),
            ("Policy", policy),
        ];
        assumed(&world.sts("AssumeRoleWithWebIdentity", &parameters).await)
    };
    list_pools(
        &world,
        &assume(&allowing("cognito-identity:List*", "*")).await,
    )
    .await
    .ok();
    let narrow = assume(&allowing("s3:*", "*")).await;
    let action = "cognito-identity:ListIdentityPools";
    let text = format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/User/me is not authorized to perform: {action} on resource: \
         arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:identitypool/ because no session policy allows the {action} action"
    );
    list_pools(&world, &narrow)
        .await
        .refused("AccessDeniedException", &text);
    done(
        &world
            .iam(
                "DeleteRolePolicy",
                &[("RoleName", "User"), ("PolicyName", "p")],
            )
            .await,
    );
    done(&world.iam("DeleteRole", &[("RoleName", "User")]).await);
    assert_eq!(list_pools(&world, &who).await.status, 400);
    done(&create(&world, "User", &trust(&pool, "authenticated")).await);
    put(&world, "User", &allowing("*", "*")).await;
    assert_eq!(list_pools(&world, &who).await.status, 400);
    let again = world.credentials(&ada, logins).await.ok();
    list_pools(&world, &Credentials::of(&again["Credentials"]))
        .await
        .ok();
}

#[tokio::test]
async fn policies_know_whose_session_it_is() {
    let (world, issuer) = (
        World::with_administering_users(|_| {}).await,
        Issuer::new().await,
    );
    let pool = world.pool_of(&issuer).await;
    done(&create(&world, "User", &trust(&pool, "authenticated")).await);
    let statement = json!({
        "Effect": "Allow", "Action": "cognito-identity:ListIdentityPools", "Resource": "*",
        "Condition": {
            "StringEquals": { format!("{OWN}:aud"): pool },
            "ForAnyValue:StringLike": { format!("{OWN}:amr"): "*:OIDC:ada" },
        },
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    put(&world, "User", &policy).await;
    for (user, status) in [("ada", 200), ("bob", 400)] {
        let logins = login(&issuer, &issuer.token(user));
        let identity = world.identity(&pool, logins.clone()).await;
        let answer = world.credentials(&identity, logins).await.ok();
        let who = Credentials::of(&answer["Credentials"]);
        assert_eq!(list_pools(&world, &who).await.status, status, "{user}");
    }
}

#[tokio::test]
async fn a_guest_of_the_enhanced_flow_does_no_more_than_guests_may() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let guest = world.identity(&pool, json!({})).await;
    done(&create(&world, "Guest", &trust(&pool, "unauthenticated")).await);
    put(&world, "Guest", &allowing("*", "*")).await;
    let other = trusting(&json!({ "AWS": ACCOUNT }), "sts:AssumeRole", &json!({}));
    done(&create(&world, "Other", &other).await);
    let credentials = world.credentials(&guest, json!({})).await.ok();
    let who = Credentials::of(&credentials["Credentials"]);
    assert_eq!(list_pools(&world, &who).await.status, 400);
    let parameters = [
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::123456789012:role/Other"),
        ("RoleSessionName", "me"),
    ];
    let answer = world.signed_query(&who, "sts", &parameters).await;
    assert_eq!(answer.xml("Code").as_deref(), Some("AccessDenied"));
    assert!(
        answer
            .text
            .contains("because no session policy allows the sts:AssumeRole action")
    );
}

#[tokio::test]
async fn a_token_may_name_a_role_that_trusts_it() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let pool = world.pool_of(&issuer).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", issuer.name());
    let roles = json!({
        "IdentityPoolId": pool, "Roles": { "authenticated": USER_ROLE },
        "RoleMappings": { arn: { "Type": "Token", "AmbiguousRoleResolution": "Deny" } },
    });
    world.admin("SetIdentityPoolRoles", roles).await.ok();
    let mut said = claims(issuer.url(), "ada");
    let role = "arn:aws:iam::123456789012:role/Writer";
    said["cognito:preferred_role"] = json!(role);
    said["cognito:roles"] = json!([role]);
    let logins = login(&issuer, &issuer.key.token(&said));
    let ada = world.identity(&pool, logins.clone()).await;
    world
        .credentials(&ada, logins.clone())
        .await
        .refused("InvalidIdentityPoolConfigurationException", NOT_CONFIGURED);
    done(&create(&world, "Writer", &trust(&pool, "authenticated")).await);
    let answer = world.credentials(&ada, logins).await.ok();
    let who = Credentials::of(&answer["Credentials"]);
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let arn = world
        .signed_query(&who, "sts", &caller)
        .await
        .xml("Arn")
        .unwrap();
    assert!(
        arn.ends_with(":assumed-role/Writer/CognitoIdentityCredentials"),
        "{arn}"
    );
}

#[tokio::test]
async fn a_job_takes_a_role_with_the_token_of_its_own_issuer() {
    let (world, issuer) = (World::new().await, Issuer::new().await);
    let provider = world.register(&issuer, &["app"]).await;
    let name = issuer.name();
    let condition = json!({ "StringLike": { format!("{name}:sub"): "repo:octo/*" } });
    let principal = json!({ "Federated": provider });
    let policy = trusting(&principal, "sts:AssumeRoleWithWebIdentity", &condition);
    done(&create(&world, "Deploy", &policy).await);
    put(
        &world,
        "Deploy",
        &allowing("cognito-identity:ListIdentityPools", "*"),
    )
    .await;
    let role = "arn:aws:iam::123456789012:role/Deploy";
    let answer = world.assume(role, &issuer.token("repo:octo/app")).await;
    done(&answer);
    assert_eq!(answer.xml("Provider"), Some(provider));
    assert_eq!(answer.xml("Audience").as_deref(), Some("app"));
    assert_eq!(
        answer.xml("SubjectFromWebIdentityToken").as_deref(),
        Some("repo:octo/app")
    );
    list_pools(&world, &assumed(&answer)).await.ok();
    let denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    for (role, subject) in [(role, "repo:evil/app"), (USER_ROLE, "repo:octo/app")] {
        let answer = world.assume(role, &issuer.token(subject)).await;
        answer.query_refused(403, "AccessDenied", denied);
    }
    let mut tagged = claims(issuer.url(), "repo:octo/app");
    tagged["https://aws.amazon.com/tags"] = json!({ "principal_tags": { "team": ["a", "b"] } });
    let answer = world.assume(role, &issuer.key.token(&tagged)).await;
    answer.query_refused(
        400,
        "InvalidIdentityToken",
        "The tags in the identity token are not valid",
    );
    tagged["https://aws.amazon.com/tags"] = json!({ "principal_tags": { "team": ["a"] } });
    let answer = world.assume(role, &issuer.key.token(&tagged)).await;
    answer.query_refused(403, "AccessDenied", denied);
}
