//! Clients that don't take what the server sends: their sockets end, also in the kernel, whatever the protocol is.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cognate::wire::ConnectionLimits;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::lifetimes::listening;
use crate::world::{World, http2};

const SECOND: Duration = Duration::from_secs(1);

/// What is read and written: plain or encrypted.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A server with a certificate, or without.
struct Scene {
    _world: World,
    address: String,
    tls: Option<TlsConnector>,
}

impl Scene {
    async fn new(is_secure: bool) -> Self {
        let limits = ConnectionLimits {
            idle: 2 * SECOND,
            unread: SECOND,
            last_answers: SECOND / 4,
            ..ConnectionLimits::for_files(1000)
        };
        let (server, client) = is_secure.then(certificates).unzip();
        let (world, address) = listening(limits, server).await;
        Self {
            _world: world,
            address,
            tls: client,
        }
    }

    /// A connection with a small buffer, and its own address.
    async fn connect(&self) -> (Box<dyn Stream>, SocketAddr) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(self.address.parse().unwrap()).await.unwrap();
        let own = stream.local_addr().unwrap();
        let Some(tls) = &self.tls else {
            return (Box::new(stream), own);
        };
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream: tokio_rustls::client::TlsStream<TcpStream> =
            tls.connect(name, stream).await.unwrap();
        (Box::new(stream), own)
    }

    /// How long it takes until the server's socket for this client is gone from the kernel.
    async fn gone_after(&self, client: SocketAddr) -> Duration {
        let begun = Instant::now();
        while begun.elapsed() < 10 * SECOND {
            if !self.has_socket_for(client) {
                return begun.elapsed();
            }
            sleep(SECOND / 20).await;
        }
        Duration::MAX
    }

    fn has_socket_for(&self, client: SocketAddr) -> bool {
        let port = |port: u16| format!("0100007F:{port:04X}");
        let server: SocketAddr = self.address.parse().unwrap();
        let (server, client) = (port(server.port()), port(client.port()));
        let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
        sockets.lines().any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let ends = (fields.next(), fields.next());
            // A socket in TIME_WAIT is closed.
            ends == (Some(&server), Some(&client)) && fields.next() != Some("06")
        })
    }
}

fn certificates() -> (Arc<ServerConfig>, TlsConnector) {
    let _ = crate::world::client();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let chain = vec![made.cert.der().clone()];
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let server = ServerConfig::builder().with_no_client_auth();
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots);
    let client = client.with_no_client_auth();
    (
        Arc::new(server.with_single_cert(chain, key).unwrap()),
        TlsConnector::from(Arc::new(client)),
    )
}

/// Writes requests until the server takes no more of them.
async fn write_until_full(
    stream: &mut dyn Stream,
    beginning: &[u8],
    request: impl Fn(u32) -> Vec<u8>,
) {
    stream.write_all(beginning).await.unwrap();
    for number in 0..100_000 {
        let written = timeout(SECOND / 2, stream.write_all(&request(number))).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
    panic!("the server takes any number of requests without reading");
}

async fn clients_that_read_nothing(is_secure: bool) {
    let scene = Scene::new(is_secure).await;
    let keys = "/.well-known/jwks_uri";
    let request = format!("GET {keys} HTTP/1.1\r\nhost: {}\r\n\r\n", scene.address);
    let (mut stream, own) = scene.connect().await;
    write_until_full(&mut *stream, b"", |_| request.clone().into_bytes()).await;
    let took = scene.gone_after(own).await;
    println!("HTTP/1.1, secure: {is_secure}: closed {took:?} after the last request was taken");
    assert!(took < 4 * SECOND, "{took:?}");

    let (mut stream, own) = scene.connect().await;
    // The windows are as large as they can be. Only the socket is not read.
    let window = (1 << 31) - 1;
    let of_all = http2::frame(8, 0, 0, &(window - 65535_u32).to_be_bytes());
    let beginning = [http2::beginning(window), of_all].concat();
    write_until_full(&mut *stream, &beginning, |number| {
        http2::head(&scene.address, 2 * number + 1, "GET", keys)
    })
    .await;
    let took = scene.gone_after(own).await;
    println!("HTTP/2, secure: {is_secure}: closed {took:?} after the last request was taken");
    assert!(took < 4 * SECOND, "{took:?}");
}

#[tokio::test]
async fn sockets_of_clients_that_read_nothing_end() {
    clients_that_read_nothing(false).await;
}

#[tokio::test]
async fn encrypted_sockets_of_clients_that_read_nothing_end() {
    clients_that_read_nothing(true).await;
}

/// Opens streams and resets all but the first, with a window of zero, until the server closes.
async fn leave_one_answer(scene: &Scene) -> Duration {
    let begun = Instant::now();
    let (mut stream, _) = scene.connect().await;
    let health = |number: u32| http2::head(&scene.address, 2 * number + 1, "GET", "/health");
    let beginning = [http2::beginning(0), health(0)].concat();
    stream.write_all(&beginning).await.unwrap();
    let (mut from, mut to) = tokio::io::split(stream);
    let mut answers = [0; 4096];
    let mut drips = interval(SECOND / 5);
    let mut number = 0;
    let closed = async {
        loop {
            tokio::select! {
                read = from.read(&mut answers) => if !matches!(read, Ok(1..)) {
                    return;
                },
                _ = drips.tick() => {
                    number += 1;
                    let reset = http2::frame(3, 0, 2 * number - 1, &8_u32.to_be_bytes());
                    let reset = if number == 1 { Vec::new() } else { reset };
                    if to.write_all(&[reset, health(number)].concat()).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    let closed = timeout(10 * SECOND, closed).await;
    closed.map_or(Duration::MAX, |()| begun.elapsed())
}

#[tokio::test]
async fn a_connection_in_use_ends_if_one_answer_is_not_taken() {
    let mut scenes = JoinSet::new();
    for is_secure in [false, true] {
        scenes.spawn(async move {
            let took = leave_one_answer(&Scene::new(is_secure).await).await;
            println!("secure: {is_secure}: closed after {took:?}");
            assert!((SECOND..3 * SECOND).contains(&took), "{took:?}");
        });
    }
    scenes.join_all().await;
}
