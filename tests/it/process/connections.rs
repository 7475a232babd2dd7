//! What a connection may cost: TLS, slow clients, idle ones.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::Data;
use crate::world::{Start, World, client};

/// A server that speaks TLS, with `more` in its configuration, and a client that trusts it.
pub async fn secure(data: &Data, more: &str) -> (Start, reqwest::Client) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = data.beside("certificate.pem", made.cert.pem());
    let key = data.beside("key.pem", made.signing_key.serialize_pem());
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let config = format!(
        "{more}\n[tls]\ncertificate_file = {:?}\nkey_file = {:?}\n",
        certificate.display().to_string(),
        key.display().to_string()
    );
    let start = Start::serve(&data.path()).flag("--config", data.beside("cognate.toml", config));
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    (start, trusting(root))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own client has no fences"
)]
fn trusting(root: reqwest::Certificate) -> reqwest::Client {
    let _ = client();
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_listener_with_a_certificate_speaks_https() {
    let data = Data::new();
    let (start, client) = secure(&data, "").await;
    let server = start.up_with(client).await;
    assert!(server.base.starts_with("https://"), "{}", server.base);
    assert!(
        server
            .out()
            .contains(&format!("  Issuer {}\n", server.base))
    );
    let pool = server.pool(json!({})).await;
    server.identity(&pool, json!({})).await;

    let health = format!("{}/health", server.base);
    let answer = server.client.get(&health).send().await.unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
    let stranger = crate::world::client().get(&health).send().await;
    assert!(stranger.is_err(), "nobody trusts a certificate unasked");
    let plain = format!("http://{}/health", server.address());
    assert!(server.client.get(plain).send().await.is_err());
}

#[tokio::test]
async fn clients_that_send_slowly_are_cut_off() {
    let data = Data::new();
    let (start, client) = secure(&data, "").await;
    let secure = start.up_with(client).await;
    let data = Data::new();
    let plain = Start::serve(&data.path()).up().await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let half = "GET / HTTP/1.1\r\nhost: localhost\r\n";
    // What comes at once, whether something drips behind it, and how many seconds it may take at most.
    let cases = [
        ("nothing at all", plain.address(), "", false, 15),
        ("a letter", plain.address(), "P", false, 15),
        ("half a preface", plain.address(), &preface[..20], false, 15),
        ("a preface of HTTP/2", plain.address(), preface, false, 15),
        ("half a head", plain.address(), half, true, 25),
        ("no handshake", secure.address(), "", false, 15),
    ];
    let mut slow = JoinSet::new();
    for (name, address, beginning, drips, seconds) in cases {
        let address = address.to_owned();
        slow.spawn(async move {
            let limit = Duration::from_secs(seconds);
            let cut = timeout(limit, cut_off(&address, beginning, drips)).await;
            let took = cut.unwrap_or_else(|_| panic!("{name}: still there after {limit:?}"));
            println!("{name}: cut off after {took:?}");
        });
    }
    // Meanwhile others are served.
    let pool = plain.pool(json!({})).await;
    plain.identity(&pool, json!({})).await;
    while let Some(cut) = slow.join_next().await {
        cut.unwrap();
    }
    plain.identity(&pool, json!({})).await;
}

/// Sends `beginning`, and then, if it drips, a letter each second, until the server closes. Says how long that took.
async fn cut_off(address: &str, beginning: &str, drips: bool) -> Duration {
    let begun = Instant::now();
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(beginning.as_bytes()).await.unwrap();
    let (mut from, mut to) = connection.split();
    let mut answer = Vec::new();
    let closed = from.read_to_end(&mut answer);
    tokio::pin!(closed);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = &mut closed => return begun.elapsed(),
            _ = second.tick(), if drips => {
                if to.write_all(b"x").await.is_err() {
                    return begun.elapsed();
                }
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_comes_slowly_is_cut_off() {
    let world = World::new().await;
    let address = world.base.strip_prefix("http://").unwrap();
    let post = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: 100\r\n\r\n";
    // The server is in this process: five seconds pass as soon as nothing else happens.
    tokio::time::pause();
    let took = cut_off(address, post, true).await;
    assert!(took >= Duration::from_secs(5), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn many_idle_connections_do_not_keep_others_out() {
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let begun = Instant::now();
    let pool = server.pool(json!({})).await;
    server.identity(&pool, json!({})).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    drop(idle);
}
