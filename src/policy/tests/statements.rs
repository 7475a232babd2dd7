//! What can be told of a statement without asking anything of it.

use super::policy;
use crate::policy::{Effect, PolicyKind, Principal, Statement};

const POOL: &str = "cognito-identity.amazonaws.com";
const AUD: &str = "cognito-identity.amazonaws.com:aud";

fn trusting(principal: &str, condition: &str) -> Statement {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Sid": "one", "Effect": "Allow", "Principal": {principal},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {condition}}}}}"#
    );
    policy(PolicyKind::Trust, &text).statements()[0].clone()
}

#[test]
fn its_id_and_effect() {
    let statement = trusting("\"*\"", "{}");
    assert_eq!(
        (statement.sid(), statement.effect()),
        (Some("one"), Effect::Allow)
    );
    let text = r#"{"Statement": {"Sid": "", "Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    let policy = policy(PolicyKind::Identity, text);
    let statement = &policy.statements()[0];
    assert_eq!((statement.sid(), statement.effect()), (None, Effect::Deny));
}

#[test]
fn whom_it_is_about() {
    for principal in [
        r#""*""#,
        r#"{"AWS": "*"}"#,
        r#"{"Federated": ["accounts.google.com", "cognito-identity.amazonaws.com"]}"#,
    ] {
        assert!(
            trusting(principal, "{}").is_about(Principal::Federated(POOL)),
            "{principal}"
        );
    }
    for principal in [
        r#"{"Federated": "accounts.google.com"}"#,
        r#"{"Service": "cognito-identity.amazonaws.com"}"#,
        r#"{"AWS": "123456789012"}"#,
    ] {
        assert!(
            !trusting(principal, "{}").is_about(Principal::Federated(POOL)),
            "{principal}"
        );
    }
    let text = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    assert!(
        policy(PolicyKind::Identity, text).statements()[0].is_about(Principal::Federated(POOL))
    );
}

#[test]
fn what_pins_a_key() {
    for condition in [
        r#"{"StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:1"}}"#,
        r#"{"StringEquals": {"Cognito-Identity.amazonaws.com:AUD": ["eu-west-1:1", "eu-west-1:2"]}}"#,
        r#"{"StringEqualsIgnoreCase": {"cognito-identity.amazonaws.com:aud": "eu-west-1:1"}}"#,
        r#"{"StringLike": {"cognito-identity.amazonaws.com:aud": "eu-west-1:*"}}"#,
        r#"{"ForAnyValue:StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:1"}}"#,
        // In a trust policy, these are false without the key.
        r#"{"StringEqualsIfExists": {"cognito-identity.amazonaws.com:aud": "eu-west-1:1"}}"#,
        r#"{"ForAllValues:StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:1"}}"#,
        r#"{"ForAnyValue:StringEqualsIfExists": {"cognito-identity.amazonaws.com:aud": "eu-west-1:1"}}"#,
        r#"{"Bool": {"a:b": "true"}, "StringEquals": {"cognito-identity.amazonaws.com:aud": "x"}}"#,
        r#"{"StringLike": {"cognito-identity.amazonaws.com:aud": "*"}, "StringEquals": {"cognito-identity.amazonaws.com:aud": "x"}}"#,
    ] {
        assert!(trusting("\"*\"", condition).pins(AUD), "{condition}");
    }
}

#[test]
fn what_does_not_pin_a_key() {
    for condition in [
        "{}",
        r#"{"StringEquals": {"cognito-identity.amazonaws.com:sub": "eu-west-1:1"}}"#,
        r#"{"StringNotEquals": {"cognito-identity.amazonaws.com:aud": "eu-west-1:1"}}"#,
        r#"{"StringLike": {"cognito-identity.amazonaws.com:aud": "*"}}"#,
        r#"{"StringLike": {"cognito-identity.amazonaws.com:aud": ["eu-west-1:1", "?*:*-*"]}}"#,
        r#"{"StringEquals": {"cognito-identity.amazonaws.com:aud": "${cognito-identity.amazonaws.com:aud}"}}"#,
        r#"{"StringEquals": {"cognito-identity.amazonaws.com:aud": "x${a:b, 'y'}"}}"#,
        r#"{"Null": {"cognito-identity.amazonaws.com:aud": "false"}}"#,
        r#"{"NumericEquals": {"cognito-identity.amazonaws.com:aud": "1"}}"#,
    ] {
        assert!(!trusting("\"*\"", condition).pins(AUD), "{condition}");
    }
}
