//! Sessions of the built-in STS: what they may administer, where they come from, and how long they last.

mod administration;
mod bounds;
mod origins;
mod revoked_logins;

use serde_json::{Value, json};

use crate::world::{ACCOUNT, Answer, Credentials, World, assumed};

/// The ARN of a role of this account.
pub fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// Makes a role that may do everything, with these statements as its trust policy.
pub async fn role(world: &World, name: &str, trust: Value) {
    let trust = json!({ "Version": "2012-10-17", "Statement": trust }).to_string();
    let parameters = [
        ("RoleName", name),
        ("AssumeRolePolicyDocument", &*trust),
        ("MaxSessionDuration", "43200"),
    ];
    let answer = world.iam("CreateRole", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let policy = json!({ "Version": "2012-10-17", "Statement": everything() }).to_string();
    let parameters = [
        ("RoleName", name),
        ("PolicyName", "everything"),
        ("PolicyDocument", &*policy),
    ];
    let answer = world.iam("PutRolePolicy", &parameters).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// The statement that allows everything.
pub fn everything() -> Value {
    json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })
}

/// The statement that trusts the identities of a pool.
pub fn trusting_pool(pool: &str) -> Value {
    json!({
        "Effect": "Allow", "Principal": { "Federated": "cognito-identity.amazonaws.com" },
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
        "Condition": { "StringEquals": { "cognito-identity.amazonaws.com:aud": pool } },
    })
}

/// The statement that trusts a registered provider.
pub fn trusting_provider(arn: &str) -> Value {
    json!({
        "Effect": "Allow", "Principal": { "Federated": arn },
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
    })
}

/// The statement that trusts everything in the account.
pub fn trusting_account() -> Value {
    json!({
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    })
}

/// AssumeRole, signed by `who`.
pub async fn chain(world: &World, who: &Credentials, role: &str, more: &[(&str, &str)]) -> Answer {
    let mut all = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", role),
        ("RoleSessionName", "chained"),
    ];
    all.extend(more);
    world.signed_query(who, "sts", &all).await
}

/// The session that `who` gets from AssumeRole.
pub async fn chained(world: &World, who: &Credentials, role: &str) -> Credentials {
    let answer = chain(world, who, role, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assumed(&answer)
}

/// A new access key with this policy statement.
pub async fn key(world: &World, name: &str, statement: Value) -> Credentials {
    let policy = json!({ "Version": "2012-10-17", "Statement": statement });
    let input = json!({ "Name": name, "Policy": policy.to_string() });
    Credentials::of(&world.admin("Cognate.CreateAccessKey", input).await.ok())
}
