//! A policy document. The first letter says what it is for: `i` an identity policy, `s` a session policy, `t` a trust
//! policy; the rest of the first line is the value of a variable. A statement says the same alone as among others, one
//! that denies wins, and what can't be read allows nothing.
#![no_main]

use cognate::model::json;
use cognate::policy::{
    AccessDecision, AccessRequest, Context, Effect, MAX_CHARACTERS, Policy, PolicyKind, Principal,
    evaluate,
};
use serde_json::{Map, Value};

/// The product of lengths up to which decisions are compared. Every pair of inputs is evaluated hundreds of times then, and
/// no evaluation has too few steps.
const MOST_STEPS: usize = 50_000;

const DENIES_ALL: &str =
    r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
const ALLOWS_ALL: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;

const ACTIONS: [&str; 4] = [
    "s3:GetObject",
    "sts:AssumeRoleWithWebIdentity",
    "cognito-identity:DescribeIdentityPool",
    "iam:PassRole",
];

const PRINCIPALS: [Option<Principal<'_>>; 4] = [
    None,
    Some(Principal::Federated("cognito-identity.amazonaws.com")),
    Some(Principal::Aws(&[
        "123456789012",
        "arn:aws:iam::123456789012:role/User",
    ])),
    Some(Principal::Service("ec2.amazonaws.com")),
];

fn parse(kind: PolicyKind, text: &[u8]) -> Option<Policy> {
    Policy::parse(kind, text, MAX_CHARACTERS).ok()
}

fn all(text: &str) -> Policy {
    parse(PolicyKind::Identity, text.as_bytes()).expect("a policy")
}

/// Each statement of a document as a policy of its own.
fn apart(kind: PolicyKind, text: &[u8]) -> Vec<Policy> {
    let document = json::read(text).expect("a policy is strict JSON");
    let statements = match &document["Statement"] {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let alone = statements.into_iter().map(|statement| {
        let mut whole: Map<String, Value> = document.as_object().expect("an object").clone();
        whole.insert("Statement".to_owned(), statement);
        parse(kind, Value::Object(whole).to_string().as_bytes())
    });
    // A document of the greatest length may be longer in this spelling.
    alone.collect::<Option<_>>().unwrap_or_default()
}

fn denies(decision: AccessDecision) -> bool {
    matches!(decision, AccessDecision::ExplicitDeny { .. })
}

fn contexts(value: &str) -> [Context; 2] {
    let mut full = Context::default();
    full.set("a:v", value);
    full.set("aws:username", "ada");
    full.set("aws:CurrentTime", "2026-03-01T12:00:00Z");
    full.set("aws:SourceIp", "10.0.0.1");
    full.set("aws:SecureTransport", "true");
    full.set("cognito-identity.amazonaws.com:aud", "eu-west-1:1");
    full.set_all(
        "cognito-identity.amazonaws.com:amr",
        ["authenticated", value],
    );
    [full, Context::default()]
}

cognate_fuzz::target!(|bytes: &[u8]| {
    let line = bytes.iter().position(|byte| *byte == b'\n');
    let Some((first, text)) = line.map(|at| (&bytes[..at], &bytes[at + 1..])) else {
        return;
    };
    let Some((kind, value)) = first.split_first() else {
        return;
    };
    let kind = match kind {
        b'i' => PolicyKind::Identity,
        b's' => PolicyKind::Session,
        b't' => PolicyKind::Trust,
        _ => return,
    };
    let value = String::from_utf8_lossy(value);
    let policy = parse(kind, text);
    if kind == PolicyKind::Session && policy.is_some() {
        assert_eq!(
            parse(PolicyKind::Identity, text),
            policy,
            "a session policy is the stricter kind"
        );
    }
    if text.len() * (value.len() + 64) > MOST_STEPS {
        let request = AccessRequest {
            action: ACTIONS[0],
            resource: &value,
            principal: PRINCIPALS[1],
            context: &contexts(&value)[0],
        };
        evaluate(&request, &policy);
        return;
    }
    let apart = policy
        .as_ref()
        .map(|_| apart(kind, text))
        .unwrap_or_default();
    let (denies_all, allows_all) = (all(DENIES_ALL), all(ALLOWS_ALL));
    let resource = format!("arn:aws:s3:::bucket/{value}");
    for context in &contexts(&value) {
        for action in ACTIONS {
            for principal in PRINCIPALS {
                let request = AccessRequest {
                    action,
                    resource: &resource,
                    principal,
                    context,
                };
                let decide = |policies: &[&Policy]| evaluate(&request, policies.iter().copied());
                let Some(policy) = &policy else {
                    assert_eq!(evaluate(&request, &policy), AccessDecision::ImplicitDeny);
                    continue;
                };
                let decision = decide(&[policy]);
                assert!(denies(decide(&[policy, &denies_all])));
                assert!(denies(decide(&[&denies_all, policy])));
                assert_eq!(denies(decide(&[&allows_all, policy])), denies(decision));
                if let AccessDecision::Allow { statement, .. } = decision {
                    assert_eq!(policy.statements()[statement].effect(), Effect::Allow);
                }
                if apart.is_empty() {
                    continue;
                }
                let alone: Vec<AccessDecision> = apart.iter().map(|one| decide(&[one])).collect();
                let is_denied = alone.iter().any(|one| denies(*one));
                let is_allowed = alone.iter().any(|one| one.is_allow());
                assert_eq!(denies(decision), is_denied);
                assert_eq!(decision.is_allow(), is_allowed && !is_denied);
            }
        }
    }
});
