//! Whether what operations answer is what their models say.

use std::collections::BTreeSet;
use std::sync::Arc;

use cognate::ambient::Still;
use cognate::app::{self, App, Caller};
use cognate::config::{Config, Environment, Flags, read_file};
use cognate::model::ids::Region;
use cognate::operations::ALL;
use serde_json::{Value, json};

use crate::service_model::{ServiceModel, list, text};
use crate::world::idp::{IdentityProvider, RECIPIENT, Says};
use crate::world::{GUEST_ROLE, Issuer, REGION, USER_ROLE, beginning, client, login};

/// A house without a door, whose operations are called one by one, each answer held against its model.
struct House {
    app: App,
    called: BTreeSet<&'static str>,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        client();
        let flags = Flags {
            listen: Some("127.0.0.1:0".into()),
            data_dir: Some(folder.path().join("data")),
            allow_http_issuers: true,
            ..Flags::default()
        };
        // No root key is given, so that one is made, and can be rotated.
        let nothing: [(String, String); 0] = [];
        let environment: Environment = nothing.into_iter().collect();
        let config = Config::load(&flags, &environment, &read_file).unwrap();
        let clock = Arc::new(Still::at(beginning()));
        let opened = app::open(config, clock, "http://127.0.0.1:2646".to_owned()).await;
        Self {
            app: opened.unwrap().app,
            called: BTreeSet::new(),
            _folder: folder,
        }
    }

    /// Calls an operation, which must succeed.
    async fn call(&mut self, name: &str, input: Value) -> Value {
        let entry = ALL.iter().find(|entry| entry.name == name).unwrap();
        let mut call = self.app.call();
        call.region = Region::parse(REGION);
        call.caller = Some(Caller::Root("AKIAIOSFODNN7EXAMPLE".to_owned()));
        let prepared = (entry.prepare)(&input).unwrap();
        let answer = prepared
            .run(&call)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}: {:?}", error.text));
        let output = answer.value().unwrap();
        let model = ServiceModel::of(entry.service);
        match model.operation(name)["output"]["shape"].as_str() {
            Some(shape) => fits(model, shape, &output, name),
            None => assert_eq!(output, Value::Null, "{name} has no output"),
        }
        self.called.insert(entry.name);
        output
    }
}

impl House {
    /// A good login explained, and a bad one.
    async fn explanations(&mut self, pool: &Value, logins: &Value) {
        let good = json!({ "IdentityPoolId": pool, "Logins": logins });
        self.call("ExplainLogin", good).await;
        let bad = json!({ "IdentityPoolId": pool, "Logins": { "login.example.com": "x" } });
        self.call("ExplainLogin", bad).await;
        let role = json!({ "RoleArn": "arn:aws:iam::123456789012:role/User", "WebIdentityToken": "opaque" });
        self.call("ExplainWebIdentity", role).await;
    }

    /// Everything about developers' users, lists and deletion of identities.
    async fn developers(&mut self, pool: &Value, identity: &Value, logins: &Value) {
        let token = |user: &str| {
            json!({
                "IdentityPoolId": pool, "Logins": { "login.mycompany": user },
                "PrincipalTags": { "team": "blue" }, "TokenDuration": 60,
            })
        };
        let name = "GetOpenIdTokenForDeveloperIdentity";
        let one = self.call(name, token("one")).await["IdentityId"].clone();
        self.call(name, token("two")).await;
        let both = json!({ "IdentityPoolId": pool, "IdentityId": one, "MaxResults": 1 });
        self.call("LookupDeveloperIdentity", both.clone()).await;
        let merge = json!({
            "SourceUserIdentifier": "two", "DestinationUserIdentifier": "one",
            "DeveloperProviderName": "login.mycompany", "IdentityPoolId": pool,
        });
        self.call("MergeDeveloperIdentities", merge).await;
        let more = self.call("LookupDeveloperIdentity", both).await;
        assert!(
            more["NextToken"].is_string(),
            "a page with another behind it"
        );
        let unlink = json!({
            "IdentityId": one, "IdentityPoolId": pool,
            "DeveloperProviderName": "login.mycompany", "DeveloperUserIdentifier": "two",
        });
        self.call("UnlinkDeveloperIdentity", unlink).await;
        let all = json!({ "IdentityPoolId": pool, "MaxResults": 1 });
        self.call("ListIdentities", all).await;
        let names: Vec<&String> = logins.as_object().unwrap().keys().collect();
        let unlink = json!({ "IdentityId": identity, "Logins": logins, "LoginsToRemove": names });
        self.call("UnlinkIdentity", unlink).await;
        let delete = json!({ "IdentityIdsToDelete": [one, "eu-west-1:a"] });
        self.call("DeleteIdentities", delete).await;
    }

    /// Everything about tags.
    async fn tags(&mut self, pool: &Value) {
        let map = json!({ "IdentityPoolId": pool, "IdentityProviderName": "accounts.google.com" });
        let mut set = map.clone();
        set["PrincipalTags"] = json!({ "team": "group" });
        self.call("SetPrincipalTagAttributeMap", set).await;
        self.call("GetPrincipalTagAttributeMap", map).await;
        let pool = pool.as_str().unwrap();
        let arn = format!("arn:aws:cognito-identity:{REGION}:123456789012:identitypool/{pool}");
        let tag = json!({ "ResourceArn": arn, "Tags": { "floor": "2" } });
        self.call("TagResource", tag).await;
        self.call("ListTagsForResource", json!({ "ResourceArn": arn }))
            .await;
        let untag = json!({ "ResourceArn": arn, "TagKeys": ["floor"] });
        self.call("UntagResource", untag).await;
    }

    /// Everything about SAML providers, of which one stays.
    async fn saml_providers(&mut self) {
        let idp = IdentityProvider::new("https://idp.example");
        let document = idp.metadata();
        let mut provider = json!({
            "Name": "corp", "SAMLMetadataDocument": document, "Tags": [{ "Key": "team", "Value": "blue" }],
        });
        let arn =
            self.call("CreateSAMLProvider", provider.clone()).await["SAMLProviderArn"].clone();
        provider["Name"] = json!("other");
        let other = self.call("CreateSAMLProvider", provider).await["SAMLProviderArn"].clone();
        let update = json!({ "SAMLProviderArn": arn, "SAMLMetadataDocument": document });
        self.call("UpdateSAMLProvider", update).await;
        self.call("GetSAMLProvider", json!({ "SAMLProviderArn": arn }))
            .await;
        self.call("ListSAMLProviders", json!({})).await;
        let tags = json!([{ "Key": "team", "Value": "red" }]);
        self.call(
            "TagSAMLProvider",
            json!({ "SAMLProviderArn": arn, "Tags": tags }),
        )
        .await;
        self.call("ListSAMLProviderTags", json!({ "SAMLProviderArn": arn }))
            .await;
        let untag = json!({ "SAMLProviderArn": arn, "TagKeys": ["team"] });
        self.call("UntagSAMLProvider", untag).await;
        self.call("DeleteSAMLProvider", json!({ "SAMLProviderArn": other }))
            .await;
        self.saml_session(&idp, &arn).await;
    }

    /// A role for a user of a SAML provider.
    async fn saml_session(&mut self, idp: &IdentityProvider, provider: &Value) {
        let statement = json!({
            "Effect": "Allow", "Principal": { "Federated": provider }, "Action": "sts:AssumeRoleWithSAML",
            "Condition": { "StringEquals": { "SAML:aud": RECIPIENT } },
        });
        let trust = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        let role = json!({ "RoleName": "Staff", "AssumeRolePolicyDocument": trust });
        let role = self.call("CreateRole", role).await["Role"]["Arn"].clone();
        let pair = format!("{},{}", text(&role), text(provider));
        let response = Says::of(idp, "ada", self.app.now())
            .attribute("https://aws.amazon.com/SAML/Attributes/Role", &[&pair])
            .attribute(
                "https://aws.amazon.com/SAML/Attributes/RoleSessionName",
                &["ada"],
            )
            .login(idp);
        let input = json!({ "RoleArn": role, "PrincipalArn": provider, "SAMLAssertion": response });
        self.call("AssumeRoleWithSAML", input).await;
    }

    /// Everything about access keys.
    async fn access_keys(&mut self) {
        let policy = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let input = json!({ "Name": "ci", "Policy": policy });
        let id = self.call("CreateAccessKey", input).await["AccessKeyId"].clone();
        self.call("ListAccessKeys", json!({})).await;
        let disable = json!({ "AccessKeyId": id, "Status": "Inactive" });
        self.call("UpdateAccessKey", disable).await;
        self.call("DeleteAccessKey", json!({ "AccessKeyId": id }))
            .await;
    }
}

impl House {
    /// All that is done with roles.
    async fn roles(&mut self) {
        let statement = json!({
            "Effect": "Allow", "Principal": { "AWS": "123456789012" }, "Action": "sts:AssumeRole",
        });
        let trust = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        let allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        let policy = json!({ "Version": "2012-10-17", "Statement": allow }).to_string();
        let role = json!({ "RoleName": "Reader" });
        let of_role = |more: Value| {
            let mut input = role.clone();
            for (name, value) in more.as_object().unwrap() {
                input[name] = value.clone();
            }
            input
        };
        let tags = json!([{ "Key": "team", "Value": "blue" }]);
        let new = json!({
            "AssumeRolePolicyDocument": trust, "Path": "/team/", "Description": "reads", "Tags": tags,
        });
        self.call("CreateRole", of_role(new)).await;
        self.call("GetRole", role.clone()).await;
        self.call("ListRoles", json!({})).await;
        self.call("UpdateRole", of_role(json!({ "MaxSessionDuration": 7200 })))
            .await;
        let document = json!({ "PolicyDocument": trust });
        self.call("UpdateAssumeRolePolicy", of_role(document)).await;
        self.call("TagRole", of_role(json!({ "Tags": tags }))).await;
        self.call("ListRoleTags", role.clone()).await;
        self.call("UntagRole", of_role(json!({ "TagKeys": ["team"] })))
            .await;
        let named = json!({ "PolicyName": "p" });
        let document = json!({ "PolicyName": "p", "PolicyDocument": policy });
        self.call("PutRolePolicy", of_role(document)).await;
        self.call("GetRolePolicy", of_role(named.clone())).await;
        self.call("ListRolePolicies", role.clone()).await;
        self.call("ListAttachedRolePolicies", role.clone()).await;
        self.call("ListInstanceProfilesForRole", role.clone()).await;
        let arn = "arn:aws:iam::123456789012:role/team/Reader";
        let assume = json!({ "RoleArn": arn, "RoleSessionName": "me", "Policy": policy });
        self.call("AssumeRole", assume).await;
        let asked =
            json!({ "PolicySourceArn": arn, "ActionNames": ["s3:GetObject", "iam:GetRole"] });
        self.call("SimulatePrincipalPolicy", asked).await;
        let narrowed = json!({
            "PolicySourceArn": arn, "PolicyInputList": [policy], "PermissionsBoundaryPolicyInputList": [policy],
            "ActionNames": ["s3:GetObject"],
            "ResourceArns": ["arn:aws:s3:::a", "arn:aws:s3:::b"], "MaxItems": 1,
        });
        self.call("SimulatePrincipalPolicy", narrowed).await;
        let simulated = json!({ "Actions": ["s3:GetObject", "iam:GetRole"], "SessionPolicy": policy, "Guest": true });
        self.call("SimulatePolicy", of_role(simulated)).await;
        self.call("DeleteRolePolicy", of_role(named)).await;
        self.call("DeleteRole", role).await;
    }
}

impl House {
    /// Everything about managed policies, and a role that uses one.
    async fn managed_policies(&mut self) {
        let statement = json!({
            "Effect": "Allow", "Principal": { "AWS": "123456789012" }, "Action": "sts:AssumeRole",
        });
        let trust = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
        let allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        let document = json!({ "Version": "2012-10-17", "Statement": allow }).to_string();
        let tags = json!([{ "Key": "team", "Value": "blue" }]);
        let new = json!({
            "PolicyName": "Read", "PolicyDocument": document, "Path": "/team/", "Description": "reads", "Tags": tags,
        });
        let arn = self.call("CreatePolicy", new).await["Policy"]["Arn"].clone();
        let with = |name: &str, value: Value| json!({ "PolicyArn": arn, name: value });
        let alone = json!({ "PolicyArn": arn });
        self.call("TagPolicy", with("Tags", tags)).await;
        self.call("ListPolicyTags", alone.clone()).await;
        self.call("UntagPolicy", with("TagKeys", json!(["team"])))
            .await;
        let role = json!({
            "RoleName": "Bound", "AssumeRolePolicyDocument": trust, "PermissionsBoundary": arn,
        });
        self.call("CreateRole", role).await;
        let role = json!({ "RoleName": "Bound" });
        self.call("GetRole", role.clone()).await;
        let used = json!({ "RoleName": "Bound", "PolicyArn": arn });
        self.call("AttachRolePolicy", used.clone()).await;
        self.call("ListAttachedRolePolicies", role.clone()).await;
        self.call("GetPolicy", alone.clone()).await;
        self.call("ListPolicies", json!({})).await;
        self.call("ListEntitiesForPolicy", alone.clone()).await;
        self.call("DetachRolePolicy", used).await;
        self.call("DeleteRolePermissionsBoundary", role.clone())
            .await;
        let boundary = json!({ "RoleName": "Bound", "PermissionsBoundary": arn });
        self.call("PutRolePermissionsBoundary", boundary).await;
        let described = json!({ "RoleName": "Bound", "Description": "is bound" });
        self.call("UpdateRoleDescription", described).await;
        self.call("DeleteRole", role).await;
        self.call(
            "CreatePolicyVersion",
            with("PolicyDocument", json!(document)),
        )
        .await;
        self.call("ListPolicyVersions", alone.clone()).await;
        let second = with("VersionId", json!("v2"));
        self.call("SetDefaultPolicyVersion", second.clone()).await;
        self.call("GetPolicyVersion", second).await;
        let first = with("VersionId", json!("v1"));
        self.call("DeletePolicyVersion", first).await;
        self.call("DeletePolicy", alone).await;
    }
}

/// That a value is of a shape of the model: no other members, none of another type, and those that are required.
fn fits(model: &ServiceModel, shape: &str, value: &Value, place: &str) {
    let is = |fits: bool, what: &str| assert!(fits, "{place} is no {what}: {value}");
    match model.kind(shape) {
        "structure" => {
            is(value.is_object(), "structure");
            let members = model.members(shape);
            for (name, of, required) in &members {
                match value.get(name) {
                    Some(inner) => fits(model, of, inner, &format!("{place}.{name}")),
                    None => assert!(!required, "{place} lacks {name}"),
                }
            }
            for name in value.as_object().unwrap().keys() {
                let known = members.iter().any(|(member, ..)| member == name);
                assert!(known, "{place} has {name}, which the model doesn't know");
            }
        }
        "list" => {
            is(value.is_array(), "list");
            for inner in value.as_array().unwrap() {
                fits(
                    model,
                    model.part(shape, "member"),
                    inner,
                    &format!("{place}[]"),
                );
            }
        }
        "map" => {
            is(value.is_object(), "map");
            for inner in value.as_object().unwrap().values() {
                fits(
                    model,
                    model.part(shape, "value"),
                    inner,
                    &format!("{place}{{}}"),
                );
            }
        }
        "string" => {
            is(value.is_string(), "string");
            let set = list(&model.shape(shape)["enum"]);
            is(
                set.is_empty() || set.contains(&text(value)),
                "value of its set",
            );
        }
        "integer" | "long" => is(value.is_i64(), "whole number"),
        "boolean" => is(value.is_boolean(), "boolean"),
        "timestamp" => is(value.is_number(), "timestamp"),
        other => panic!("{place} is a {other}"),
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn every_success_is_of_the_shape_that_its_model_says() {
    let issuer = Issuer::new().await;
    let mut house = House::new().await;
    let provider = house
        .call(
            "CreateOpenIDConnectProvider",
            json!({
                "Url": issuer.url(), "ClientIDList": ["app"], "Tags": [{ "Key": "team", "Value": "blue" }],
            }),
        )
        .await["OpenIDConnectProviderArn"]
        .clone();
    let of_provider = json!({ "OpenIDConnectProviderArn": provider });
    let with = |name: &str, value: Value| {
        let mut input = of_provider.clone();
        input[name] = value;
        input
    };
    let print = json!(["990f4193972f2becf12ddeda5237f9c952f20d9e"]);
    house
        .call(
            "AddClientIDToOpenIDConnectProvider",
            with("ClientID", json!("b")),
        )
        .await;
    house
        .call(
            "UpdateOpenIDConnectProviderThumbprint",
            with("ThumbprintList", print),
        )
        .await;
    house
        .call("GetOpenIDConnectProvider", of_provider.clone())
        .await;
    house.call("ListOpenIDConnectProviders", json!({})).await;
    let tags = json!([{ "Key": "team", "Value": "red" }]);
    house
        .call("TagOpenIDConnectProvider", with("Tags", tags))
        .await;
    house
        .call("ListOpenIDConnectProviderTags", of_provider.clone())
        .await;
    house
        .call(
            "UntagOpenIDConnectProvider",
            with("TagKeys", json!(["team"])),
        )
        .await;
    house
        .call(
            "RemoveClientIDFromOpenIDConnectProvider",
            with("ClientID", json!("b")),
        )
        .await;

    house.saml_providers().await;
    let user_pool = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";
    let mut settings = json!({
        "IdentityPoolName": "A pool",
        "AllowUnauthenticatedIdentities": true,
        "AllowClassicFlow": true,
        "SupportedLoginProviders": { "accounts.google.com": "123.apps" },
        "DeveloperProviderName": "login.mycompany",
        "OpenIdConnectProviderARNs": [provider],
        "CognitoIdentityProviders": [
            { "ProviderName": user_pool, "ClientId": "one", "ServerSideTokenCheck": false },
        ],
        "IdentityPoolTags": { "team": "blue" },
    });
    let pool = house.call("CreateIdentityPool", settings.clone()).await["IdentityPoolId"].clone();
    house.call("CreateIdentityPool", settings.clone()).await;
    settings["IdentityPoolId"] = pool.clone();
    house.call("UpdateIdentityPool", settings).await;
    let of_pool = json!({ "IdentityPoolId": pool });
    house.call("DescribeIdentityPool", of_pool.clone()).await;
    house
        .call("ListIdentityPools", json!({ "MaxResults": 1 }))
        .await;
    let roles = json!({ "authenticated": USER_ROLE, "unauthenticated": GUEST_ROLE });
    let mut given = of_pool.clone();
    given["Roles"] = roles;
    house.call("SetIdentityPoolRoles", given).await;
    house.call("GetIdentityPoolRoles", of_pool.clone()).await;

    let logins = login(&issuer, &issuer.token("ada"));
    let identity = json!({ "IdentityPoolId": pool, "Logins": logins });
    let identity = house.call("GetId", identity).await["IdentityId"].clone();
    let of_identity = json!({ "IdentityId": identity });
    let signed_in = json!({ "IdentityId": identity, "Logins": logins });
    house.call("DescribeIdentity", of_identity).await;
    house
        .call("GetCredentialsForIdentity", signed_in.clone())
        .await;
    let token = house.call("GetOpenIdToken", signed_in).await["Token"].clone();
    house
        .call(
            "AssumeRoleWithWebIdentity",
            json!({
                "RoleArn": USER_ROLE, "RoleSessionName": "me", "WebIdentityToken": token,
            }),
        )
        .await;
    house.call("GetCallerIdentity", json!({})).await;
    house.managed_policies().await;
    house.roles().await;
    let revoked = json!({ "IdentityId": identity });
    house.call("RevokeIdentity", revoked.clone()).await;
    house.call("GetIdentityStatus", revoked.clone()).await;
    house.call("GetIdentityHandle", revoked.clone()).await;
    let mut listed = of_pool.clone();
    listed["MaxResults"] = json!(10);
    listed["OnlyRevoked"] = json!(true);
    house.call("ListIdentityStatuses", listed).await;
    house.call("RestoreIdentity", revoked).await;

    let mut set = of_pool.clone();
    set["DurationSeconds"] = json!(7200);
    house.call("SetCredentialsDuration", set).await;
    house.call("GetCredentialsDuration", of_pool.clone()).await;
    let mut settings = house.call("GetPoolSettings", of_pool.clone()).await;
    settings["IdentityPoolId"] = of_pool["IdentityPoolId"].clone();
    house.call("SetPoolSettings", settings).await;

    house.explanations(&pool, &logins).await;
    house.developers(&pool, &identity, &logins).await;
    house.tags(&pool).await;
    house.access_keys().await;

    let signing = json!({ "Purpose": "Signing" });
    let seed = house.call("ExportConfiguration", json!({})).await;
    house.call("ApplyConfiguration", seed).await;
    house.call("CheckPolicies", json!({})).await;
    house.call("ListKeys", signing.clone()).await;
    house
        .call("RotateKeys", json!({ "Purpose": "Sealing" }))
        .await;
    house
        .call("ListKeys", json!({ "Purpose": "Sealing" }))
        .await;
    house.call("RotateMasterKey", json!({})).await;
    house.call("RotateRootKey", json!({})).await;
    house.call("DeleteIdentityPool", of_pool).await;
    house.call("DeleteOpenIDConnectProvider", of_provider).await;

    let all: BTreeSet<&str> = ALL.iter().map(|entry| entry.name).collect();
    assert_eq!(house.called, all, "every operation has its turn above");
}
