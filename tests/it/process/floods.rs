//! Floods of open requests, slow bodies and idle connections. The attackers and the clients have different addresses.

mod rates;
mod signatures;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::Data;
use crate::world::{Credentials, Running, Start, http2};

/// The most memory under a flood, in bytes.
const MEMORY: u64 = 256 << 20;

/// A connection from one of eight addresses that no client has.
pub(super) async fn attack(server: &str, at: u32) -> TcpStream {
    let last = 2 + u8::try_from(at % 8).unwrap();
    let own = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(own).unwrap();
    socket.connect(server.parse().unwrap()).await.unwrap()
}

/// The head of a GetId with a body of this length.
fn head(server: &str, length: usize) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: AWSCognitoIdentityService.GetId\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// Reads and forgets what the server sends.
async fn drain(mut connection: TcpStream) {
    let mut piece = [0; 4096];
    while let Ok(1..) = connection.read(&mut piece).await {}
}

/// Lets this process open as many connections as the system allows.
pub(super) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

/// The longest of ten calls of each kind: a guest's GetId and a signed ListIdentityPools.
async fn slowest(server: &Running, pool: &str) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let begun = Instant::now();
        server.identity(pool, json!({})).await;
        slowest = slowest.max(begun.elapsed());
        let begun = Instant::now();
        let input = json!({ "MaxResults": 1 });
        let answer = server
            .signed(&Credentials::root(), "ListIdentityPools", input)
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

/// Opens 2,048 requests and asserts that others are served as before.
async fn open_requests(begin: impl AsyncFn(&str, &mut JoinSet<()>)) {
    raise_file_limit();
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    let pool = server.pool(json!({})).await;
    slowest(&server, &pool).await;
    let mut attackers = JoinSet::new();
    begin(server.address(), &mut attackers).await;
    sleep(Duration::from_millis(300)).await;
    // Other programs on the machine may delay a round.
    let mut took = Duration::MAX;
    for _ in 0..5 {
        took = took.min(slowest(&server, &pool).await);
    }
    println!("under open requests, the slowest call took {took:?}");
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[tokio::test]
async fn open_requests_without_bodies_do_not_delay_other_clients() {
    open_requests(async |server, attackers| {
        for at in 0..2048 {
            let mut connection = attack(server, at).await;
            let sent = connection.write_all(head(server, 100).as_bytes()).await;
            sent.unwrap();
            attackers.spawn(drain(connection));
        }
    })
    .await;
    // Streams beyond the bound of a connection are refused.
    for (connections, streams) in [(128, 16), (16, 128)] {
        open_requests(async |server, attackers| {
            for at in 0..connections {
                let mut connection = attack(server, at).await;
                let mut bytes = http2::beginning(65535);
                for stream in 0..streams {
                    bytes.extend(http2::head(server, 2 * stream + 1, "POST", "/"));
                }
                let _ = connection.write_all(&bytes).await;
                attackers.spawn(http2::answer_pings(connection));
            }
        })
        .await;
    }
}

/// Sends a flood and asserts that it takes little memory and that a guest is served meanwhile.
async fn takes_little_memory(begin: impl AsyncFn(&str, &mut JoinSet<()>)) {
    raise_file_limit();
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    let pool = server.pool(json!({})).await;
    let mut attackers = JoinSet::new();
    begin(server.address(), &mut attackers).await;
    for _ in 0..3 {
        sleep(Duration::from_millis(500)).await;
        server.identity(&pool, json!({})).await;
    }
    let peak = server.peak_memory();
    println!("under the flood, the server had {} MiB at most", peak >> 20);
    assert!(peak < MEMORY, "{peak}");
}

#[tokio::test]
async fn slow_bodies_of_full_size_take_little_memory() {
    takes_little_memory(async |server, attackers| {
        for at in 0..2048 {
            let mut connection = attack(server, at).await;
            let head = head(server, 1 << 20);
            attackers.spawn(async move {
                // A refused body is not sent to its end.
                let body = vec![b' '; (1 << 20) - 1];
                let _ = connection.write_all(head.as_bytes()).await;
                let _ = connection.write_all(&body).await;
                drain(connection).await;
            });
        }
    })
    .await;
}

#[tokio::test]
async fn slow_bodies_of_full_size_over_http2_take_little_memory() {
    takes_little_memory(async |server, attackers| {
        for at in 0..128 {
            let connection = attack(server, at).await;
            let server = server.to_owned();
            attackers.spawn(async move {
                http2::send_slow_bodies(connection, &server, 16, (1 << 20) - 1).await;
            });
        }
    })
    .await;
}

#[tokio::test]
async fn heads_and_unread_answers_take_little_memory() {
    // The headers come from the table of the compression, one byte for each.
    let headers = 1_000;
    for (window, method, path, headers) in
        [(65535, "POST", "/", headers), (0, "GET", "/metrics", 0)]
    {
        takes_little_memory(async |server, attackers| {
            for at in 0..512 {
                let mut connection = attack(server, at).await;
                let mut bytes = http2::beginning(window);
                for stream in 0..16 {
                    let head = http2::long_head(server, 2 * stream + 1, method, path, headers);
                    bytes.extend(head);
                }
                let _ = connection.write_all(&bytes).await;
                attackers.spawn(http2::answer_pings(connection));
            }
        })
        .await;
    }
}

#[tokio::test]
async fn connections_beyond_the_file_limit_do_not_keep_new_clients_out() {
    let data = Data::new();
    let server = Start::serve(&data.path()).file_limit(100).up().await;
    let pool = server.pool(json!({})).await;
    let mut attackers = JoinSet::new();
    for at in 0..200 {
        let mut idle = attack(server.address(), at).await;
        let health = format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", server.address());
        let _ = idle.write_all(health.as_bytes()).await;
        attackers.spawn(drain(idle));
        let mut open = attack(server.address(), at).await;
        let _ = open.write_all(head(server.address(), 100).as_bytes()).await;
        attackers.spawn(drain(open));
        let mut framed = attack(server.address(), at).await;
        let _ = framed.write_all(&http2::beginning(65535)).await;
        attackers.spawn(http2::answer_pings(framed));
    }
    let begun = Instant::now();
    let health = format!("{}/health", server.base);
    loop {
        let request = fresh_client().get(&health).send();
        let answer = timeout(Duration::from_secs(2), request).await;
        if answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status() == 200)) {
            break;
        }
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(15), "a new client is kept out");
        sleep(Duration::from_millis(200)).await;
    }
    println!("a new client was served after {:?}", begun.elapsed());
    server.identity(&pool, json!({})).await;
}

/// A client without connections.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own client has no fences"
)]
pub(super) fn fresh_client() -> reqwest::Client {
    let _ = crate::world::client();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
