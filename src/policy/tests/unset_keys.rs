//! Condition keys that this server never knows: which statements are refused because of them, and what such a statement
//! means if it is stored.

use super::policy;
use crate::policy::{
    AccessDecision, AccessRequest, Context, MAX_CHARACTERS, Policy, PolicyKind, evaluate,
};

/// Operators with a value, and whether an absent key passes.
const OPERATORS: [(&str, &str, bool); 19] = [
    ("StringEquals", "x", false),
    ("StringEqualsIgnoreCase", "x", false),
    ("StringLike", "x*", false),
    ("ArnEquals", "arn:aws:iam::123456789012:role/x", false),
    ("ArnLike", "arn:aws:iam::123456789012:role/*", false),
    ("NumericLessThan", "5", false),
    ("DateGreaterThan", "2026-01-01", false),
    ("Bool", "true", false),
    ("BinaryEquals", "eA==", false),
    ("IpAddress", "10.0.0.0/8", false),
    ("ForAnyValue:StringEquals", "x", false),
    ("Null", "false", false),
    ("Null", "true", true),
    ("StringNotEquals", "x", true),
    ("StringNotLike", "x*", true),
    ("NotIpAddress", "10.0.0.0/8", true),
    ("StringEqualsIfExists", "x", true),
    ("BoolIfExists", "true", true),
    ("ForAllValues:StringEquals", "x", true),
];

/// Keys that this server never knows, of every namespace.
const UNSET: [&str; 8] = [
    "aws:SourceVpc",
    "aws:PrincipalOrgID",
    "AWS:CalledVia",
    "aws:SourceIdentity",
    "aws:Unheard",
    "sts:SourceIdentity",
    "iam:TemplateArn",
    "cognate:Anything",
];

const SET: [&str; 6] = [
    "aws:SourceIp",
    "aws:TokenIssueTime",
    "aws:PrincipalTag/team",
    "sts:ExternalId",
    "cognito-identity.amazonaws.com:sub",
    "s3:prefix",
];

fn statement(effect: &str, action: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}",{action},"Resource":"*","Condition":{condition}}}}}"#
    )
}

fn condition(operator: &str, key: &str, value: &str) -> String {
    format!(r#"{{"{operator}":{{"{key}":"{value}"}}}}"#)
}

fn is_refused(text: &str) -> bool {
    policy(PolicyKind::Identity, text);
    Policy::parse_new(PolicyKind::Identity, text.as_bytes(), MAX_CHARACTERS).is_err()
}

fn decision(text: &str, context: &Context) -> AccessDecision {
    let request = AccessRequest {
        action: "iam:GetRole",
        resource: "arn:aws:iam::123456789012:role/x",
        principal: None,
        context,
    };
    evaluate(&request, [&policy(PolicyKind::Identity, text)])
}

#[test]
fn a_statement_that_would_let_something_through_is_refused() {
    for (operator, value, absent_passes) in OPERATORS {
        for effect in ["Allow", "Deny"] {
            let lets_through = (effect == "Allow") == absent_passes;
            for action in [
                r#""Action":"*""#,
                r#""Action":"iam:Get*""#,
                r#""Action":"*:GetRole""#,
                r#""NotAction":["s3:*","iam:CreateRole"]"#,
            ] {
                for key in UNSET {
                    let text = statement(effect, action, &condition(operator, key, value));
                    assert_eq!(is_refused(&text), lets_through, "{text}");
                }
                for key in SET {
                    let text = statement(effect, action, &condition(operator, key, value));
                    assert!(!is_refused(&text), "{text}");
                }
            }
        }
    }
}

#[test]
fn a_stored_statement_allows_nothing_and_denies_everything() {
    let any = r#""Action":"*""#;
    for (operator, value, _) in OPERATORS {
        for key in UNSET {
            let condition = condition(operator, key, value);
            let allow = statement("Allow", any, &condition);
            let deny = statement("Deny", any, &condition);
            let none = Context::default();
            assert_eq!(
                decision(&allow, &none),
                AccessDecision::ImplicitDeny,
                "{allow}"
            );
            let denied = matches!(decision(&deny, &none), AccessDecision::ExplicitDeny { .. });
            assert!(denied, "{deny}");
        }
    }
}

#[test]
fn a_simulation_may_know_the_key() {
    let mut context = Context::default();
    context.set("aws:SourceVpc", "vpc-1");
    let any = r#""Action":"*""#;
    let not = condition("StringNotEquals", "aws:SourceVpc", "vpc-2");
    assert!(decision(&statement("Allow", any, &not), &context).is_allow());
    let equals = condition("StringEquals", "aws:SourceVpc", "vpc-2");
    let denied = decision(&statement("Deny", any, &equals), &context);
    assert_eq!(denied, AccessDecision::ImplicitDeny);
}

#[test]
fn the_keys_of_own_services_are_left_to_other_services() {
    for action in [
        r#""Action":"s3:*""#,
        r#""NotAction":["sts:*","IAM:*","cognito-identity:*","cognate:*"]"#,
    ] {
        let not = |key: &str| statement("Allow", action, &condition("StringNotEquals", key, "x"));
        assert!(!is_refused(&not("sts:SourceIdentity")), "{action}");
        assert!(is_refused(&not("aws:SourceVpc")), "{action}");
    }
}

#[test]
fn a_variable_without_a_value_counts_like_its_key() {
    let any = r#""Action":"*""#;
    let vpc = "${aws:SourceVpc}";
    for (effect, operator, refused) in [
        ("Allow", "StringNotEquals", true),
        ("Allow", "StringEquals", false),
        ("Deny", "StringEquals", true),
        ("Deny", "StringNotLike", false),
    ] {
        let text = statement(
            effect,
            any,
            &condition(operator, "aws:PrincipalTag/vpc", vpc),
        );
        assert_eq!(is_refused(&text), refused, "{text}");
        let mut context = Context::default();
        context.set("aws:PrincipalTag/vpc", "vpc-1");
        let allowed = decision(&text, &context).is_allow();
        assert!(!allowed, "{text}");
        let denied = matches!(
            decision(&text, &context),
            AccessDecision::ExplicitDeny { .. }
        );
        assert_eq!(denied, effect == "Deny", "{text}");
    }
    let resource = |effect: &str| {
        statement(effect, any, "{}").replace(
            r#""Resource":"*""#,
            r#""Resource":"arn:aws:iam::123456789012:role/${aws:SourceVpc}""#,
        )
    };
    assert!(is_refused(&resource("Deny")));
    assert!(!is_refused(&resource("Allow")));
}

#[test]
fn the_refusal_names_the_statement_and_the_key() {
    let text = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"*","Resource":"*"},
        {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}}]}"#;
    let error =
        Policy::parse_new(PolicyKind::Identity, text.as_bytes(), MAX_CHARACTERS).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("Statement[1]") && text.contains("aws:sourcevpc"),
        "{text}"
    );
}
