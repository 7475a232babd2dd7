//! Attacks on pins in trust policies, and published trust policies, both when written and when used.

use serde_json::{Value, json};

use super::trust_policy::{WITH_WEB_IDENTITY, read};
use crate::policy::{AccessRequest, Context, Principal, evaluate};

const ACCOUNT: &str = "123456789012";
const GITHUB: &str = "token.actions.githubusercontent.com";
const OWN: &str = "cognito-identity.amazonaws.com";

fn principal(issuer: &str) -> String {
    if issuer.starts_with("cognito-identity") {
        issuer.to_owned()
    } else {
        format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}")
    }
}

fn document(issuer: &str, conditions: &Value) -> String {
    let mut statement = json!({
        "Effect": "Allow", "Principal": { "Federated": principal(issuer) }, "Action": WITH_WEB_IDENTITY,
    });
    let mut all = json!({});
    for (operator, keys) in conditions.as_object().unwrap() {
        for (claim, value) in keys.as_object().unwrap() {
            all[operator][format!("{issuer}:{claim}")] = value.clone();
        }
    }
    statement["Condition"] = all;
    json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
}

/// Whether the policy is accepted when written.
fn is_written(issuer: &str, conditions: &Value) -> bool {
    read(&document(issuer, conditions)).is_ok()
}

/// Whether the policy lets in a token with these claims.
fn lets_in(issuer: &str, conditions: &Value, claims: &[(&str, &str)]) -> bool {
    let policy = read(&document(issuer, conditions)).unwrap();
    let mut context = Context::default();
    for (claim, value) in claims {
        context.set(&format!("{issuer}:{claim}"), *value);
    }
    let name = principal(issuer);
    let request = AccessRequest {
        action: WITH_WEB_IDENTITY,
        resource: "*",
        principal: Some(Principal::Federated(&name)),
        context: &context,
    };
    evaluate(&request, [&policy]).is_allow()
}

/// Claims with their values.
type Claims = Vec<(&'static str, &'static str)>;

#[test]
fn a_pin_that_names_no_tenant_is_refused() {
    let attacks = [
        (GITHUB, "sub", "repo:*"),
        (GITHUB, "sub", "repo:octo*"),
        (GITHUB, "sub", "repo:*/deploy:*"),
        (GITHUB, "sub", "*:ref:refs/heads/main"),
        (GITHUB, "sub", "repo:octo-?rg/app:*"),
        (GITHUB, "repository", "octo*/app"),
        (GITHUB, "repository_owner", "octo-*"),
        ("gitlab.com", "sub", "project_path:*"),
        (
            "gitlab.com",
            "sub",
            "project_path:group*:ref_type:branch:ref:main",
        ),
        ("gitlab.com", "namespace_path", "group*"),
        (OWN, "aud", "us-*"),
        (OWN, "aud", "us-east-1:*"),
        (OWN, "aud", "us-east-1:0b1c2d3e-*"),
        ("accounts.google.com", "email", "*@*.com"),
        ("accounts.google.com", "hd", "*.com"),
        ("accounts.google.com", "sub", "1*"),
        ("app.terraform.io", "sub", "organization:*:project:x:*"),
        ("app.terraform.io", "sub", "organization:acme*"),
        ("agent.buildkite.com", "sub", "organization:*:pipeline:x:*"),
        ("oidc.codefresh.io", "sub", "account:*"),
    ];
    let accepted: Vec<_> = attacks
        .iter()
        .filter(|(issuer, claim, value)| {
            is_written(issuer, &json!({ "StringLike": { *claim: value } }))
        })
        .collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
}

// `tests/it/published_trust.rs` has the policies that vendors publish.
#[test]
fn operators_that_pass_an_absent_key_pin_as_others_do() {
    let pool = "us-east-1:0b1c2d3e-4f50-4678-9abc-def012345678";
    let github = "repo:octo-org/octo-repo:ref:refs/heads/main";
    let sts = "sts.amazonaws.com";
    let both = json!({ "ForAllValues:StringLike": { "aud": sts, "sub": github } });
    // The issuer, its conditions, the claims of a token that is let in, and those of one that isn't.
    #[rustfmt::skip]
    let table: Vec<(&str, &str, Value, Claims, Claims)> = vec![
        ("another subject", GITHUB, both.clone(), vec![("aud", sts), ("sub", github)], vec![("aud", sts), ("sub", "repo:evil/x")]),
        ("no subject", GITHUB, both.clone(), vec![("aud", sts), ("sub", github)], vec![("aud", sts)]),
        ("an empty subject", GITHUB, both, vec![("aud", sts), ("sub", github)], vec![("aud", sts), ("sub", "")]),
        ("IfExists", GITHUB, json!({ "StringLikeIfExists": { "sub": "repo:octo-org/*" } }),
            vec![("sub", github)], vec![("aud", sts)]),
        ("this issuer", OWN, json!({ "StringEquals": { "aud": pool } }),
            vec![("aud", pool)], vec![("aud", "us-east-1:other")]),
        ("this issuer, ForAllValues", OWN, json!({ "ForAllValues:StringEquals": { "aud": pool } }),
            vec![("aud", pool)], vec![]),
    ];
    let mut failures = Vec::new();
    for (name, issuer, conditions, inside, outside) in &table {
        if !is_written(issuer, conditions) {
            failures.push(format!("{name}: refused when written"));
        } else if !lets_in(issuer, conditions, inside) {
            failures.push(format!("{name}: keeps its tenant out"));
        } else if lets_in(issuer, conditions, outside) {
            failures.push(format!("{name}: lets in another"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_policy_with_not_principal_is_refused() {
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    for excepted in [
        json!("*"),
        json!({ "AWS": root }),
        json!({ "Federated": OWN }),
    ] {
        for effect in ["Allow", "Deny"] {
            let policy = json!({ "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Principal": { "AWS": root }, "Action": "sts:AssumeRole" },
                { "Effect": effect, "NotPrincipal": excepted, "Action": "sts:AssumeRole" },
            ] });
            assert!(read(&policy.to_string()).is_err(), "{policy}");
        }
    }
}
