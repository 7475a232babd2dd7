//! How long connections last, with times that a test can wait for.

use std::sync::Arc;
use std::time::Duration;

use cognate::wire::{ConnectionLimits, Front, Listener};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::world::{World, http2};

const SECOND: Duration = Duration::from_secs(1);

async fn world(limits: ConnectionLimits) -> (World, String) {
    listening(limits, None).await
}

/// A world behind a listener with these limits, with a certificate or without, and the address of the listener.
pub(super) async fn listening(
    limits: ConnectionLimits,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> (World, String) {
    let world = World::new().await;
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let front = Front::new(Arc::clone(&world.app), metrics);
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let listener = Listener {
        socket,
        tls,
        limits,
    };
    tokio::spawn(async move { front.serve(listener, std::future::pending()).await });
    (world, address)
}

fn limits() -> ConnectionLimits {
    ConnectionLimits {
        first_request: SECOND / 2,
        idle: SECOND,
        last_answers: SECOND / 4,
        ..ConnectionLimits::for_files(1000)
    }
}

/// The time until the server closes a connection on which the client sends `beginning`, and then a drip each 200 ms.
async fn closed_after(address: &str, beginning: &[u8], drip: impl Fn(u32) -> Vec<u8>) -> Duration {
    let begun = Instant::now();
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(beginning).await.unwrap();
    let (mut from, mut to) = connection.into_split();
    let mut answers = [0; 4096];
    let mut drips = interval(SECOND / 5);
    let mut number = 0;
    let closed = async {
        loop {
            tokio::select! {
                read = from.read(&mut answers) => {
                    if !matches!(read, Ok(1..)) {
                        return;
                    }
                }
                _ = drips.tick() => {
                    number += 1;
                    if to.write_all(&drip(number)).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    let closed = timeout(5 * SECOND, closed).await;
    closed.map_or(Duration::MAX, |()| begun.elapsed())
}

#[tokio::test]
async fn idle_connections_of_both_protocols_end_and_used_ones_do_not() {
    let (_world, address) = world(limits()).await;
    let health = format!("GET /health HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let http2 = |window, path: &str| {
        let head = http2::head(&address, 1, "GET", path);
        [http2::beginning(window), head].concat()
    };
    let ping = http2::frame(6, 0, 0, &[0; 8]);
    let cases = [
        ("no request", vec![], vec![], 1),
        (
            "half a head",
            health.as_bytes()[..20].to_vec(),
            b"x".to_vec(),
            1,
        ),
        (
            "no request of HTTP/2",
            http2::beginning(65535),
            ping.clone(),
            1,
        ),
        (
            "an answered request",
            health.clone().into_bytes(),
            vec![],
            2,
        ),
        (
            "half a second head",
            [&health, "GET /"].concat().into_bytes(),
            b"x".to_vec(),
            2,
        ),
        (
            "an answered stream",
            http2(65535, "/health"),
            ping.clone(),
            2,
        ),
        ("an answer that is not read", http2(0, "/metrics"), ping, 2),
    ];
    let mut connections = JoinSet::new();
    for (name, beginning, drip, halves) in cases {
        let address = address.clone();
        connections.spawn(async move {
            let took = closed_after(&address, &beginning, |_| drip.clone()).await;
            println!("{name}: closed after {took:?}");
            assert!(took + SECOND / 20 > SECOND / 2 * halves, "{name}: {took:?}");
            assert!(took < SECOND / 2 * halves + 2 * SECOND, "{name}: {took:?}");
        });
    }
    connections.spawn(async move {
        let used = closed_after(&address, b"", |_| health.clone().into_bytes()).await;
        assert_eq!(used, Duration::MAX, "a connection in use is closed");
    });
    connections.join_all().await;
}

#[tokio::test]
async fn a_connection_in_use_ends_after_its_lifetime() {
    let limits = ConnectionLimits {
        lifetime: 2 * SECOND,
        ending: SECOND,
        ..limits()
    };
    let (_world, address) = world(limits).await;
    let health = format!("GET /health HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let mut connections = JoinSet::new();
    let own = address.clone();
    connections.spawn(async move {
        let took = closed_after(&own, b"", |_| health.clone().into_bytes()).await;
        ended(took);
    });
    let own = address.clone();
    connections.spawn(async move {
        let next = |number| http2::head(&own, 2 * number - 1, "GET", "/health");
        ended(closed_after(&own, &http2::beginning(65535), next).await);
    });
    // A request that is in progress then is answered.
    let mut connection = TcpStream::connect(&address).await.unwrap();
    sleep(SECOND / 5).await;
    let head = format!("POST / HTTP/1.1\r\nhost: {address}\r\ncontent-length: 2\r\n\r\n{{");
    connection.write_all(head.as_bytes()).await.unwrap();
    sleep(5 * SECOND / 2).await;
    connection.write_all(b"}").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("UnknownOperationException"), "{answer}");
    connections.join_all().await;
}

/// Asserts that a connection ended at a lifetime of two seconds.
fn ended(after: Duration) {
    println!("closed after {after:?}");
    assert!(after + SECOND / 20 > 2 * SECOND, "{after:?}");
    assert!(after < 9 * SECOND / 2, "{after:?}");
}
