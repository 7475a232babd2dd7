//! A flood from one address, under the limits of `serve` as they are without settings.

use std::fmt::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cognate::ambient::Real;
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Data, head, raise_file_limit};
use crate::world::{Credentials, Door, Issuer, Running, Start, http2, is_full, release_build};

/// The address of the attacker. The test's own calls come from 127.0.0.1.
const ATTACKER: &str = "127.0.0.2";

/// The attacker's connections for each kind of call, to a debug build and to a release build.
const CONNECTIONS: [usize; 2] = [1, 4];

/// How long the flood lasts, in seconds; and with `COGNATE_TEST_FULL`.
const FLOOD: [u64; 2] = [3, 30];

/// The attacker's connections of each kind without calls: idle ones of both protocols, and unfinished bodies.
const WAITING: u32 = 200;

/// The longest time of a call during a flood and after it.
const QUICK: Duration = Duration::from_millis(100);

/// The most memory under the flood, in bytes.
const MEMORY: u64 = 256 << 20;

/// How many calls of a kind were served, and how many were refused by a limit.
#[derive(Default)]
pub(super) struct Count {
    served: AtomicUsize,
    pub(super) limited: AtomicUsize,
    /// Those that were refused for what they are.
    other: AtomicUsize,
}

impl Count {
    /// How many were admitted, with those that were refused for what they are.
    fn admitted(&self) -> usize {
        self.served.load(Ordering::Relaxed) + self.other.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [served, limited, other] =
            [&self.served, &self.limited, &self.other].map(|count| count.load(Ordering::Relaxed));
        write!(
            formatter,
            "{served} served, {limited} refused by a limit, {other} refused for themselves"
        )
    }
}

/// Repeats a request on one connection, as fast as it is answered.
pub(super) async fn repeat(address: String, request: Vec<u8>, count: Arc<Count>) {
    let mut connection = connect(&address).await;
    let mut answer = vec![0; 16 << 10];
    loop {
        if connection.write_all(&request).await.is_err() {
            connection = connect(&address).await;
            continue;
        }
        // An answer is small, and comes as a whole.
        let Ok(length @ 1..) = connection.read(&mut answer).await else {
            connection = connect(&address).await;
            continue;
        };
        let text = String::from_utf8_lossy(&answer[..length]);
        let kind = if text.starts_with("HTTP/1.1 200") {
            &count.served
        } else if text.contains("Rate exceeded") {
            &count.limited
        } else {
            &count.other
        };
        kind.fetch_add(1, Ordering::Relaxed);
    }
}

async fn connect(address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket
        .bind(format!("{ATTACKER}:0").parse().unwrap())
        .unwrap();
    socket.connect(address.parse().unwrap()).await.unwrap()
}

/// The bytes of a call, with more lines of its head.
pub(super) fn request(server: &Running, operation: &str, body: &Value, more: &str) -> Vec<u8> {
    let (host, body) = (server.address(), body.to_string());
    format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: AWSCognitoIdentityService.{operation}\r\n{more}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The bytes of a form, with more lines of its head.
fn form_request(server: &Running, more: &str, body: &str) -> Vec<u8> {
    let (host, length) = (server.address(), body.len());
    format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\n{more}\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn get(server: &Running, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", server.address()).into_bytes()
}

/// A call that the session of a guest signed.
async fn session_call(server: &Running, guest: &str) -> Vec<u8> {
    let answer = server.credentials(guest, json!({})).await.ok();
    let session = Credentials::of(&answer["Credentials"]);
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let headers = server.sign(&session, "sts", HeaderMap::new(), body);
    let mut lines = String::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
        writeln!(lines, "{name}: {}\r", value.to_str().unwrap()).unwrap();
    }
    form_request(server, &lines, body)
}

/// Connections on which the attacker waits: after half a body, and idle ones of both protocols.
async fn wait_on_connections(server: &Running, attackers: &mut JoinSet<()>) {
    let half = [head(server.address(), 100), "{".to_owned()].concat();
    let stream = [
        http2::beginning(0),
        http2::head(server.address(), 1, "POST", "/"),
    ];
    for beginning in [
        half.into_bytes(),
        get(server, "/health"),
        Vec::new(),
        http2::beginning(65535),
        stream.concat(),
    ] {
        for _ in 0..WAITING {
            let mut connection = connect(server.address()).await;
            let _ = connection.write_all(&beginning).await;
            attackers.spawn(http2::answer_pings(connection));
        }
    }
}

/// A client with an address.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own client has no fences"
)]
pub(super) fn client(server: &Running, address: &str) -> Door {
    let _ = crate::world::client();
    let address: IpAddr = address.parse().unwrap();
    let client = reqwest::Client::builder().no_proxy().local_address(address);
    Door::new(server.base.clone(), client.build().unwrap(), Arc::new(Real))
}

/// The time of a guest's GetId, its credentials, a signed call and `/health`, each.
async fn times(client: &Door, pool: &str) -> [Duration; 4] {
    let begun = Instant::now();
    let guest = client.identity(pool, json!({})).await;
    let identity = begun.elapsed();
    let begun = Instant::now();
    client.credentials(&guest, json!({})).await.ok();
    let credentials = begun.elapsed();
    let begun = Instant::now();
    let input = json!({ "MaxResults": 1 });
    let answer = client
        .signed(&Credentials::root(), "ListIdentityPools", input)
        .await;
    answer.ok();
    let signed = begun.elapsed();
    let begun = Instant::now();
    assert_eq!(client.get("/health").await.status, 200);
    [identity, credentials, signed, begun.elapsed()]
}

/// The value of a metric.
async fn metric(client: &Door, name: &str) -> f64 {
    let text = client.get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

/// A token with a wrong signature.
pub(super) fn forged(issuer: &Issuer) -> String {
    let token = crate::world::real_token(issuer, "ada");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", signature.chars().rev().collect::<String>())
}

/// The attacker's calls, each with its name and whether it is expensive.
fn kinds(
    server: &Running,
    issuer: &Issuer,
    pool: &str,
    guest: &str,
    session: &[u8],
) -> [(&'static str, bool, Vec<u8>); 12] {
    let token = crate::world::real_token(issuer, "ada");
    let forged = forged(issuer);
    let login = |token: &str| json!({ "IdentityPoolId": pool, "Logins": { issuer.name(): token } });
    let wrong = "x-amz-date: 20260301T120000Z\r\nauthorization: AWS4-HMAC-SHA256 \
                 Credential=AKIAIOSFODNN7EXAMPLE/20260301/eu-west-1/cognito-identity/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=00\r\n";
    let bytes = |operation, body: Value| request(server, operation, &body, "");
    let session = session.to_vec();
    let form_of = |headers: &str, body: &str| form_request(server, headers, body);
    let long = format!(
        "Action=Unknown&Version=2011-06-15&Long={}",
        "%41".repeat(100_000)
    );
    let garbage = "authorization: AWS4-HMAC-SHA256 garbage\r\n";
    let guest = json!({ "IdentityId": guest });
    let list = request(
        server,
        "ListIdentityPools",
        &json!({ "MaxResults": 1 }),
        wrong,
    );
    [
        (
            "guests",
            false,
            bytes("GetId", json!({ "IdentityPoolId": pool })),
        ),
        ("forged tokens", true, bytes("GetId", login(&forged))),
        ("users", true, bytes("GetId", login(&token))),
        (
            "OpenID tokens",
            true,
            bytes("GetOpenIdToken", guest.clone()),
        ),
        (
            "credentials",
            false,
            bytes("GetCredentialsForIdentity", guest),
        ),
        ("wrong signatures", false, list),
        ("garbage tokens", true, bytes("GetId", login("garbage"))),
        (
            "garbage authorization",
            false,
            form_of(garbage, "Action=Unknown"),
        ),
        ("long garbage", true, form_of(garbage, &long)),
        ("sessions of guests", false, session),
        ("documents", false, get(server, "/metrics")),
        ("health", false, get(server, "/health")),
    ]
}

/// Calls of another address while the flood lasts: the times of each round.
async fn calls_of_another(own: &Door, pools: [&str; 2]) -> Vec<[Duration; 4]> {
    let begun = Instant::now();
    let lasts = Duration::from_secs(FLOOD[usize::from(is_full())]);
    let mut rounds = Vec::new();
    while begun.elapsed() < lasts {
        for pool in pools {
            rounds.push(times(own, pool).await);
        }
        // A long flood has more rounds than an address may make guests in a minute.
        let pause = if is_full() { 500 } else { 100 };
        sleep(Duration::from_millis(pause)).await;
    }
    rounds
}

/// Asserts that nearly all calls of each kind were quick: half of those to a debug build, which a machine with other work
/// delays, and 95 % of those to a release build. `before` are rounds without a flood.
fn check_rounds(rounds: &[[Duration; 4]], before: &[[Duration; 4]]) {
    let slowest = before.iter().flatten().max().unwrap();
    println!("without a flood, the slowest call took {slowest:?}");
    let percentile = if release_build().is_some() { 95 } else { 50 };
    let names = ["GetId", "credentials", "a signed call", "/health"];
    for (at, name) in names.into_iter().enumerate() {
        let mut times: Vec<_> = rounds.iter().map(|round| round[at]).collect();
        times.sort();
        let count = times.len();
        let (middle, most) = (times[count / 2], times[count * percentile / 100]);
        println!(
            "{name} of another address: median {middle:?}, {percentile} % within {most:?}, at most {:?}, {count} times",
            times[count - 1]
        );
        assert!(most < QUICK + *slowest, "{name}: {times:?}");
    }
}

async fn check_metrics(client: &Door) {
    let mut limits = vec!["expensive_per_address_per_second"];
    // A short flood of a slow build may be less than an address may call at once.
    if release_build().is_some() {
        limits.push("requests_per_address_per_second");
    }
    for limit in limits {
        let name = format!("cognate_refused_total{{limit=\"{limit}\"}}");
        let refused = metric(client, &name).await;
        assert!(refused > 0.0, "{name}");
        println!("{name} {refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_that_calls_without_pause_delays_no_other_and_is_itself_again_a_second_later() {
    raise_file_limit();
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    let issuer = Issuer::new().await;
    let pool = server.pool_of(&issuer).await;
    let other_pool = server.pool(json!({})).await;
    let guest = server.identity(&pool, json!({})).await;
    let own = client(&server, "127.0.0.1");
    let mut before = Vec::new();
    for _ in 0..10 {
        before.push(times(&own, &pool).await);
    }
    let mut attackers = JoinSet::new();
    let begun = Instant::now();
    let session = session_call(&server, &guest).await;
    wait_on_connections(&server, &mut attackers).await;
    let counts =
        kinds(&server, &issuer, &pool, &guest, &session).map(|(name, is_expensive, request)| {
            let count = Arc::new(Count::default());
            for _ in 0..CONNECTIONS[usize::from(release_build().is_some())] {
                let address = server.address().to_owned();
                attackers.spawn(repeat(address, request.clone(), Arc::clone(&count)));
            }
            (name, is_expensive, count)
        });
    let rounds = calls_of_another(&own, [&pool, &other_pool]).await;
    attackers.shutdown().await;
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;

    let (mut all, mut expensive) = (0, 0);
    for (name, is_expensive, count) in &counts {
        println!("{name}: {count}");
        // Sessions and documents have rates of their own, and the health has none.
        if !["sessions of guests", "documents", "health"].contains(name) {
            all += count.admitted();
            expensive += if *is_expensive { count.admitted() } else { 0 };
        }
    }
    println!("the server had {} MiB at most", server.peak_memory() >> 20);
    // The bursts, and the rates as long as the flood lasted.
    let guests = counts[0].2.admitted();
    assert!(guests <= 300 + 5 * seconds, "{guests} guests");
    assert!(
        expensive <= 200 + 100 * seconds,
        "{expensive} expensive calls"
    );
    assert!(all <= 1000 + 500 * seconds, "{all} calls");
    assert!(server.peak_memory() < MEMORY);
    check_rounds(&rounds, &before[1..]);
    check_metrics(&own).await;

    sleep(Duration::from_secs(1)).await;
    let attacker = client(&server, ATTACKER);
    let mut after = Duration::MAX;
    for client in [&attacker, &own, &attacker] {
        let slowest = times(client, &pool).await.into_iter().max();
        after = after.min(slowest.unwrap());
    }
    println!("a second after the flood, the slowest call took {after:?}");
    let slowest = before[1..].iter().flatten().max().unwrap();
    assert!(after < QUICK + *slowest, "{after:?}");
    let log = server.stop().await.err;
    let about_rates = |line: &&str| line.contains("a rate in [limits] is reached");
    let lines = log.lines().filter(about_rates).count();
    // Ten for each limit, and a count of the others.
    assert!((1..=40).contains(&lines), "{lines} lines");
}
