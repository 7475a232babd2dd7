//! Managed policies on two servers of one store: changes are in force on both, and changes at the same time keep the limits
//! and never leave a role with a policy that isn't there.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{ACCOUNT_TRUST, attach, bound, done, policy, policy_arn, role};
use crate::sessions::{chain, key, role_arn};
use crate::world::in_memory::memory::MemoryStore;
use crate::world::{Credentials, World, assumed};

async fn two_servers() -> [World; 2] {
    let store = Arc::new(MemoryStore::default());
    let one = World::of_store(store.clone()).await;
    [one, World::of_store(store).await]
}

/// Both servers have seen everything.
async fn refresh(worlds: &[World; 2]) {
    for world in worlds {
        cognate::app::records::refresh(&world.app).await.unwrap();
    }
}

async fn within_a_second(mut is_so: impl AsyncFnMut() -> bool) {
    let begin = Instant::now();
    while !is_so().await {
        assert!(begin.elapsed() < Duration::from_secs(1), "not in a second");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn may_list(world: &World, session: &Credentials) -> bool {
    let all = [("Action", "ListRoles"), ("Version", "2010-05-08")];
    world.signed_query(session, "iam", &all).await.status == 200
}

#[tokio::test]
async fn a_session_of_one_server_follows_changes_of_the_other() {
    let worlds = two_servers().await;
    let [one, other] = &worlds;
    let arn = policy(one, "Reader").await;
    role(one, "App").await;
    done(&attach(one, "App", &arn).await);
    let everything = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let runner = key(one, "runner", everything).await;
    let answer = chain(one, &runner, &role_arn("App"), &[]).await;
    done(&answer);
    let session = assumed(&answer);
    within_a_second(async || may_list(other, &session).await).await;
    let nothing =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    let version = [
        ("PolicyArn", &*arn),
        ("PolicyDocument", nothing),
        ("SetAsDefault", "true"),
    ];
    done(&one.iam("CreatePolicyVersion", &version).await);
    assert!(!may_list(one, &session).await);
    within_a_second(async || !may_list(other, &session).await).await;
    let back = [("PolicyArn", &*arn), ("VersionId", "v1")];
    done(&other.iam("SetDefaultPolicyVersion", &back).await);
    within_a_second(async || may_list(one, &session).await).await;
    let limit = "arn:aws:iam::aws:policy/AmazonCognitoDeveloperAuthenticatedIdentities";
    done(&bound(other, "App", limit).await);
    within_a_second(async || !may_list(one, &session).await).await;
}

#[tokio::test]
async fn two_servers_keep_the_limit_of_attached_policies() {
    let worlds = two_servers().await;
    let [one, other] = &worlds;
    role(one, "App").await;
    let mut arns = Vec::new();
    for at in 0..14 {
        arns.push(policy(one, &format!("p{at}")).await);
    }
    refresh(&worlds).await;
    let (even, odd): (Vec<_>, Vec<_>) = arns.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let run = async |world: &World, arns: Vec<(usize, &String)>| {
        let mut done = 0;
        for (_, arn) in arns {
            match attach(world, "App", arn).await {
                answer if answer.status == 200 => done += 1,
                answer => assert_eq!(answer.xml("Code").as_deref(), Some("LimitExceeded")),
            }
        }
        done
    };
    let (first, second) = tokio::join!(run(one, even), run(other, odd));
    assert_eq!(first + second, 10);
    refresh(&worlds).await;
    let listed = [("RoleName", "App")];
    for world in &worlds {
        let answer = world.iam("ListAttachedRolePolicies", &listed).await;
        assert_eq!(answer.text.matches("<PolicyArn>").count(), 10);
    }
}

/// One server deletes the policy while the other begins to use it: one of them is refused, whatever the order.
async fn race(begin: impl AsyncFn(&World, &str, &str) -> u16) {
    let worlds = two_servers().await;
    let [one, other] = &worlds;
    let (mut deleted, mut used) = (0, 0);
    for at in 0..12 {
        let (name, app) = (format!("Policy{at}"), format!("App{at}"));
        let arn = policy(one, &name).await;
        role(one, &app).await;
        refresh(&worlds).await;
        let by_arn = [("PolicyArn", arn.as_str())];
        let delete = async {
            // The pauses vary which of the two is first.
            sleep(Duration::from_micros(at * 150)).await;
            one.iam("DeletePolicy", &by_arn).await
        };
        let (answer, status) = tokio::join!(delete, begin(other, &app, &arn));
        refresh(&worlds).await;
        let is_there = one.iam("GetPolicy", &by_arn).await.status == 200;
        assert_eq!(is_there, answer.status != 200, "{}", answer.text);
        assert_eq!(is_there, status == 200, "{at}: {status}");
        if is_there {
            assert_eq!(answer.xml("Code").as_deref(), Some("DeleteConflict"));
            used += 1;
        } else {
            assert_eq!(status, 404);
            deleted += 1;
        }
    }
    assert_eq!(deleted + used, 12);
}

#[tokio::test]
async fn a_policy_is_not_deleted_while_another_server_attaches_it() {
    race(async |world, role, arn| attach(world, role, arn).await.status).await;
}

#[tokio::test]
async fn a_policy_is_not_deleted_while_another_server_makes_it_a_boundary() {
    race(async |world, role, arn| bound(world, role, arn).await.status).await;
}

#[tokio::test]
async fn a_policy_is_not_deleted_while_another_server_makes_a_role_with_it() {
    race(async |world, role, arn| {
        let name = format!("New{role}");
        let parameters = [
            ("RoleName", &*name),
            ("AssumeRolePolicyDocument", ACCOUNT_TRUST),
            ("PermissionsBoundary", arn),
        ];
        world.iam("CreateRole", &parameters).await.status
    })
    .await;
}

#[tokio::test]
async fn a_policy_is_not_deleted_while_a_seed_attaches_it() {
    race(async |world, role, arn| {
        let seed = json!({ "roles": [{ "RoleName": role, "AttachedPolicies": [arn] }] });
        let input = json!({ "Document": seed.to_string() });
        let answer = world.admin("Cognate.ApplyConfiguration", input).await;
        let code: Value = if answer.status == 200 {
            Value::Null
        } else {
            answer.json()["__type"].clone()
        };
        match code.as_str() {
            None => 200,
            Some("ResourceNotFoundException" | "ConcurrentModificationException") => 404,
            Some(other) => panic!("{other}: {}", answer.text),
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_is_taken_once_by_two_servers() {
    let worlds = two_servers().await;
    let [one, other] = &worlds;
    for at in 0..6 {
        let name = format!("Reader{at}");
        let create = async |world: &World| {
            let parameters = [
                ("PolicyName", &*name),
                ("PolicyDocument", super::LISTS_ROLES),
            ];
            world.iam("CreatePolicy", &parameters).await
        };
        let answers = tokio::join!(create(one), create(other));
        let mut statuses = [answers.0.status, answers.1.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        refresh(&worlds).await;
        let arn = policy_arn(&name);
        let mut ids = Vec::new();
        for world in &worlds {
            let answer = world.iam("GetPolicy", &[("PolicyArn", &*arn)]).await;
            ids.push(answer.xml("PolicyId"));
        }
        assert_eq!(ids[0], ids[1]);
    }
}
