//! Seeds: documents that describe pools, providers, roles and access keys.

use std::sync::{Arc, LazyLock};

use cognate::ambient::Still;
use cognate::model::seed::{SeedDocument, SeedSource, read};
use serde_json::{Value, json};

use crate::world::idp::{IdentityProvider, metadata};
use crate::world::{ACCOUNT, Answer, Credentials, World, beginning, config};

mod at_start;
mod pool_ids;
mod prune;
mod refusals;

pub const POOL: &str = "eu-west-1:11111111-2222-4333-8444-555555555555";

/// Applies a document.
pub async fn apply(world: &World, document: &Value) -> Answer {
    apply_with(world, document, json!({})).await
}

/// Applies a document with more members of the input.
pub async fn apply_with(world: &World, document: &Value, more: Value) -> Answer {
    let mut input = json!({ "Document": document.to_string() });
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    world.admin("Cognate.ApplyConfiguration", input).await
}

/// The changes of an answer, as `ACTION KIND NAME`.
pub fn changes(answer: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let changes = answer["Changes"].as_array().unwrap().iter();
    changes
        .map(|change| {
            let name = text(&change["Name"]);
            format!(
                "{} {} {name}",
                text(&change["Action"]),
                text(&change["Kind"])
            )
        })
        .collect()
}

pub async fn export(world: &World) -> Value {
    let answer = world
        .admin("Cognate.ExportConfiguration", json!({}))
        .await
        .ok();
    parsed(answer["Document"].as_str().unwrap())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test reads what the server wrote"
)]
pub fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn seed(document: &Value) -> SeedDocument {
    read(&document.to_string(), SeedSource::Request).unwrap()
}

fn trust(pool: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": "cognito-identity.amazonaws.com" },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": { "cognito-identity.amazonaws.com:aud": pool } },
        }],
    })
}

fn policy(action: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }],
    })
}

fn role(name: &str) -> Value {
    json!({
        "RoleName": name,
        "AssumeRolePolicyDocument": trust(POOL),
        "Policies": { "read": policy("s3:GetObject") },
    })
}

fn pool(id: &str) -> Value {
    json!({
        "IdentityPoolId": id, "IdentityPoolName": "App", "AllowUnauthenticatedIdentities": true,
    })
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// A seed with every kind of object and every member.
pub fn everything() -> Value {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let entity = "https://idp.example/metadata";
        metadata(entity, &[&IdentityProvider::new(entity).certificate], "")
    });
    let oidc = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/login.example.com/app");
    let saml = format!("arn:aws:iam::{ACCOUNT}:saml-provider/corp");
    let user_pool = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";
    let tags = json!([{ "Key": "team", "Value": "web" }]);
    json!({
        "seed": "app",
        "oidc_providers": [{
            "Url": "https://login.example.com/app", "ClientIDList": ["one", "two"],
            "ThumbprintList": ["0123456789012345678901234567890123456789"], "Tags": tags,
        }],
        "saml_providers": [{ "Name": "corp", "SAMLMetadataDocument": *DOCUMENT, "Tags": tags }],
        "access_keys": [{
            "Name": "ci", "AccessKeyId": "AKIAIOSFODNN7SEEDED1", "SecretAccessKey": "0123456789abcdef0123",
            "Policy": policy("cognito-identity:*"), "Status": "Active",
        }],
        "roles": [
            role("Guest"),
            {
                "RoleName": "User", "Path": "/app/", "Description": "The users", "MaxSessionDuration": 7200,
                "AssumeRolePolicyDocument": trust(POOL).to_string(), "Tags": tags,
                "Policies": { "read": policy("s3:GetObject"), "write": policy("s3:PutObject") },
            },
        ],
        "pools": [{
            "IdentityPoolId": POOL,
            "IdentityPoolName": "App",
            "AllowUnauthenticatedIdentities": true,
            "AllowClassicFlow": false,
            "SupportedLoginProviders": { "accounts.google.com": "app.apps.googleusercontent.com" },
            "DeveloperProviderName": "login.app",
            "OpenIdConnectProviderARNs": [oidc],
            "SamlProviderARNs": [saml],
            "CognitoIdentityProviders": [{
                "ProviderName": user_pool, "ClientId": "client", "ServerSideTokenCheck": false,
            }],
            "IdentityPoolTags": { "team": "web", "_custom_id_": "ordinary" },
            "Roles": { "authenticated": format!("arn:aws:iam::{ACCOUNT}:role/app/User"), "unauthenticated": role_arn("Guest") },
            "RoleMappings": {
                oidc.as_str(): {
                    "Type": "Rules", "AmbiguousRoleResolution": "Deny",
                    "RulesConfiguration": { "Rules": [{
                        "Claim": "group", "MatchType": "Equals", "Value": "admin", "RoleARN": role_arn("Guest"),
                    }] },
                },
            },
            "PrincipalTagAttributeMaps": [{
                "IdentityProviderName": oidc, "UseDefaults": false, "PrincipalTags": { "team": "group" },
            }],
            "Settings": {
                "CredentialsDurationSeconds": 7200, "CredentialsWithinLogin": true, "ReuseOpenIdTokens": true,
            },
        }],
    })
}

/// What the API's own operations show of the objects of [`everything`], without times, ids and keys.
async fn described(world: &World) -> Vec<Value> {
    let of_pool = json!({ "IdentityPoolId": POOL });
    let oidc = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/login.example.com/app");
    let of_provider = json!({ "IdentityPoolId": POOL, "IdentityProviderName": oidc });
    let saml = format!("arn:aws:iam::{ACCOUNT}:saml-provider/corp");
    let mut all = vec![
        world
            .admin("DescribeIdentityPool", of_pool.clone())
            .await
            .ok(),
        world
            .admin("GetIdentityPoolRoles", of_pool.clone())
            .await
            .ok(),
        world
            .admin("GetPrincipalTagAttributeMap", of_provider)
            .await
            .ok(),
        world.admin("Cognate.GetPoolSettings", of_pool).await.ok()["Settings"].clone(),
    ];
    for (action, parameters) in [
        ("GetRole", vec![("RoleName", "User")]),
        ("GetRole", vec![("RoleName", "Guest")]),
        (
            "GetRolePolicy",
            vec![("RoleName", "User"), ("PolicyName", "write")],
        ),
        ("ListRolePolicies", vec![("RoleName", "User")]),
        (
            "GetOpenIDConnectProvider",
            vec![("OpenIDConnectProviderArn", &*oidc)],
        ),
        ("GetSAMLProvider", vec![("SAMLProviderArn", &*saml)]),
    ] {
        let answer = world.iam(action, &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut text = answer.text;
        for member in ["CreateDate", "RoleId", "RequestId", "SAMLProviderUUID"] {
            let (begin, end) = (format!("<{member}>"), format!("</{member}>"));
            if let (Some(from), Some(to)) = (text.find(&begin), text.find(&end)) {
                text.replace_range(from..to, "");
            }
        }
        all.push(json!(text));
    }
    all
}

#[tokio::test]
async fn a_seed_of_everything_is_applied_once_exported_and_applied_to_another_server() {
    let one = World::new().await;
    let seed = everything();
    let dry = apply_with(&one, &seed, json!({ "DryRun": true }))
        .await
        .ok();
    assert_eq!(changes(&dry).len(), 6, "{dry}");
    one.admin("DescribeIdentityPool", json!({ "IdentityPoolId": POOL }))
        .await
        .refused(
            "ResourceNotFoundException",
            &format!("IdentityPool '{POOL}' not found."),
        );
    let applied = apply_with(&one, &seed, json!({ "Plan": dry["Plan"] }))
        .await
        .ok();
    assert_eq!(changes(&applied), changes(&dry));
    let again = apply(&one, &seed).await.ok();
    assert_eq!(again["Changes"], json!([]));

    let exported = export(&one).await;
    let text = exported.to_string();
    assert!(!text.contains("0123456789abcdef0123") && !text.contains("AKIAIOSFODNN7SEEDED1"));
    // The export of a server changes nothing there.
    let back = apply(&one, &exported).await.ok();
    assert_eq!(back["Changes"], json!([]));

    let other = World::new().await;
    let answer = apply(&other, &exported).await.ok();
    assert_eq!(changes(&answer).len(), 6);
    assert_eq!(described(&one).await, described(&other).await);
    assert_eq!(export(&other).await, exported);
    // The second server made a key of its own.
    let key = Credentials::of(&answer["AccessKeys"][0]);
    let of_pool = json!({ "IdentityPoolId": POOL });
    other
        .signed(&key, "DescribeIdentityPool", of_pool.clone())
        .await
        .ok();
    let seeded = Credentials {
        id: "AKIAIOSFODNN7SEEDED1".to_owned(),
        secret: "0123456789abcdef0123".to_owned(),
        session_token: None,
    };
    one.signed(&seeded, "DescribeIdentityPool", of_pool)
        .await
        .ok();
}

#[tokio::test]
async fn the_answers_of_the_api_are_seeds() {
    let one = World::new().await;
    apply(&one, &everything()).await.ok();
    let other = World::new().await;
    let mut providers = everything();
    providers
        .as_object_mut()
        .unwrap()
        .retain(|name, _| name != "pools" && name != "seed");
    apply(&other, &providers).await.ok();
    let of_pool = json!({ "IdentityPoolId": POOL });
    for operation in ["DescribeIdentityPool", "GetIdentityPoolRoles"] {
        let answer = one.admin(operation, of_pool.clone()).await.ok();
        assert_eq!(changes(&apply(&other, &answer).await.ok()).len(), 1);
        assert_eq!(other.admin(operation, of_pool.clone()).await.ok(), answer);
        // A description says nothing about the roles, so they stay.
        assert_eq!(apply(&other, &answer).await.ok()["Changes"], json!([]));
    }
    let role = json!({ "Role": {
        "Path": "/", "RoleName": "Plain", "RoleId": "AROAIOSFODNN7EXAMPLE", "Arn": role_arn("Plain"),
        "CreateDate": "2026-01-01T00:00:00+00:00", "AssumeRolePolicyDocument": trust(POOL),
        "MaxSessionDuration": 3600,
    } });
    let policy =
        json!({ "RoleName": "Plain", "PolicyName": "p", "PolicyDocument": policy("s3:*") });
    for (document, change) in [(role, "Create Role Plain"), (policy, "Update Role Plain")] {
        assert_eq!(changes(&apply(&other, &document).await.ok()), [change]);
        assert_eq!(apply(&other, &document).await.ok()["Changes"], json!([]));
    }
}

#[tokio::test]
async fn a_seed_overwrites_and_says_what() {
    let world = World::new().await;
    let mut seed = everything();
    apply(&world, &seed).await.ok();
    seed["roles"][1]["Policies"] = json!({ "read": policy("s3:ListBucket") });
    seed["roles"][1]["MaxSessionDuration"] = json!(3600);
    seed["roles"][1]["Tags"] = json!([{ "Key": "stage", "Value": "test" }]);
    seed["pools"][0]["AllowUnauthenticatedIdentities"] = json!(false);
    seed["pools"][0]["RoleMappings"] = json!({});
    seed["pools"][0]["Settings"] = json!({ "CredentialsDurationSeconds": 900 });
    seed["oidc_providers"][0]["ClientIDList"] = json!(["two", "three"]);
    seed["access_keys"][0]["Policy"] = policy("cognito-identity:Describe*");
    seed["access_keys"][0]["Status"] = json!("Inactive");
    let answer = apply(&world, &seed).await.ok();
    let names: Vec<_> = answer["Changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let members = change["Members"].as_array().unwrap().iter();
            let members: Vec<_> = members.map(|one| one["Member"].as_str().unwrap()).collect();
            (change["Kind"].as_str().unwrap(), members.join(" "))
        })
        .collect();
    assert_eq!(
        names,
        [
            ("OpenIDConnectProvider", "ClientIDList".to_owned()),
            ("AccessKey", "Status Policy".to_owned()),
            ("Role", "MaxSessionDuration Policies Tags".to_owned()),
            (
                "IdentityPool",
                "AllowUnauthenticatedIdentities RoleMappings Settings".to_owned()
            ),
        ]
    );
    assert_eq!(apply(&world, &seed).await.ok()["Changes"], json!([]));
    // Each change has its event, with the operation and the signer.
    let events = world.store.list_events(0, 1000).await.unwrap();
    let last = &events.transactions.last().unwrap().1;
    assert_eq!(last.len(), 4);
    assert!(
        last.iter()
            .all(|event| event.operation == "ApplyConfiguration")
    );
}

#[tokio::test]
async fn what_changed_after_its_differences_were_shown_is_not_overwritten() {
    let world = World::new().await;
    let mut seed = everything();
    apply(&world, &seed).await.ok();
    seed["roles"][0]["MaxSessionDuration"] = json!(7200);
    let dry = apply_with(&world, &seed, json!({ "DryRun": true }))
        .await
        .ok();
    // Meanwhile somebody tightens the role.
    let parameters = [("RoleName", "Guest"), ("PolicyName", "read")];
    world.iam("DeleteRolePolicy", &parameters).await;
    let late = apply_with(&world, &seed, json!({ "Plan": dry["Plan"] })).await;
    late.refused(
        "ConcurrentModificationException",
        "Something changed after the differences were shown, and nothing was applied. Look at them again.",
    );
    let policies = world
        .iam("ListRolePolicies", &[("RoleName", "Guest")])
        .await;
    assert!(!policies.text.contains("<member>read"), "{}", policies.text);
}

/// A world whose server is one that `cognate dev` started.
async fn dev_world() -> World {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut config = config(folder.path(), |_| {});
    config.custom_pool_ids = true;
    World::of(config, folder, Arc::new(Still::at(beginning()))).await
}
