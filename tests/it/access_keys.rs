//! Access keys beside the root key: what each may do, and who may make them.

use cognate::operations::{ALL, Service};
use serde_json::{Value, json};

use crate::constraints::requests::request;
use crate::constraints::sending::written;

use crate::world::{ACCOUNT, Answer, Credentials, GUEST_ROLE, USER_ROLE, World};

/// A key whose policy has this one statement, or these.
async fn key(world: &World, name: &str, statement: Value) -> Credentials {
    let policy = json!({ "Version": "2012-10-17", "Statement": statement });
    let input = json!({ "Name": name, "Policy": policy.to_string() });
    let answer = world.admin("Cognate.CreateAccessKey", input).await.ok();
    Credentials::of(&answer)
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
}

fn pool_arn(pool: &str) -> String {
    format!("arn:aws:cognito-identity:eu-west-1:{ACCOUNT}:identitypool/{pool}")
}

#[track_caller]
fn denied(answer: &Answer, name: &str, action: &str, resource: &str) {
    let text = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/{name} is not authorized to perform: {action} on \
         resource: {resource} because no identity-based policy allows the {action} action"
    );
    answer.refused("AccessDeniedException", &text);
}

#[tokio::test]
async fn a_key_may_do_what_its_policy_says_and_nothing_else() {
    let world = World::new().await;
    let (one, two) = (world.pool(json!({})).await, world.pool(json!({})).await);
    let reader = allow(&["cognito-identity:Describe*"], &pool_arn(&one));
    let ci = key(&world, "ci", reader).await;
    let describe = async |pool: &str| {
        world
            .signed(
                &ci,
                "DescribeIdentityPool",
                json!({ "IdentityPoolId": pool }),
            )
            .await
    };
    describe(&one).await.ok();
    let action = "cognito-identity:DescribeIdentityPool";
    denied(&describe(&two).await, "ci", action, &pool_arn(&two));
    let answer = world
        .signed(&ci, "DeleteIdentityPool", json!({ "IdentityPoolId": one }))
        .await;
    denied(
        &answer,
        "ci",
        "cognito-identity:DeleteIdentityPool",
        &pool_arn(&one),
    );
    let answer = world
        .signed(&ci, "ListIdentityPools", json!({ "MaxResults": 1 }))
        .await;
    denied(
        &answer,
        "ci",
        "cognito-identity:ListIdentityPools",
        &pool_arn(""),
    );
    let answer = world.signed(&ci, "Cognate.ListAccessKeys", json!({})).await;
    denied(&answer, "ci", "cognate:ListAccessKeys", "*");
    let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let who = world.signed_query(&ci, "sts", &caller).await;
    assert_eq!(
        who.xml("Arn"),
        Some(format!("arn:aws:iam::{ACCOUNT}:user/ci"))
    );
}

#[tokio::test]
async fn an_explicit_deny_says_so() {
    let world = World::new().await;
    let pool = world.pool(json!({})).await;
    let statements = json!([
        allow(&["*"], "*"),
        { "Effect": "Deny", "Action": "cognito-identity:DeleteIdentityPool", "Resource": "*" },
    ]);
    let ci = key(&world, "ci", statements).await;
    let of_pool = json!({ "IdentityPoolId": pool });
    world
        .signed(&ci, "DescribeIdentityPool", of_pool.clone())
        .await
        .ok();
    let text = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/ci is not authorized to perform: \
         cognito-identity:DeleteIdentityPool on resource: {} with an explicit deny in an \
         identity-based policy",
        pool_arn(&pool)
    );
    let answer = world.signed(&ci, "DeleteIdentityPool", of_pool).await;
    answer.refused("AccessDeniedException", &text);
}

#[tokio::test]
async fn a_role_is_named_only_by_whoever_may_pass_it() {
    let world = World::new().await;
    let pool = world
        .pool(json!({ "SupportedLoginProviders": { "accounts.google.com": "x" } }))
        .await;
    let statements = json!([
        allow(&["cognito-identity:*"], "*"),
        {
            "Effect": "Allow", "Action": "iam:PassRole", "Resource": GUEST_ROLE,
            "Condition": { "StringEquals": { "iam:PassedToService": "cognito-identity.amazonaws.com" } },
        },
    ]);
    let ci = key(&world, "ci", statements).await;
    let set = async |roles: Value, mappings: Value| {
        let input = json!({ "IdentityPoolId": pool, "Roles": roles, "RoleMappings": mappings });
        world.signed(&ci, "SetIdentityPoolRoles", input).await
    };
    set(json!({ "unauthenticated": GUEST_ROLE }), json!({}))
        .await
        .ok();
    let text = format!("Access to Role '{USER_ROLE}' is forbidden.");
    let answer = set(json!({ "authenticated": USER_ROLE }), json!({})).await;
    answer.refused("NotAuthorizedException", &text);
    let rule = json!({ "Claim": "sub", "MatchType": "Equals", "Value": "x", "RoleARN": USER_ROLE });
    let mapping = json!({
        "Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": { "Rules": [rule] },
    });
    let answer = set(json!({}), json!({ "accounts.google.com": mapping })).await;
    answer.refused("NotAuthorizedException", &text);
    let roles = world
        .admin("GetIdentityPoolRoles", json!({ "IdentityPoolId": pool }))
        .await
        .ok();
    assert_eq!(
        roles["Roles"],
        json!({ "unauthenticated": GUEST_ROLE }),
        "nothing changed"
    );
}

#[tokio::test]
async fn tags_decide_where_a_policy_asks_for_them() {
    let world = World::new().await;
    let blue = world
        .pool(json!({ "IdentityPoolTags": { "team": "blue" } }))
        .await;
    let red = world
        .pool(json!({ "IdentityPoolTags": { "team": "red" } }))
        .await;
    let condition = |key: &str| json!({ "StringEquals": { key: "blue" } });
    let statements = json!([
        {
            "Effect": "Allow", "Action": "cognito-identity:DescribeIdentityPool", "Resource": "*",
            "Condition": condition("aws:ResourceTag/team"),
        },
        {
            "Effect": "Allow",
            "Action": ["cognito-identity:CreateIdentityPool", "cognito-identity:TagResource"],
            "Resource": "*", "Condition": condition("aws:RequestTag/team"),
        },
    ]);
    let ci = key(&world, "ci", statements).await;
    let describe = async |pool: &str| {
        let answer = world
            .signed(
                &ci,
                "DescribeIdentityPool",
                json!({ "IdentityPoolId": pool }),
            )
            .await;
        answer.status
    };
    assert_eq!((describe(&blue).await, describe(&red).await), (200, 400));
    let create = async |tags: Value| {
        let input = json!({
            "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true, "IdentityPoolTags": tags,
        });
        world.signed(&ci, "CreateIdentityPool", input).await.status
    };
    assert_eq!(create(json!({ "team": "blue" })).await, 200);
    assert_eq!(create(json!({ "team": "red" })).await, 400);
    assert_eq!(create(json!({})).await, 400);
    let tag = async |pool: &str, team: &str| {
        let input = json!({ "ResourceArn": pool_arn(pool), "Tags": { "team": team } });
        world.signed(&ci, "TagResource", input).await.status
    };
    assert_eq!(
        (tag(&red, "blue").await, tag(&blue, "red").await),
        (200, 400)
    );
}

#[tokio::test]
async fn a_pool_with_tags_wants_the_permission_to_tag() {
    let world = World::new().await;
    let ci = key(
        &world,
        "ci",
        allow(&["cognito-identity:CreateIdentityPool"], "*"),
    )
    .await;
    let create = async |tags: Value| {
        let input = json!({
            "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": true, "IdentityPoolTags": tags,
        });
        world.signed(&ci, "CreateIdentityPool", input).await
    };
    create(json!({})).await.ok();
    let (_, code, text) = create(json!({ "team": "blue" })).await.error();
    assert_eq!(code, "AccessDeniedException");
    assert!(
        text.contains("is not authorized to perform: cognito-identity:TagResource on"),
        "{text}"
    );
}

#[tokio::test]
async fn a_key_signs_until_it_is_disabled_or_deleted() {
    let world = World::new().await;
    let ci = key(&world, "ci", allow(&["*"], "*")).await;
    let list = async || {
        world
            .signed(&ci, "ListIdentityPools", json!({ "MaxResults": 1 }))
            .await
    };
    list().await.ok();
    let status = |status: &str| json!({ "AccessKeyId": ci.id, "Status": status });
    let unknown = "The security token included in the request is invalid.";
    world
        .admin("Cognate.UpdateAccessKey", status("Inactive"))
        .await
        .ok();
    list().await.refused("UnrecognizedClientException", unknown);
    let keys = world.admin("Cognate.ListAccessKeys", json!({})).await.ok();
    assert_eq!(keys["AccessKeys"][0]["Status"], json!("Inactive"));
    world
        .admin("Cognate.UpdateAccessKey", status("Active"))
        .await
        .ok();
    list().await.ok();
    let delete = json!({ "AccessKeyId": ci.id });
    world
        .admin("Cognate.DeleteAccessKey", delete.clone())
        .await
        .ok();
    list().await.refused("UnrecognizedClientException", unknown);
    let text = "There is no access key with this id.";
    let answer = world.admin("Cognate.DeleteAccessKey", delete).await;
    answer.refused("ResourceNotFoundException", text);
    let answer = world
        .admin("Cognate.UpdateAccessKey", status("Active"))
        .await;
    answer.refused("ResourceNotFoundException", text);
}

#[tokio::test]
async fn keys_are_there_after_a_restart_and_shown_without_their_secrets() {
    let world = World::new().await;
    let ci = key(
        &world,
        "ci",
        allow(&["cognito-identity:ListIdentityPools"], "*"),
    )
    .await;
    let world = world.restart().await;
    world
        .signed(&ci, "ListIdentityPools", json!({ "MaxResults": 1 }))
        .await
        .ok();
    let answer = world.admin("Cognate.ListAccessKeys", json!({})).await;
    assert!(!answer.text.contains(&ci.secret));
    let keys = answer.ok();
    assert_eq!(keys["AccessKeys"][0]["Name"], json!("ci"));
    assert_eq!(keys["AccessKeys"][0]["AccessKeyId"], json!(ci.id));
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_makes_no_key() {
    let world = World::new().await;
    for policy in [
        "{}",
        "nothing",
        r#"{"Version":"2012-10-17","Statement":[]}"#,
    ] {
        let input = json!({ "Name": "ci", "Policy": policy });
        let (status, code, text) = world.admin("Cognate.CreateAccessKey", input).await.error();
        assert_eq!(
            (status, code.as_str()),
            (400, "InvalidParameterException"),
            "{policy}"
        );
        assert!(!text.is_empty(), "{policy}");
    }
    key(&world, "ci", allow(&["*"], "*")).await;
    let policy = json!({ "Statement": allow(&["*"], "*") }).to_string();
    let again = json!({ "Name": "ci", "Policy": policy });
    let answer = world.admin("Cognate.CreateAccessKey", again).await;
    answer.refused(
        "ResourceConflictException",
        "There is an access key with this name.",
    );
    let keys = world.admin("Cognate.ListAccessKeys", json!({})).await.ok();
    assert_eq!(keys["AccessKeys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn there_is_a_limit() {
    let world = World::new().await;
    let policy = json!({ "Statement": allow(&["*"], "*") }).to_string();
    for at in 0..500 {
        let input = json!({ "Name": format!("key-{at}"), "Policy": policy });
        world.admin("Cognate.CreateAccessKey", input).await.ok();
    }
    let input = json!({ "Name": "one-more", "Policy": policy });
    let answer = world.admin("Cognate.CreateAccessKey", input).await;
    answer.refused("LimitExceededException", "There may be 500 access keys.");
}

#[tokio::test]
async fn an_iam_action_is_authorised_by_its_own_name_and_arn() {
    let world = World::new().await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/login.example.com");
    let ci = key(
        &world,
        "ci",
        allow(&["iam:CreateOpenIDConnectProvider"], &arn),
    )
    .await;
    let create = async |url: &str| {
        let parameters = [
            ("Action", "CreateOpenIDConnectProvider"),
            ("Version", "2010-05-08"),
            ("Url", url),
        ];
        world.signed_query(&ci, "iam", &parameters).await.status
    };
    assert_eq!(create("https://login.example.com").await, 200);
    assert_eq!(create("https://other.example.com").await, 403);
}

/// An administrator of everything except IAM, as AWS's policy PowerUserAccess allows.
async fn power_user(world: &World) -> Credentials {
    let statement = json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" });
    key(world, "power-user", statement).await
}

#[tokio::test]
async fn what_makes_or_widens_a_principal_wants_the_permission_of_iam_too() {
    let world = World::new().await;
    let power = power_user(&world).await;
    let other = key(&world, "other", allow(&["s3:GetObject"], "*")).await;
    let policy = json!({ "Statement": allow(&["*"], "*") }).to_string();
    let mut allowed = Vec::new();
    for (operation, input, action) in [
        (
            "CreateAccessKey",
            json!({ "Name": "more", "Policy": policy }),
            "CreateAccessKey",
        ),
        (
            "UpdateAccessKey",
            json!({ "AccessKeyId": other.id, "Status": "Inactive" }),
            "UpdateAccessKey",
        ),
        (
            "DeleteAccessKey",
            json!({ "AccessKeyId": other.id }),
            "DeleteAccessKey",
        ),
        (
            "RotateKeys",
            json!({ "Purpose": "Sealing" }),
            "CreateAccessKey",
        ),
        ("RotateRootKey", json!({}), "CreateAccessKey"),
    ] {
        let name = format!("Cognate.{operation}");
        let answer = world.signed(&power, &name, input).await;
        if answer.status == 200 {
            allowed.push(operation);
            continue;
        }
        let (_, code, text) = answer.error();
        let wanted = format!("is not authorized to perform: iam:{action} on resource:");
        if code != "AccessDeniedException" || !text.contains(&wanted) {
            allowed.push(operation);
        }
    }
    assert_eq!(allowed, [""; 0], "a power user may call these");
    // What makes no principal needs no more than its own permission.
    world
        .signed(&power, "Cognate.ListAccessKeys", json!({}))
        .await
        .ok();
    let both = [
        "cognate:CreateAccessKey",
        "iam:CreateAccessKey",
        "cognate:UpdateAccessKey",
        "iam:UpdateAccessKey",
        "cognate:DeleteAccessKey",
        "iam:DeleteAccessKey",
    ];
    let admin = key(&world, "admin", allow(&both, "*")).await;
    let input = json!({ "Name": "more", "Policy": policy });
    let made = world.signed(&admin, "Cognate.CreateAccessKey", input).await;
    let id = made.ok()["AccessKeyId"].clone();
    let input = json!({ "AccessKeyId": id, "Status": "Inactive" });
    world
        .signed(&admin, "Cognate.UpdateAccessKey", input)
        .await
        .ok();
    let input = json!({ "AccessKeyId": id });
    world
        .signed(&admin, "Cognate.DeleteAccessKey", input)
        .await
        .ok();
}

#[tokio::test]
async fn a_new_key_with_an_old_name_is_another_principal() {
    let world = World::new().await;
    let id_of = async |who: &Credentials| {
        let caller = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        let answer = world.signed_query(who, "sts", &caller).await;
        answer.xml("UserId").unwrap()
    };
    let first = key(&world, "ci", allow(&["*"], "*")).await;
    let id = id_of(&first).await;
    assert!(id.starts_with("AIDA") && id.len() == 20, "{id}");
    for status in ["Inactive", "Active"] {
        let input = json!({ "AccessKeyId": first.id, "Status": status });
        world.admin("Cognate.UpdateAccessKey", input).await.ok();
    }
    assert_eq!(id_of(&first).await, id, "it is kept");
    let input = json!({ "AccessKeyId": first.id });
    world.admin("Cognate.DeleteAccessKey", input).await.ok();
    let second = key(&world, "ci", allow(&["*"], "*")).await;
    assert_ne!(id_of(&second).await, id);
}

#[tokio::test]
async fn who_gets_a_pools_roles_is_changed_only_by_who_may_pass_them() {
    let world = World::new().await;
    let google = |client: &str| json!({ "accounts.google.com": client });
    let pool = world
        .pool(json!({ "SupportedLoginProviders": google("one") }))
        .await;
    let update = |client: &str, guests: bool, name: &str| {
        json!({
            "IdentityPoolId": pool, "IdentityPoolName": name, "AllowUnauthenticatedIdentities": guests,
            "SupportedLoginProviders": google(client),
        })
    };
    let power = power_user(&world).await;
    let same = update("one", true, "Another name");
    world.signed(&power, "UpdateIdentityPool", same).await.ok();
    let mut with_developer = update("one", true, "Another name");
    with_developer["DeveloperProviderName"] = json!("login.evil");
    for change in [
        update("two", true, "Another name"),
        update("one", false, "Another name"),
        with_developer,
    ] {
        let answer = world.signed(&power, "UpdateIdentityPool", change).await;
        let (_, code, text) = answer.error();
        assert_eq!(code, "AccessDeniedException", "{text}");
        let wanted = format!("is not authorized to perform: iam:PassRole on resource: {USER_ROLE}");
        assert!(text.contains(&wanted), "{text}");
        let reason =
            "; on this server, a change of the providers of a pool with roles requires it too";
        assert!(text.ends_with(reason), "{text}");
    }
    let statements = json!([
        allow(&["cognito-identity:UpdateIdentityPool"], "*"),
        {
            "Effect": "Allow", "Action": "iam:PassRole", "Resource": [USER_ROLE, GUEST_ROLE],
            "Condition": { "StringEquals": { "iam:PassedToService": "cognito-identity.amazonaws.com" } },
        },
    ]);
    let admin = key(&world, "pools", statements).await;
    let change = update("two", true, "Another name");
    world
        .signed(&admin, "UpdateIdentityPool", change)
        .await
        .ok();
    // A pool without roles gives nothing to anybody.
    let input = json!({ "IdentityPoolId": pool, "Roles": {} });
    world.admin("SetIdentityPoolRoles", input).await.ok();
    let change = update("three", true, "Another name");
    world
        .signed(&power, "UpdateIdentityPool", change)
        .await
        .ok();
}

/// Cognate's own operations that make and widen no principal, so that their own permission is enough.
const OF_THEIR_OWN: [&str; 17] = [
    "CheckPolicies",
    "ExplainLogin",
    "ExplainWebIdentity",
    "ExportConfiguration",
    "GetCredentialsDuration",
    "GetIdentityHandle",
    "GetIdentityStatus",
    "GetPoolSettings",
    "ListAccessKeys",
    "ListIdentityStatuses",
    "ListKeys",
    "RestoreIdentity",
    "RevokeIdentity",
    "RotateMasterKey",
    "SetCredentialsDuration",
    "SetPoolSettings",
    "SimulatePolicy",
];

#[tokio::test]
async fn every_operation_of_our_own_needs_iam_or_is_known_to_widen_nothing() {
    let world = World::new().await;
    let power = power_user(&world).await;
    for entry in ALL {
        if entry.service != Service::Cognate {
            continue;
        }
        let (headers, body) = written(entry, &request(entry));
        let headers = world.sign(&power, entry.service.signing_name(), headers, &body);
        let answer = world.send("POST", "/", headers, body).await;
        let needs_iam = answer.status != 200
            && answer
                .error()
                .2
                .contains("is not authorized to perform: iam:");
        let widens_nothing = OF_THEIR_OWN.contains(&entry.name);
        assert_ne!(needs_iam, widens_nothing, "{}: {}", entry.name, answer.text);
    }
}
