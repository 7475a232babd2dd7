//! The bound on the steps of an evaluation: a policy and condition keys that need more never let anything through.

use serde_json::{Value, json};

use super::policy;
use crate::policy::{AccessDecision, AccessRequest, Context, Policy, PolicyKind, evaluate};

/// A policy with one condition on the key `a:v`.
fn conditioned(effect: &str, operator: &str, values: &Value) -> Policy {
    let statement = json!({
        "Effect": effect, "Action": "s3:Get*", "Resource": "*", "Condition": { operator: { "a:v": values } },
    });
    let document = json!({ "Version": "2012-10-17", "Statement": statement });
    policy(PolicyKind::Identity, &document.to_string())
}

fn decide<'p>(values: &[String], policies: impl IntoIterator<Item = &'p Policy>) -> AccessDecision {
    let mut context = Context::default();
    context.set_all("a:v", values.iter().cloned());
    context.set("a:one", values.first().cloned().unwrap_or_default());
    evaluate(
        &AccessRequest {
            action: "s3:GetObject",
            resource: "arn:aws:s3:::bucket/key",
            principal: None,
            context: &context,
        },
        policies,
    )
}

fn is_deny(decision: AccessDecision) -> bool {
    matches!(decision, AccessDecision::ExplicitDeny { .. })
}

#[test]
fn what_takes_too_many_steps_denies() {
    let allow = policy(
        PolicyKind::Identity,
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
    );
    // A statement that denies other values.
    let other = conditioned("Deny", "ForAnyValue:StringEquals", &json!("b"));
    let long = json!(format!("*{}b", "a".repeat(9_000)));
    let many: Vec<Value> = (0..1_000).map(|at| json!(format!("*a{at}"))).collect();
    let numbers: Vec<Value> = (0..1_000)
        .map(|at| json!((at + 100_000).to_string()))
        .collect();
    let variables = json!("${a:one}".repeat(1_000));
    let text = "a".repeat(50_000);
    let short: Vec<String> = (0..12_000).map(|at| format!("{at}")).collect();
    for (operator, patterns, values) in [
        ("StringLike", long.clone(), vec![text.clone()]),
        ("StringLike", json!(many), short.clone()),
        ("StringLike", json!(many), vec![text.clone()]),
        ("StringLike", json!([variables]), short.clone()),
        (
            "ArnLike",
            json!(format!("*:*:*:*:*:{}", long.as_str().unwrap())),
            vec![format!("a:a:a:a:a:{text}")],
        ),
        ("NumericEquals", json!(numbers), short.clone()),
    ] {
        let positive = format!("ForAnyValue:{operator}");
        let negated = operator.replace("Like", "NotLike");
        let negated = format!("ForAllValues:{}", negated.replace("Equals", "NotEquals"));
        let expensive = conditioned("Allow", &positive, &patterns);
        assert!(is_deny(decide(&values, [&expensive, &other])), "{operator}");
        let expensive = conditioned("Allow", &negated, &patterns);
        let decision = decide(&values, [&expensive]);
        assert_eq!(decision, AccessDecision::ImplicitDeny, "{negated}");
        let expensive = conditioned("Deny", &positive, &patterns);
        assert!(is_deny(decide(&values, [&allow, &expensive])), "{operator}");
    }
    // Everything behind the policy that takes all steps denies, too.
    let expensive = conditioned("Allow", "ForAnyValue:StringLike", &long);
    let values = [text];
    assert!(decide(&values, [&allow, &other]).is_allow());
    assert_eq!(
        decide(&values, [&expensive, &allow]),
        AccessDecision::ImplicitDeny
    );
}

#[test]
fn rich_policies_and_tokens_have_enough_steps() {
    let id = |at: usize| format!("{:08x}-0b1c-4d2e-8f30-9a8b7c6d5e4f", at * 2_654_435);
    let groups: Vec<String> = (0..200).map(id).collect();
    let others: Vec<String> = (1_000..1_200).map(id).collect();
    for operator in ["ForAnyValue:StringEquals", "ForAnyValue:StringLike"] {
        let mut wanted = others.clone();
        let denying = conditioned("Allow", operator, &json!(wanted));
        assert_eq!(decide(&groups, [&denying]), AccessDecision::ImplicitDeny);
        wanted[199].clone_from(&groups[199]);
        let allowing = conditioned("Allow", operator, &json!(wanted));
        assert!(decide(&groups, [&allowing]).is_allow(), "{operator}");
    }
    // Repositories with wildcards, and a subject of the greatest length.
    let subject = ["repo:octo-org/octo-repo:ref:refs/heads/".to_owned() + &"b".repeat(216)];
    let repositories: Vec<String> = (0..180)
        .map(|at| format!("repo:octo-org/*-{at}:ref:refs/heads/*"))
        .chain(["repo:octo-org/*-repo:*".to_owned()])
        .collect();
    let allowing = conditioned("Allow", "ForAnyValue:StringLike", &json!(repositories));
    assert!(decide(&subject, [&allowing]).is_allow());
}
