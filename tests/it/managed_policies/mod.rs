//! Managed policies and permissions boundaries: the actions that keep them, their limits, and what sessions may do by them.

mod decisions;
mod operations;
mod permissions;
mod routes;
mod seeds;
mod servers;

use crate::world::{Answer, World};

/// A trust policy for the account.
const ACCOUNT_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;

const LISTS_ROLES: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*"}]}"#;

#[track_caller]
fn done(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::123456789012:policy/{name}")
}

/// Makes a policy; answers its ARN.
async fn policy(world: &World, name: &str) -> String {
    let parameters = [("PolicyName", name), ("PolicyDocument", LISTS_ROLES)];
    done(&world.iam("CreatePolicy", &parameters).await);
    policy_arn(name)
}

async fn role(world: &World, name: &str) {
    let parameters = [
        ("RoleName", name),
        ("AssumeRolePolicyDocument", ACCOUNT_TRUST),
    ];
    done(&world.iam("CreateRole", &parameters).await);
}

async fn attach(world: &World, role: &str, arn: &str) -> Answer {
    let parameters = [("RoleName", role), ("PolicyArn", arn)];
    world.iam("AttachRolePolicy", &parameters).await
}

async fn bound(world: &World, role: &str, arn: &str) -> Answer {
    let parameters = [("RoleName", role), ("PermissionsBoundary", arn)];
    world.iam("PutRolePermissionsBoundary", &parameters).await
}
