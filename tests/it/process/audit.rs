//! The audit log of a process: killed at any moment, moved away, and given to a restore.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Data, failed, until};
use crate::world::{Credentials, Issuer, Key, Start, is_full, login, real_token};

fn with_log(data: &Data, path: &Path) -> Start {
    Start::serve(&data.path())
        .without_rates()
        .variable("COGNATE_AUDIT_FILE", path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test reads what the server wrote"
)]
fn read(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn lines(path: &Path) -> Vec<Value> {
    read(&fs::read_to_string(path).unwrap())
}

/// The request ids of the events of a store that no server has open.
fn events(data: &Data) -> HashSet<String> {
    let db =
        Connection::open_with_flags(data.file("cognate.sqlite"), OpenFlags::default()).unwrap();
    let mut rows = db.prepare("SELECT events FROM event").unwrap();
    let texts = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let events = texts.flat_map(|text| read(&text.unwrap()).remove(0).as_array().unwrap().clone());
    events
        .map(|event| event["request_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn after_a_kill_each_change_has_exactly_one_line() {
    let data = Data::new();
    let path = data.beside("audit.jsonl", "");
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let kills = if is_full() { 20 } else { 3 };
    for kill in 0..kills {
        let server = Arc::new(with_log(&data, &path).up().await);
        let pool = server.pool(json!({})).await;
        let clients = (0..16).map(|_| {
            let (server, pool, acknowledged) =
                (Arc::clone(&server), pool.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                let input = json!({ "IdentityPoolId": pool });
                while let Ok(answer) = server.try_public("GetId", input.clone()).await {
                    assert_eq!(answer.status, 200, "{}", answer.text);
                    let id = answer.header("x-amzn-requestid").unwrap();
                    acknowledged.lock().unwrap().push(id);
                }
            })
        });
        let clients: Vec<_> = clients.collect();
        sleep(Duration::from_millis(200 + 37 * kill)).await;
        server.signal(Signal::KILL);
        for client in clients {
            client.await.unwrap();
        }
    }
    // This start finds what was committed and never answered.
    let server = with_log(&data, &path).up().await;
    assert!(server.stop().await.status.success());
    let mut count: HashMap<String, usize> = HashMap::new();
    let (mut answered, mut afterwards) = (0, 0);
    for line in lines(&path) {
        *count
            .entry(line["requestID"].as_str().unwrap().to_owned())
            .or_default() += 1;
        let is_afterwards = line["additionalEventData"]["recorded"] == "afterwards";
        afterwards += usize::from(is_afterwards);
        answered += usize::from(!is_afterwards && line["eventName"] == "GetId");
    }
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
    for id in acknowledged.iter() {
        assert_eq!(count.get(id), Some(&1), "{id}");
    }
    let events = events(&data);
    for id in &events {
        assert_eq!(count.get(id), Some(&1), "a change without a line: {id}");
    }
    println!(
        "{} acknowledged, {answered} answered, {afterwards} afterwards",
        acknowledged.len()
    );
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_made_again_at_sighup() {
    let data = Data::new();
    let path = data.beside("audit.jsonl", "");
    let server = with_log(&data, &path).up().await;
    server.pool(json!({})).await;
    let moved = path.with_extension("1");
    fs::rename(&path, &moved).unwrap();
    server.signal(Signal::HUP);
    until(async || path.exists()).await;
    server.pool(json!({})).await;
    assert!(server.stop().await.status.success());
    let made = |path: &Path| {
        let lines = lines(path);
        lines
            .iter()
            .filter(|line| line["eventName"] == "CreateIdentityPool")
            .count()
    };
    assert_eq!((made(&moved), made(&path)), (1, 1));
}

#[tokio::test]
async fn standard_output_has_the_lines_and_nothing_else() {
    let data = Data::new();
    let start = Start::serve(&data.path()).variable("COGNATE_AUDIT_FILE", "-");
    let child = start.spawn();
    sleep(Duration::from_secs(2)).await;
    let id = child.id().unwrap();
    let id = rustix::process::Pid::from_raw(id.try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, Signal::TERM).unwrap();
    let output = child.wait_with_output();
    let output = output.await.unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(!read(&out).is_empty() || out.is_empty(), "{out}");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("serves on"), "{err}");
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_is_refused_with_a_sentence() {
    let data = Data::new();
    let start = with_log(&data, Path::new("/nowhere/audit.jsonl"));
    failed(
        &start.run().await,
        &["/nowhere/audit.jsonl can't be opened", "make its directory"],
    );
}

#[tokio::test]
async fn a_guest_is_found_by_the_handle_of_its_id() {
    let data = Data::new();
    let path = data.beside("audit.jsonl", "");
    let server = with_log(&data, &path).up().await;
    let pool = server.pool(json!({})).await;
    let guest = server.identity(&pool, json!({})).await;
    let handle = |id: &str| {
        let command = Start::command(&["audit", "handle", id]);
        command
            .flag("--endpoint", &server.base)
            .variable("AWS_ACCESS_KEY_ID", Credentials::root().id)
            .variable("AWS_SECRET_ACCESS_KEY", Credentials::root().secret)
            .run()
    };
    let printed = handle(&guest).await;
    assert!(printed.status.success(), "{printed:?}");
    let found = |line: &Value| line["responseElements"]["identityId"] == printed.out.trim();
    assert!(lines(&path).iter().any(found), "{}", printed.out);
    failed(&handle("guest").await, &["identityId"]);
    assert!(server.stop().await.status.success());
}

#[tokio::test]
async fn a_restore_with_the_audit_log_refuses_who_was_revoked_and_what_was_disabled() {
    let data = Data::new();
    let path = data.beside("audit.jsonl", "");
    let server = with_log(&data, &path).up().await;
    let issuer = Issuer::with(Key::p256("one")).await;
    let pool = server.pool_of(&issuer).await;
    let logins = |user: &str| login(&issuer, &real_token(&issuer, user));
    let ada = server.identity(&pool, logins("ada")).await;
    let bob = server.identity(&pool, logins("bob")).await;
    let cyd = server.identity(&pool, logins("cyd")).await;
    let guest = server.identity(&pool, json!({})).await;
    let policy =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let mut keys = Vec::new();
    for name in ["kept", "disabled", "deleted"] {
        let key = json!({ "Name": name, "Policy": policy });
        let key = server.admin("Cognate.CreateAccessKey", key).await.ok();
        keys.push(Credentials::of(&key));
    }
    let file = data.beside("backup.sqlite", "");
    fs::remove_file(&file).unwrap();
    let backup = Start::command(&["backup", file.to_str().unwrap()]);
    let made = backup.flag("--data-dir", data.path()).run().await;
    assert_eq!(made.status.code(), Some(0), "{made:?}");

    for identity in [&ada, &guest, &cyd] {
        let input = json!({ "IdentityId": identity });
        server.admin("Cognate.RevokeIdentity", input).await.ok();
    }
    let input = json!({ "IdentityId": cyd });
    server.admin("Cognate.RestoreIdentity", input).await.ok();
    let disable = json!({ "AccessKeyId": keys[1].id, "Status": "Inactive" });
    server.admin("Cognate.UpdateAccessKey", disable).await.ok();
    let delete = json!({ "AccessKeyId": keys[2].id });
    server.admin("Cognate.DeleteAccessKey", delete).await.ok();
    assert!(server.stop().await.status.success());

    let restore = |data: &Data| {
        let command = Start::command(&["restore", file.to_str().unwrap()]);
        command.flag("--data-dir", data.path())
    };
    let (without, with) = (Data::new(), Data::new());
    for (other, restore, is_given) in [
        (&without, restore(&without), false),
        (&with, restore(&with).flag("--audit-log", &path), true),
    ] {
        fs::create_dir(other.path()).unwrap();
        let rights: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(other.path(), rights).unwrap();
        fs::copy(data.file("master.key"), other.file("master.key")).unwrap();
        let restored = restore.run().await;
        assert_eq!(restored.status.code(), Some(0), "{restored:?}");
        assert!(restored.out.contains("may be missing"), "{}", restored.out);
        let repeated =
            "2 identities revoked, 0 identities deleted, 2 access keys disabled or deleted";
        assert_eq!(
            restored.out.contains(repeated),
            is_given,
            "{}",
            restored.out
        );
        let server = Start::serve(&other.path()).up().await;
        let list = json!({ "MaxResults": 1 });
        let mut statuses = Vec::new();
        for (identity, logins) in [(&ada, logins("ada")), (&guest, json!({}))] {
            statuses.push(server.credentials(identity, logins).await.status);
        }
        for key in &keys[1..] {
            statuses.push(
                server
                    .signed(key, "ListIdentityPools", list.clone())
                    .await
                    .status,
            );
        }
        let expected = if is_given { 400 } else { 200 };
        assert_eq!(statuses, [expected; 4], "{}", restored.out);
        // What was not revoked, or restored since, works.
        for (identity, user) in [(&bob, "bob"), (&cyd, "cyd")] {
            server.credentials(identity, logins(user)).await.ok();
        }
        server
            .signed(&keys[0], "ListIdentityPools", list)
            .await
            .ok();
        assert!(server.stop().await.status.success());
    }
    let other = Data::new();
    let broken = data.beside("other.jsonl", "{\"eventName\":\"x\"}\n");
    let refused = restore(&other).flag("--audit-log", &broken).run().await;
    failed(&refused, &["line 1 of", "nothing was restored"]);
    assert!(!other.file("cognate.sqlite").exists());
}
