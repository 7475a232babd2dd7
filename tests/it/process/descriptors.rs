//! The limit of open files, and connections that wait until they are accepted.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use cognate::wire::Listener;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::Data;
use super::floods::{attack, fresh_client, raise_file_limit};
use crate::world::{Running, Start};

const SECOND: Duration = Duration::from_secs(1);

fn open_files(server: &Running) -> usize {
    let files = fs::read_dir(format!("/proc/{}/fd", server.id()));
    files.unwrap().count()
}

/// The time until a client without connections gets an answer.
async fn served_after(server: &Running) -> Duration {
    let begun = Instant::now();
    let health = format!("{}/health", server.base);
    while begun.elapsed() < 10 * SECOND {
        let answer = timeout(SECOND, fresh_client().get(&health).send()).await;
        if answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status() == 200)) {
            return begun.elapsed();
        }
    }
    panic!("no answer in ten seconds");
}

#[tokio::test]
async fn a_server_without_free_files_says_so_and_serves_new_clients() {
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    let pool = server.pool(json!({})).await;
    server.identity(&pool, json!({})).await;
    let own = open_files(&server);
    server.stop().await;
    // Fewer files are free than the server allows connections.
    let limit = u32::try_from(own + 8).unwrap();
    let server = Start::serve(&data.path()).file_limit(limit).up().await;
    let mut idle = Vec::new();
    for at in 0..3 * limit {
        idle.push(attack(server.address(), at).await);
    }
    for _ in 0..3 {
        let took = served_after(&server).await;
        println!("a new client was served after {took:?}");
        assert!(took < 3 * SECOND, "{took:?}");
    }
    server.identity(&pool, json!({})).await;
    drop(idle);
    sleep(SECOND / 5).await;
    assert!(served_after(&server).await < SECOND);
    let log = server.stop().await.err;
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("a connection can't be accepted"))
        .collect();
    // Ten in a minute, and a count of the others.
    assert!((1..=11).contains(&lines.len()), "{} lines", lines.len());
    assert!(lines[0].contains("LimitNOFILE="), "{}", lines[0]);
}

#[tokio::test]
async fn a_thousand_connections_wait_until_they_are_accepted() {
    raise_file_limit();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let socket = Listener::listen(any).unwrap();
    let address = socket.local_addr().unwrap();
    let mut waiting = Vec::new();
    for at in 0..1100 {
        let connected = timeout(SECOND, TcpStream::connect(address)).await;
        waiting.push(
            connected
                .unwrap_or_else(|_| panic!("connection {at}"))
                .unwrap(),
        );
    }
    // An address of the last server's connections can be used again.
    drop((waiting, socket));
    Listener::listen(address).unwrap();
}
