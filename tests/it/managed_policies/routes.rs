//! Warnings about roles with managed policies for which a route asks another STS.

use std::sync::Arc;

use super::{ACCOUNT_TRUST, attach, bound, done, policy};
use crate::world::{Log, World};

const ROUTES: &str = "[[credentials.route]]\nrole = 'arn:aws:iam::123456789012:role/routed/*'\n\
                      endpoint = 'https://sts.example.net/'\n";

/// The warnings about routed roles: the role's path, and the words between `so` and `apply`.
fn warnings(log: &Log) -> Vec<String> {
    let text = log.text();
    let lines = text.lines().filter(|line| line.contains("WARN"));
    let about = |line: &str| {
        let (_, rest) = line.split_once("the role's credentials, so ")?;
        let (what, _) = rest.split_once(" apply")?;
        let (_, role) = line.split_once("role=arn:aws:iam::123456789012:role/")?;
        let role = role.split_whitespace().next()?;
        Some(format!("{role}: {what}"))
    };
    lines.filter_map(about).collect()
}

#[tokio::test]
async fn the_server_warns_where_a_boundary_does_not_apply() {
    let (log, _listening) = Log::listen();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("cognate.toml");
    std::fs::write(&config, ROUTES).unwrap();
    let file = config.clone();
    let world = World::with(|flags| flags.config = Some(file)).await;
    let arn = policy(&world, "Reader").await;
    for (name, path) in [("App", "/routed/"), ("Other", "/")] {
        let parameters = [
            ("RoleName", name),
            ("Path", path),
            ("AssumeRolePolicyDocument", ACCOUNT_TRUST),
        ];
        done(&world.iam("CreateRole", &parameters).await);
        done(&attach(&world, name, &arn).await);
        done(&bound(&world, name, &arn).await);
    }
    let parameters = [
        ("RoleName", "Bound"),
        ("Path", "/routed/"),
        ("AssumeRolePolicyDocument", ACCOUNT_TRUST),
        ("PermissionsBoundary", &*arn),
    ];
    done(&world.iam("CreateRole", &parameters).await);
    let both = "routed/App: its permissions boundary and its attached policies don't";
    let bound = "routed/Bound: its permissions boundary doesn't";
    let attached = "routed/App: its attached policies don't";
    assert_eq!(warnings(&log), [attached, both, bound]);
    cognate::app::maintenance::close(&world.app).await;
    let (data, clock) = (Arc::clone(&world.folder), Arc::clone(&world.clock));
    drop(world);
    World::open(data, clock, |flags| flags.config = Some(config)).await;
    assert_eq!(warnings(&log)[3..], [both, bound]);
}
