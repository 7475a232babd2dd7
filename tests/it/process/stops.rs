//! Stopping: what is under way is finished, and nothing is left half done.

use std::io::ErrorKind;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{Data, until};
use crate::world::{Issuer, Running, Start, client, login, real_token};

async fn connect(server: &Running) -> TcpStream {
    TcpStream::connect(server.address())
        .await
        .expect("a connection")
}

/// Waits until no connection is taken any more.
async fn refuses_connections(server: &Running) {
    until(async || {
        let refused = TcpStream::connect(server.address()).await;
        refused.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    })
    .await;
}

/// Everything that comes until the connection is closed.
async fn rest(mut connection: TcpStream) -> String {
    let mut text = String::new();
    let read = connection.read_to_string(&mut text).await;
    read.expect("an orderly end");
    text
}

async fn drained_by(signal: Signal) {
    let (data, issuer) = (Data::new(), Issuer::new().await);
    let server = Start::serve(&data.path()).up().await;
    let pool = server.pool_of(&issuer).await;

    // A body that comes slowly.
    let body = json!({ "IdentityPoolId": pool }).to_string();
    let (begin, end) = body.split_at(10);
    let mut slow = connect(&server).await;
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\
         x-amz-target: AWSCognitoIdentityService.GetId\r\n\r\n{begin}",
        server.address(),
        body.len(),
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    // A head that is not over.
    let mut health = connect(&server).await;
    health
        .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n")
        .await
        .unwrap();
    // A login whose issuer takes its time.
    issuer.hold(true);
    let input =
        json!({ "IdentityPoolId": pool, "Logins": login(&issuer, &real_token(&issuer, "ada")) });
    let waiting = server.public("GetId", input);
    let events = async {
        until(async || issuer.is_waited_for()).await;
        server.signal(signal);
        refuses_connections(&server).await;

        health.write_all(b"\r\n").await.unwrap();
        let health = rest(health).await;
        assert!(health.starts_with("HTTP/1.1 503 "), "{health}");
        assert!(health.ends_with("draining\n"), "{health}");

        slow.write_all(end.as_bytes()).await.unwrap();
        let guest = rest(slow).await;
        assert!(guest.starts_with("HTTP/1.1 200 "), "{guest}");
        issuer.hold(false);
        guest.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let (user, guest) = tokio::join!(waiting, events);
    let (user, guest) = (user.ok(), guest.replace("{\"IdentityId\":\"", ""));
    let ended = server.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.err.contains("stopped"), "{}", ended.err);
    assert!(
        !data.file("cognate.sqlite-wal").exists(),
        "one file is left"
    );

    // What was answered last is there, and the lock is not.
    let server = Start::serve(&data.path()).up().await;
    for id in [&user["IdentityId"], &json!(guest.replace("\"}", ""))] {
        let described = server.admin("DescribeIdentity", json!({ "IdentityId": id }));
        assert_eq!(described.await.ok()["IdentityId"], *id);
    }
}

#[tokio::test]
async fn what_is_under_way_is_finished_when_it_is_told_to_terminate() {
    drained_by(Signal::TERM).await;
}

#[tokio::test]
async fn what_is_under_way_is_finished_when_it_is_interrupted() {
    drained_by(Signal::INT).await;
}

#[tokio::test]
async fn connections_that_ask_nothing_do_not_hold_up_the_stop() {
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(connect(&server).await);
        let mut kept = connect(&server).await;
        kept.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        kept.read_u8().await.unwrap();
        silent.push(kept);
    }
    let begun = Instant::now();
    let ended = server.stop().await;
    assert_eq!(ended.status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_server_that_was_for_the_day_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let server = Start::command(&["dev", "--ephemeral", "--listen", "127.0.0.1:0"])
        .variable("TMPDIR", folder.path())
        .up_with(client())
        .await;
    let entries = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(entries(), 1);
    until(async || server.out().contains("Try it")).await;
    let out = server.out();
    let (_, rest) = out.split_once("Demo pool ").unwrap();
    let pool = rest.lines().next().unwrap();
    server.identity(pool, json!({})).await;
    let ended = server.stop().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(entries(), 0);
}

#[tokio::test]
async fn a_load_balancer_sees_the_stop_before_connections_are_refused() {
    let data = Data::new();
    let start = Start::serve(&data.path()).variable("COGNATE_DRAIN_DELAY", "2");
    let server = start.up().await;
    let pool = server.pool(json!({})).await;
    assert_eq!(server.get("/health").await.status, 200);
    server.signal(Signal::TERM);
    let began = Instant::now();
    until(async || server.get("/health").await.status == 503).await;
    assert_eq!(server.get("/health/ready").await.status, 503);
    assert_eq!(server.get("/health/live").await.status, 200);
    server.identity(&pool, json!({})).await;
    refuses_connections(&server).await;
    assert!(began.elapsed() >= Duration::from_millis(1900));
    let ended = server.ended().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[tokio::test]
async fn a_second_signal_ends_the_server_at_once_and_loses_nothing() {
    let data = Data::new();
    let start = Start::serve(&data.path()).variable("COGNATE_DRAIN_DELAY", "600");
    let server = start.up().await;
    let pool = server.pool(json!({})).await;
    server.signal(Signal::TERM);
    until(async || server.get("/health").await.status == 503).await;
    let guest = server.identity(&pool, json!({})).await;
    server.signal(Signal::INT);
    let began = Instant::now();
    let ended = server.ended().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.err.contains("by a second signal"), "{}", ended.err);
    let server = Start::serve(&data.path()).up().await;
    server.credentials(&guest, json!({})).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn the_health_command_exits_with_the_servers_health() {
    let data = Data::new();
    let start = Start::serve(&data.path()).variable("COGNATE_DRAIN_DELAY", "600");
    let server = start.up().await;
    let health = || Start::command(&["health"]).variable("COGNATE_ENDPOINT", &server.base);
    let ended = health().run().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(ended.out, "ok\n");
    server.signal(Signal::TERM);
    until(async || server.get("/health").await.status == 503).await;
    super::failed(&health().run().await, &["isn't ready", "503", "draining"]);
    server.signal(Signal::TERM);
    server.ended().await;
    let none = Start::command(&["health"]).flag("--endpoint", "http://127.0.0.1:1");
    super::failed(
        &none.run().await,
        &["no server answers at http://127.0.0.1:1"],
    );
}
