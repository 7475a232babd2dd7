//! The messages written out: one of each form, as the real service words them.

use cognate::operations::ALL;
use serde_json::{Value, json};

use super::sending::{send, violates};
use crate::world::{GUEST_ROLE, World};

const POOL: &str = "eu-west-1:00000000-0000-4000-8000-000000000000";

/// Sends an operation's requests, each to be refused with its message.
async fn says(operation: &str, cases: &[(Value, &str)]) {
    let world = World::new().await;
    let mut entries = ALL.iter();
    let entry = entries.find(|entry| entry.name == operation).unwrap();
    for (request, text) in cases {
        let answer = send(&world, entry, request).await;
        violates(entry, &answer, text, &request.to_string());
    }
}

#[tokio::test]
async fn a_missing_member() {
    let missing = "1 validation error detected: Value null at 'identityPoolId' failed to satisfy constraint: Member \
                   must not be null";
    let cases = [
        (json!({}), missing),
        (json!({ "IdentityPoolId": null }), missing),
        (json!({ "identityPoolId": POOL }), missing),
    ];
    says("GetId", &cases).await;
}

#[tokio::test]
async fn two_missing_members() {
    let cases = [(
        json!({}),
        "2 validation errors detected: Value null at 'identityPoolName' failed to satisfy constraint: Member must not \
         be null; Value null at 'allowUnauthenticatedIdentities' failed to satisfy constraint: Member must not be null",
    )];
    says("CreateIdentityPool", &cases).await;
}

#[tokio::test]
async fn a_text_by_itself() {
    let pool = |id: &str| json!({ "IdentityPoolId": id });
    let cases = [
        (
            pool("us-east-2:mock"),
            "1 validation error detected: Value 'us-east-2:mock' at 'identityPoolId' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\w-]+:[0-9a-f-]+",
        ),
        (
            pool("us-east-1:0000000000000000000000000000000000000000000000"),
            "1 validation error detected: Value 'us-east-1:0000000000000000000000000000000000000000000000' at \
             'identityPoolId' failed to satisfy constraint: Member must have length less than or equal to 55",
        ),
        (
            pool(""),
            "2 validation errors detected: Value '' at 'identityPoolId' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\w-]+:[0-9a-f-]+; Value '' at 'identityPoolId' failed to satisfy \
             constraint: Member must have length greater than or equal to 1",
        ),
    ];
    says("DescribeIdentityPool", &cases).await;
}

#[tokio::test]
async fn a_number() {
    let count = |count: Value| json!({ "MaxResults": count });
    let most = |shown: &str| {
        format!(
            "1 validation error detected: Value '{shown}' at 'maxResults' failed to satisfy constraint: Member must \
             have value less than or equal to 60"
        )
    };
    let least = |shown: &str| {
        format!(
            "1 validation error detected: Value '{shown}' at 'maxResults' failed to satisfy constraint: Member must \
             have value greater than or equal to 1"
        )
    };
    let cases = [
        (count(json!(61)), most("61")),
        (count(json!(61.9)), most("61")),
        (count(json!(0)), least("0")),
        (count(json!(0.9)), least("0")),
        (count(json!(-0.0)), least("0")),
        (count(json!(-1)), least("-1")),
        (
            count(json!(9_223_372_036_854_775_808_u64)),
            most("9223372036854775807"),
        ),
        (count(json!(1e300)), most("9223372036854775807")),
        (count(json!(-1e300)), least("-9223372036854775808")),
    ];
    let cases = cases
        .each_ref()
        .map(|(request, text)| (request.clone(), text.as_str()));
    says("ListIdentityPools", &cases).await;
}

#[tokio::test]
async fn a_value_that_is_not_of_the_set() {
    let mapping = |mapping: Value| {
        json!({
            "IdentityPoolId": POOL, "Roles": {}, "RoleMappings": { "accounts.google.com": mapping },
        })
    };
    let cases = [
        (
            mapping(json!({ "Type": "token" })),
            "1 validation error detected: Value 'token' at 'roleMappings.accounts.google.com.member.type' failed to \
             satisfy constraint: Member must satisfy enum value set: [Token, Rules]",
        ),
        (
            mapping(json!({ "Type": "Token", "AmbiguousRoleResolution": "" })),
            "1 validation error detected: Value '' at \
             'roleMappings.accounts.google.com.member.ambiguousRoleResolution' failed to satisfy constraint: Member \
             must satisfy enum value set: [AuthenticatedRole, Deny]",
        ),
    ];
    says("SetIdentityPoolRoles", &cases).await;
}

#[tokio::test]
async fn what_is_deep_within() {
    let rules = |rules: Value| {
        let configuration = json!({ "Rules": rules });
        let mapping = json!({ "Type": "Rules", "RulesConfiguration": configuration });
        json!({ "IdentityPoolId": POOL, "Roles": {}, "RoleMappings": { "a": mapping } })
    };
    let good =
        json!({ "Claim": "sub", "MatchType": "Equals", "Value": "x", "RoleARN": GUEST_ROLE });
    let cases = [
        (
            rules(
                json!([good, { "Claim": "a b", "MatchType": "Is", "Value": "", "RoleARN": "arn" }]),
            ),
            "4 validation errors detected: Value 'a b' at 'roleMappings.a.member.rulesConfiguration.rules.2.member.\
             claim' failed to satisfy constraint: Member must satisfy regular expression pattern: \
             [\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+; Value 'Is' at 'roleMappings.a.member.rulesConfiguration.rules.2.member.\
             matchType' failed to satisfy constraint: Member must satisfy enum value set: [Equals, Contains, \
             StartsWith, NotEqual]; Value '' at 'roleMappings.a.member.rulesConfiguration.rules.2.member.value' failed \
             to satisfy constraint: Member must have length greater than or equal to 1; Value 'arn' at \
             'roleMappings.a.member.rulesConfiguration.rules.2.member.roleARN' failed to satisfy constraint: Member \
             must have length greater than or equal to 20",
        ),
        (
            rules(json!([good, { "Claim": "sub", "MatchType": "Equals", "Value": "x" }])),
            "1 validation error detected: Value null at 'roleMappings.a.member.rulesConfiguration.rules.2.member.\
             roleARN' failed to satisfy constraint: Member must not be null",
        ),
        (
            rules(json!([])),
            "1 validation error detected: Value '[]' at 'roleMappings.a.member.rulesConfiguration.rules' failed to \
             satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            rules(json!([null])),
            "1 validation error detected: Value '[]' at 'roleMappings.a.member.rulesConfiguration.rules' failed to \
             satisfy constraint: Member must have length greater than or equal to 1",
        ),
    ];
    says("SetIdentityPoolRoles", &cases).await;
}

#[tokio::test]
async fn a_sensitive_map_is_not_shown() {
    let logins = |logins: Value| json!({ "IdentityPoolId": POOL, "Logins": logins });
    let eleven: serde_json::Map<String, Value> =
        (1..=11).map(|at| (format!("p{at}"), json!("t"))).collect();
    let cases = [
        (
            logins(json!({ "graph.facebook.com": "" })),
            "1 validation error detected: Value at 'logins' failed to satisfy constraint: Map value must satisfy \
             constraint: [Member must have length less than or equal to 50000, Member must have length greater than or \
             equal to 1]",
        ),
        (
            logins(json!({ "graph.facebook.com": null, "accounts.google.com": "t" })),
            "1 validation error detected: Value at 'logins' failed to satisfy constraint: Map value must satisfy \
             constraint: [Member must have length less than or equal to 50000, Member must have length greater than or \
             equal to 1, Member must not be null]",
        ),
        (
            logins(json!({ "": "t" })),
            "1 validation error detected: Value at 'logins' failed to satisfy constraint: Map keys must satisfy \
             constraint: [Member must have length less than or equal to 128, Member must have length greater than or \
             equal to 1]",
        ),
        (
            logins(Value::Object(eleven)),
            "1 validation error detected: Value at 'logins' failed to satisfy constraint: Member must have length less \
             than or equal to 10",
        ),
    ];
    says("GetId", &cases).await;
}

#[tokio::test]
async fn a_map_is_shown_as_java_prints_it() {
    let roles = |roles: Value| json!({ "IdentityPoolId": POOL, "Roles": roles });
    let cases = [
        (
            roles(json!({ "authenticated": "arn", "unauthenticated": GUEST_ROLE })),
            "1 validation error detected: Value '{authenticated=arn, \
             unauthenticated=arn:aws:iam::123456789012:role/Guest}' at 'roles' failed to satisfy constraint: Map value \
             must satisfy constraint: [Member must have length less than or equal to 2048, Member must have length \
             greater than or equal to 20]",
        ),
        (
            roles(json!({ "guest": GUEST_ROLE })),
            "1 validation error detected: Value '{guest=arn:aws:iam::123456789012:role/Guest}' at 'roles' failed to \
             satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 128, \
             Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: \
             (un)?authenticated]",
        ),
        (
            roles(json!({ "authenticated": null })),
            "1 validation error detected: Value '{authenticated=null}' at 'roles' failed to satisfy constraint: Map \
             value must satisfy constraint: [Member must have length less than or equal to 2048, Member must have \
             length greater than or equal to 20, Member must not be null]",
        ),
        (
            json!({ "IdentityPoolId": POOL, "Roles": {}, "RoleMappings": { "a": null } }),
            "1 validation error detected: Value '{a=null}' at 'roleMappings' failed to satisfy constraint: Map value \
             must satisfy constraint: [Member must not be null]",
        ),
        (
            roles(
                json!({ "authenticated": GUEST_ROLE, "unauthenticated": GUEST_ROLE, "x": GUEST_ROLE }),
            ),
            "2 validation errors detected: Value '{authenticated=arn:aws:iam::123456789012:role/Guest, \
             unauthenticated=arn:aws:iam::123456789012:role/Guest, x=arn:aws:iam::123456789012:role/Guest}' at 'roles' \
             failed to satisfy constraint: Member must have length less than or equal to 2; Value \
             '{authenticated=arn:aws:iam::123456789012:role/Guest, \
             unauthenticated=arn:aws:iam::123456789012:role/Guest, x=arn:aws:iam::123456789012:role/Guest}' at 'roles' \
             failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or \
             equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression \
             pattern: (un)?authenticated]",
        ),
    ];
    says("SetIdentityPoolRoles", &cases).await;
}

#[tokio::test]
async fn a_list_of_texts_is_reported_once_and_one_of_structures_for_each() {
    let named = |member: &str, value: Value| json!({ "IdentityPoolName": "A pool", "AllowUnauthenticatedIdentities": false, member: value });
    let cases = [
        (
            named(
                "OpenIdConnectProviderARNs",
                json!(["one", GUEST_ROLE, "two"]),
            ),
            "1 validation error detected: Value '[one, arn:aws:iam::123456789012:role/Guest, two]' at \
             'openIdConnectProviderARNs' failed to satisfy constraint: Member must satisfy constraint: [Member must \
             have length less than or equal to 2048, Member must have length greater than or equal to 20]",
        ),
        (
            named(
                "CognitoIdentityProviders",
                json!([{ "ClientId": "-" }, {}, { "ClientId": "é" }]),
            ),
            "2 validation errors detected: Value '-' at 'cognitoIdentityProviders.1.member.clientId' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [\\w_]+; Value 'é' at \
             'cognitoIdentityProviders.3.member.clientId' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: [\\w_]+",
        ),
        (
            named(
                "SupportedLoginProviders",
                json!({ "graph.facebook.com": "" }),
            ),
            "1 validation error detected: Value '{graph.facebook.com=}' at 'supportedLoginProviders' failed to satisfy \
             constraint: Map value must satisfy constraint: [Member must have length less than or equal to 128, Member \
             must have length greater than or equal to 1, Member must satisfy regular expression pattern: \
             [\\w.;_/-]+]",
        ),
        (
            named(
                "SupportedLoginProviders",
                json!({ "api.twitter.com": "key; secret", "www.digits.com": "k;s", "www.amazon.com": "a" }),
            ),
            "1 validation error detected: Value '{api.twitter.com=..., www.digits.com=..., www.amazon.com=a}' at \
             'supportedLoginProviders' failed to satisfy constraint: Map value must satisfy constraint: [Member must \
             have length less than or equal to 128, Member must have length greater than or equal to 1, Member must \
             satisfy regular expression pattern: [\\w.;_/-]+]",
        ),
    ];
    says("CreateIdentityPool", &cases).await;
}

#[tokio::test]
async fn a_long_value_is_cut() {
    let token = "é".repeat(65_536);
    let shown = "é".repeat(4096);
    let text = format!(
        "1 validation error detected: Value '{shown}...' at 'nextToken' failed to satisfy constraint: Member must have \
         length less than or equal to 65535"
    );
    let request = json!({ "MaxResults": 1, "NextToken": token });
    says("ListIdentityPools", &[(request, &text)]).await;
}

#[tokio::test]
async fn a_hundred_violations_are_spelt_out_and_all_are_counted() {
    let world = World::new().await;
    let rules = json!({ "Rules": vec![json!({}); 3_000] });
    let mapping = json!({ "Type": "Rules", "RulesConfiguration": rules });
    let request = json!({ "IdentityPoolId": POOL, "Roles": {}, "RoleMappings": { "a": mapping } });
    let (status, _, text) = world.admin("SetIdentityPoolRoles", request).await.error();
    assert_eq!(status, 400);
    let (count, violations) = text.split_once(" validation errors detected: ").unwrap();
    assert_eq!(count, "12001");
    assert_eq!(violations.split("; ").count(), 100);
}

/// The same in the Query protocol.
async fn says_in_query(iam: bool, action: &str, cases: &[(&[(&str, &str)], &str)]) {
    let world = World::new().await;
    for (parameters, text) in cases {
        let answer = if iam {
            world.iam(action, parameters).await
        } else {
            world.sts(action, parameters).await
        };
        answer.query_refused(400, "ValidationError", text);
    }
}

#[tokio::test]
async fn parameters_of_sts() {
    let role = ("RoleArn", GUEST_ROLE);
    let (session, token) = (("RoleSessionName", "me"), ("WebIdentityToken", "token"));
    let cases: [(&[(&str, &str)], &str); 6] = [
        (
            &[],
            "3 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be \
             null; Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null; Value null \
             at 'webIdentityToken' failed to satisfy constraint: Member must not be null",
        ),
        (
            &[role, ("RoleSessionName", "/"), token],
            "2 validation errors detected: Value '/' at 'roleSessionName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\w+=,.@-]*; Value '/' at 'roleSessionName' failed to satisfy \
             constraint: Member must have length greater than or equal to 2",
        ),
        (
            &[role, session, ("WebIdentityToken", "abc")],
            "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have \
             length greater than or equal to 4",
        ),
        (
            &[role, session, token, ("DurationSeconds", "899")],
            "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must \
             have value greater than or equal to 900",
        ),
        (
            &[role, session, token, ("DurationSeconds", "43201")],
            "1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must \
             have value less than or equal to 43200",
        ),
        (
            &[
                role,
                session,
                token,
                ("PolicyArns.member.7.arn", "arn:aws:iam::aws:po"),
            ],
            "1 validation error detected: Value 'arn:aws:iam::aws:po' at 'policyArns.1.member.arn' failed to satisfy \
             constraint: Member must have length greater than or equal to 20",
        ),
    ];
    says_in_query(false, "AssumeRoleWithWebIdentity", &cases).await;
}

#[tokio::test]
async fn parameters_of_iam() {
    let url = ("Url", "https://login.example.com");
    let cases: [(&[(&str, &str)], &str); 4] = [
        (
            &[
                url,
                ("ClientIDList.member.1", "app"),
                ("ClientIDList.member.2", ""),
            ],
            "1 validation error detected: Value '[app, ]' at 'clientIDList' failed to satisfy constraint: Member must \
             satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater \
             than or equal to 1]",
        ),
        (
            &[url, ("ThumbprintList.member.1", "990f")],
            "1 validation error detected: Value '[990f]' at 'thumbprintList' failed to satisfy constraint: Member must \
             satisfy constraint: [Member must have length less than or equal to 40, Member must have length greater \
             than or equal to 40]",
        ),
        (
            &[url, ("Tags.member.1.Key", "<&'\">")],
            "2 validation errors detected: Value '<&'\">' at 'tags.1.member.key' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+; Value null at \
             'tags.1.member.value' failed to satisfy constraint: Member must not be null",
        ),
        (
            &[url, ("Tags.member.1.Unheard", "of")],
            "2 validation errors detected: Value null at 'tags.1.member.key' failed to satisfy constraint: Member must \
             not be null; Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null",
        ),
    ];
    says_in_query(true, "CreateOpenIDConnectProvider", &cases).await;
}
