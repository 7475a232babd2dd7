//! A request of each operation that breaks nothing and leaves nothing out; every test of this folder spoils one thing
//! of it. What it names need not exist.

use cognate::operations::{Entry, Service};
use serde_json::{Value, json};

const POOL: &str = "eu-west-1:00000000-0000-4000-8000-000000000000";
const POOL_ARN: &str = "arn:aws:cognito-identity:eu-west-1:123456789012:identitypool/eu-west-1:00000000-0000-4000-8000-000000000000";
const IDENTITY: &str = "eu-west-1:00000000-0000-4000-8000-00000000000a";
const ROLE: &str = "arn:aws:iam::123456789012:role/User";
const PROVIDER: &str = "arn:aws:iam::123456789012:oidc-provider/nobody.example.com";
const SAML_PROVIDER: &str = "arn:aws:iam::123456789012:saml-provider/nobody";
const PRINT: &str = "990f4193972f2becf12ddeda5237f9c952f20d9e";

/// The request of an operation.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn request(entry: &Entry) -> Value {
    let pool = || json!({ "IdentityPoolId": POOL });
    let pool_settings = json!({
        "IdentityPoolName": "A pool",
        "AllowUnauthenticatedIdentities": true,
        "AllowClassicFlow": true,
        "SupportedLoginProviders": { "accounts.google.com": "123.apps", "appleid.apple.com": "com.x.y" },
        "DeveloperProviderName": "login.mycompany",
        "OpenIdConnectProviderARNs": [PROVIDER],
        "CognitoIdentityProviders": [client("one"), client("two")],
        "SamlProviderARNs": ["arn:aws:iam::123456789012:saml-provider/corp"],
        "IdentityPoolTags": { "team": "blue" },
    });
    match (entry.service, entry.name) {
        (Service::CognitoIdentity, "CreateIdentityPool") => pool_settings,
        (Service::CognitoIdentity, "UpdateIdentityPool") => with(pool_settings, pool()),
        (
            Service::CognitoIdentity,
            "DeleteIdentityPool" | "DescribeIdentityPool" | "GetIdentityPoolRoles",
        ) => pool(),
        (Service::CognitoIdentity, "DescribeIdentity") | (Service::Cognate, "RestoreIdentity") => {
            json!({ "IdentityId": IDENTITY })
        }
        (Service::CognitoIdentity, "GetCredentialsForIdentity") => {
            json!({ "IdentityId": IDENTITY, "Logins": logins(), "CustomRoleArn": ROLE })
        }
        (Service::CognitoIdentity, "GetId") => {
            json!({ "AccountId": "123456789012", "IdentityPoolId": POOL, "Logins": logins() })
        }
        (Service::CognitoIdentity, "GetOpenIdToken") => {
            json!({ "IdentityId": IDENTITY, "Logins": logins() })
        }
        (Service::CognitoIdentity, "ListIdentityPools") => {
            json!({ "MaxResults": 10, "NextToken": "abc" })
        }
        (Service::CognitoIdentity, "SetIdentityPoolRoles") => {
            let rules = json!({ "Rules": [rule("admin"), rule("user")] });
            let mapping = json!({
                "Type": "Rules", "AmbiguousRoleResolution": "Deny", "RulesConfiguration": rules,
            });
            json!({
                "IdentityPoolId": POOL,
                "Roles": { "authenticated": ROLE, "unauthenticated": ROLE },
                "RoleMappings": { "accounts.google.com": mapping },
            })
        }
        (Service::CognitoIdentity, "DeleteIdentities") => {
            json!({ "IdentityIdsToDelete": [IDENTITY, IDENTITY] })
        }
        (Service::CognitoIdentity, "GetOpenIdTokenForDeveloperIdentity") => json!({
            "IdentityPoolId": POOL, "IdentityId": IDENTITY, "Logins": logins(),
            "PrincipalTags": { "team": "blue", "floor": "2" }, "TokenDuration": 900,
        }),
        (Service::CognitoIdentity, "GetPrincipalTagAttributeMap") => {
            json!({ "IdentityPoolId": POOL, "IdentityProviderName": "accounts.google.com" })
        }
        (Service::CognitoIdentity, "SetPrincipalTagAttributeMap") => json!({
            "IdentityPoolId": POOL, "IdentityProviderName": "accounts.google.com",
            "UseDefaults": false, "PrincipalTags": { "team": "group", "floor": "level" },
        }),
        (Service::CognitoIdentity, "ListIdentities") => json!({
            "IdentityPoolId": POOL, "MaxResults": 10, "NextToken": "abc", "HideDisabled": true,
        }),
        (Service::CognitoIdentity, "LookupDeveloperIdentity") => json!({
            "IdentityPoolId": POOL, "IdentityId": IDENTITY, "DeveloperUserIdentifier": "ada",
            "MaxResults": 10, "NextToken": "abc",
        }),
        (Service::CognitoIdentity, "MergeDeveloperIdentities") => json!({
            "SourceUserIdentifier": "ada", "DestinationUserIdentifier": "bob",
            "DeveloperProviderName": "login.mycompany", "IdentityPoolId": POOL,
        }),
        (Service::CognitoIdentity, "UnlinkDeveloperIdentity") => json!({
            "IdentityId": IDENTITY, "IdentityPoolId": POOL,
            "DeveloperProviderName": "login.mycompany", "DeveloperUserIdentifier": "ada",
        }),
        (Service::CognitoIdentity, "UnlinkIdentity") => json!({
            "IdentityId": IDENTITY, "Logins": logins(),
            "LoginsToRemove": ["accounts.google.com", "login.example.com"],
        }),
        (Service::CognitoIdentity, "ListTagsForResource") => json!({ "ResourceArn": POOL_ARN }),
        (Service::CognitoIdentity, "TagResource") => {
            json!({ "ResourceArn": POOL_ARN, "Tags": { "team": "blue", "floor": "2" } })
        }
        (Service::CognitoIdentity, "UntagResource") => {
            json!({ "ResourceArn": POOL_ARN, "TagKeys": ["team", "floor"] })
        }
        (Service::Sts, "AssumeRoleWithWebIdentity") => json!({
            "RoleArn": ROLE, "RoleSessionName": "me", "WebIdentityToken": "token",
            "ProviderId": "www.amazon.com",
            "PolicyArns": [
                { "arn": "arn:aws:iam::aws:policy/ReadOnlyAccess" },
                { "arn": "arn:aws:iam::aws:policy/PowerUserAccess" },
            ],
            "Policy": "{}", "DurationSeconds": 3600, "MinimumSessionTokenSize": 0,
        }),
        (Service::Sts, "AssumeRoleWithSAML") => json!({
            "RoleArn": ROLE, "PrincipalArn": "arn:aws:iam::123456789012:saml-provider/corp",
            "SAMLAssertion": "PGEvPg==",
            "PolicyArns": [
                { "arn": "arn:aws:iam::aws:policy/ReadOnlyAccess" },
                { "arn": "arn:aws:iam::aws:policy/PowerUserAccess" },
            ],
            "Policy": "{}", "DurationSeconds": 3600, "MinimumSessionTokenSize": 0,
        }),
        (Service::Sts, "AssumeRole") => json!({
            "RoleArn": ROLE, "RoleSessionName": "me",
            "PolicyArns": [
                { "arn": "arn:aws:iam::aws:policy/ReadOnlyAccess" },
                { "arn": "arn:aws:iam::aws:policy/PowerUserAccess" },
            ],
            "Policy": "{}", "DurationSeconds": 3600, "MinimumSessionTokenSize": 0,
            "Tags": [{ "Key": "team", "Value": "blue" }, { "Key": "floor", "Value": "2" }],
            "TransitiveTagKeys": ["team", "floor"], "ExternalId": "external",
            "SerialNumber": "arn:aws:iam::123456789012:mfa/ada", "TokenCode": "123456",
            "SourceIdentity": "ada",
            "ProvidedContexts": [
                { "ProviderArn": "arn:aws:iam::aws:contextProvider/X", "ContextAssertion": "assertion" },
            ],
        }),
        (Service::Iam, "CreateRole") => json!({
            "Path": "/team/", "RoleName": "Reader", "AssumeRolePolicyDocument": "{}", "Description": "reads",
            "MaxSessionDuration": 3600, "MaxSigninSessionDuration": 3600, "PermissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "Tags": [{ "Key": "team", "Value": "blue" }, { "Key": "floor", "Value": "2" }],
        }),
        (Service::Iam, "DeleteRole" | "GetRole") => json!({ "RoleName": "Reader" }),
        (Service::Iam, "ListRoles") => json!({ "PathPrefix": "/", "Marker": "a", "MaxItems": 10 }),
        (
            Service::Iam,
            "ListAttachedRolePolicies"
            | "ListInstanceProfilesForRole"
            | "ListRolePolicies"
            | "ListRoleTags",
        ) => {
            let mut input = json!({ "RoleName": "Reader", "Marker": "a", "MaxItems": 10 });
            if entry.name == "ListAttachedRolePolicies" {
                input["PathPrefix"] = json!("/");
            }
            input
        }
        (Service::Iam, "UpdateRole") => {
            json!({
                "RoleName": "Reader", "Description": "reads", "MaxSessionDuration": 3600,
                "MaxSigninSessionDuration": 3600, "ResetMaxSigninSessionDuration": true,
            })
        }
        (Service::Iam, "UpdateAssumeRolePolicy") => {
            json!({ "RoleName": "Reader", "PolicyDocument": "{}" })
        }
        (Service::Iam, "PutRolePolicy") => {
            json!({ "RoleName": "Reader", "PolicyName": "read", "PolicyDocument": "{}" })
        }
        (Service::Iam, "DeleteRolePolicy" | "GetRolePolicy") => {
            json!({ "RoleName": "Reader", "PolicyName": "read" })
        }
        (Service::Iam, "TagRole") => json!({
            "RoleName": "Reader",
            "Tags": [{ "Key": "team", "Value": "blue" }, { "Key": "floor", "Value": "2" }],
        }),
        (Service::Iam, "UntagRole") => {
            json!({ "RoleName": "Reader", "TagKeys": ["team", "floor"] })
        }
        (Service::Sts, "GetCallerIdentity")
        | (Service::Iam, "ListOpenIDConnectProviders" | "ListSAMLProviders")
        | (
            Service::Cognate,
            "CheckPolicies"
            | "ExportConfiguration"
            | "ListAccessKeys"
            | "RotateMasterKey"
            | "RotateRootKey",
        ) => json!({}),
        (
            Service::Iam,
            "AddClientIDToOpenIDConnectProvider" | "RemoveClientIDFromOpenIDConnectProvider",
        ) => json!({ "OpenIDConnectProviderArn": PROVIDER, "ClientID": "app" }),
        (Service::Iam, "CreateOpenIDConnectProvider") => json!({
            "Url": "not a URL", "ClientIDList": ["one", "two"], "ThumbprintList": [PRINT],
            "Tags": [{ "Key": "team", "Value": "blue" }, { "Key": "floor", "Value": "2" }],
            "ContextProvider": context_provider(), "IdentityCenterInstanceArn": "arn:aws:sso:::instance/one",
        }),
        (Service::Iam, "DeleteOpenIDConnectProvider" | "GetOpenIDConnectProvider") => {
            json!({ "OpenIDConnectProviderArn": PROVIDER })
        }
        (Service::Iam, "TagOpenIDConnectProvider") => json!({
            "OpenIDConnectProviderArn": PROVIDER,
            "Tags": [{ "Key": "team", "Value": "blue" }, { "Key": "floor", "Value": "2" }],
        }),
        (Service::Iam, "UntagOpenIDConnectProvider") => {
            json!({ "OpenIDConnectProviderArn": PROVIDER, "TagKeys": ["team", "floor"] })
        }
        (Service::Iam, "ListOpenIDConnectProviderTags") => {
            json!({ "OpenIDConnectProviderArn": PROVIDER, "MaxItems": 10, "Marker": "a" })
        }
        (Service::Iam, "TagSAMLProvider") => json!({
            "SAMLProviderArn": SAML_PROVIDER,
            "Tags": [{ "Key": "team", "Value": "blue" }, { "Key": "floor", "Value": "2" }],
        }),
        (Service::Iam, "UntagSAMLProvider") => {
            json!({ "SAMLProviderArn": SAML_PROVIDER, "TagKeys": ["team", "floor"] })
        }
        (Service::Iam, "ListSAMLProviderTags") => {
            json!({ "SAMLProviderArn": SAML_PROVIDER, "MaxItems": 10, "Marker": "a" })
        }
        (Service::Iam, "UpdateOpenIDConnectProviderThumbprint") => {
            json!({ "OpenIDConnectProviderArn": PROVIDER, "ThumbprintList": [PRINT] })
        }
        (Service::Iam, "CreateSAMLProvider") => json!({
            "SAMLMetadataDocument": "no metadata ".repeat(100), "Name": "corp",
            "Tags": [{ "Key": "team", "Value": "blue" }, { "Key": "floor", "Value": "2" }],
            "AssertionEncryptionMode": "Allowed", "AddPrivateKey": "key",
            "ContextProvider": context_provider(), "IdentityCenterInstanceArn": "arn:aws:sso:::instance/one",
        }),
        (Service::Iam, "DeleteSAMLProvider" | "GetSAMLProvider") => {
            json!({ "SAMLProviderArn": SAML_PROVIDER })
        }
        (Service::Iam, "UpdateSAMLProvider") => json!({
            "SAMLMetadataDocument": "no metadata ".repeat(100), "SAMLProviderArn": SAML_PROVIDER,
            "AssertionEncryptionMode": "Allowed", "AddPrivateKey": "key",
            "RemovePrivateKey": "A".repeat(22),
            "ContextProvider": context_provider(), "IdentityCenterInstanceArn": "arn:aws:sso:::instance/one",
            "RemoveContextProvider": true, "RemoveIdentityCenterInstance": true,
        }),
        (Service::Iam, "SimulatePrincipalPolicy") => json!({
            "PolicySourceArn": ROLE,
            "PolicyInputList": ["{}", "{}"], "PermissionsBoundaryPolicyInputList": ["{}", "{}"],
            "ActionNames": ["s3:GetObject", "s3:PutObject"], "ResourceArns": ["arn:aws:s3:::a", "arn:aws:s3:::b"],
            "ResourcePolicy": "{}", "ResourceOwner": "arn:aws:iam::123456789012:root",
            "CallerArn": "arn:aws:iam::123456789012:user/ada",
            "ContextEntries": [
                { "ContextKeyName": "aws:userid", "ContextKeyValues": ["a", "b"], "ContextKeyType": "ip" },
                { "ContextKeyName": "aws:PrincipalArn", "ContextKeyValues": ["a", "b"], "ContextKeyType": "date" },
            ],
            "ResourceHandlingOption": "EC2-VPC-EBS", "MaxItems": 10, "Marker": "a",
            "PolicyExclusionList": [
                { "PolicyArn": "arn:aws:iam::123456789012:policy/Boundary" },
                { "PolicyType": "permission-boundary" },
                { "InlinePolicyIdentifier": {
                    "PolicyName": "one", "AttachmentType": "role", "AttachmentName": "Reader",
                } },
            ],
        }),
        (Service::Cognate, "SimulatePolicy") => json!({
            "RoleName": "Reader", "Actions": ["s3:GetObject", "s3:PutObject"],
            "Resources": ["arn:aws:s3:::a", "arn:aws:s3:::b"], "Context": { "aws:userid": "a", "aws:PrincipalType": "b" },
            "SessionPolicy": "{}", "Guest": true,
        }),
        (Service::Cognate, "ApplyConfiguration") => json!({
            "Document": r#"{"access_keys":[{"Name":"seeded","Policy":"{}"}]}"#, "DryRun": true, "Prune": false,
            "ReusePoolIds": [POOL], "DeletePoolIds": [POOL], "Plan": "0123456789abcdef".repeat(4),
        }),
        (Service::Cognate, "CreateAccessKey") => json!({ "Name": "ci", "Policy": "{}" }),
        (Service::Cognate, "DeleteAccessKey") => json!({ "AccessKeyId": "AKIAIOSFODNN7NOBODYS" }),
        (Service::Cognate, "ExplainLogin") => json!({ "IdentityPoolId": POOL, "Logins": logins() }),
        (Service::Cognate, "ExplainWebIdentity") => {
            json!({ "RoleArn": ROLE, "WebIdentityToken": "opaque" })
        }
        (Service::Cognate, "GetCredentialsDuration" | "GetPoolSettings") => {
            json!({ "IdentityPoolId": POOL })
        }
        (Service::Cognate, "SetPoolSettings") => json!({
            "IdentityPoolId": POOL, "Version": 1,
            "Settings": r#"{"CredentialsDurationSeconds":900,"CredentialsWithinLogin":true,"ReuseOpenIdTokens":false}"#,
        }),
        (Service::Cognate, "SetCredentialsDuration") => json!({
            "IdentityPoolId": POOL, "DurationSeconds": 3600, "WithinLogin": true,
        }),
        (Service::Cognate, "RevokeIdentity") => {
            json!({ "IdentityId": IDENTITY, "OnlyThisPool": true })
        }
        (Service::Cognate, "UpdateAccessKey") => {
            json!({ "AccessKeyId": "AKIAIOSFODNN7NOBODYS", "Status": "Inactive" })
        }
        (Service::Cognate, "ListKeys") => json!({ "Purpose": "Signing" }),
        (Service::Cognate, "RotateKeys") => {
            json!({ "Purpose": "Sealing", "Compromised": false, "KeyId": "none" })
        }
        (_, name) => panic!("constraints/requests.rs has no request of {name}"),
    }
}

fn context_provider() -> Value {
    let key = |name: &str| json!({ "SourceKey": name, "TargetKey": name });
    json!({
        "KeyDefinitionList": [key("one"), key("two")], "SubjectSourceKey": "sub",
        "SubjectTypeSourceKey": "type", "SubjectTypeValue": "user",
    })
}

fn client(id: &str) -> Value {
    let name = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";
    json!({ "ProviderName": name, "ClientId": id, "ServerSideTokenCheck": false })
}

fn logins() -> Value {
    json!({ "accounts.google.com": "token", "login.example.com": "token" })
}

fn rule(value: &str) -> Value {
    json!({ "Claim": "cognito:groups", "MatchType": "Contains", "Value": value, "RoleARN": ROLE })
}

fn with(mut input: Value, more: Value) -> Value {
    let (Value::Object(members), Value::Object(more)) = (&mut input, more) else {
        panic!("members");
    };
    members.extend(more);
    input
}
