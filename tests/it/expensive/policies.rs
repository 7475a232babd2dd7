//! Policies that are expensive to parse and to evaluate.

use serde_json::{Value, json};

/// A trust policy at its size limit for tokens of an issuer. Its patterns match nothing, and each is compared with every
/// value of the claims `a`, `b` and `c`.
pub fn trust(arn: &str, issuer: &str) -> String {
    let long = format!("*{}b", "a".repeat(2_300));
    let several: Vec<String> = (0..300).map(|at| format!("*a{at}")).collect();
    let stars = format!("{}b", "*?a".repeat(700));
    let condition = json!({
        "StringEquals": { format!("{issuer}:aud"): "app" },
        "ForAnyValue:StringLike": {
            format!("{issuer}:a"): long,
            format!("{issuer}:b"): several,
            format!("{issuer}:c"): stars,
        },
    });
    // Each condition of its own statement, because the first one that fails decides.
    let keys = condition["ForAnyValue:StringLike"].as_object().unwrap();
    let statements: Vec<Value> = keys
        .iter()
        .map(|(key, values)| {
            json!({
                "Effect": "Allow", "Principal": { "Federated": arn },
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": condition["StringEquals"],
                    "ForAnyValue:StringLike": { key: values },
                },
            })
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// A policy with this statement `count` times.
pub fn repeated(statement: &str, count: usize) -> String {
    let statements = vec![statement; count].join(",");
    format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{statements}]}}")
}
