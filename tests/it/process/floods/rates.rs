//! A flood of calls from one address, under the limits of `serve` as they are without settings.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cognate::ambient::Real;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Data, peak_memory};
use crate::world::{Credentials, Door, Issuer, Running, Start};

/// The address of the attacker. The test's own calls come from 127.0.0.1.
const ATTACKER: &str = "127.0.0.2";

/// The attacker's connections for each kind of call.
const CONNECTIONS: usize = 4;

/// How long the flood lasts.
const FLOOD: Duration = Duration::from_secs(6);

/// The longest time of a call during a flood and after it.
const QUICK: Duration = Duration::from_millis(100);

/// The most memory under the flood, in bytes.
const MEMORY: u64 = 256 << 20;

/// How many calls of a kind were served, and how many were refused by a limit.
#[derive(Default)]
struct Count {
    served: AtomicUsize,
    limited: AtomicUsize,
    other: AtomicUsize,
}

/// Repeats a request on one connection, as fast as it is answered.
async fn repeat(address: String, request: Vec<u8>, count: Arc<Count>) {
    let mut connection = connect(&address).await;
    let mut answer = vec![0; 16 << 10];
    loop {
        if connection.write_all(&request).await.is_err() {
            connection = connect(&address).await;
            continue;
        }
        // An answer is small, and comes as a whole.
        let length = match connection.read(&mut answer).await {
            Ok(length @ 1..) => length,
            _ => {
                connection = connect(&address).await;
                continue;
            }
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
fn request(server: &Running, operation: &str, body: &Value, more: &str) -> Vec<u8> {
    let (host, body) = (server.address(), body.to_string());
    format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: AWSCognitoIdentityService.{operation}\r\n{more}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A client with an address.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own client has no fences"
)]
fn client(server: &Running, address: &str) -> Door {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_that_calls_without_pause_delays_no_other_and_is_itself_again_a_second_later() {
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    let issuer = Issuer::new().await;
    let pool = server.pool_of(&issuer).await;
    let other_pool = server.pool(json!({})).await;
    let guest = server.identity(&pool, json!({})).await;
    let token = crate::world::real_token(&issuer, "ada");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    let login = |token: &str| json!({ "IdentityPoolId": pool, "Logins": { issuer.name(): token } });
    let wrong = "x-amz-date: 20260301T120000Z\r\nauthorization: AWS4-HMAC-SHA256 \
                 Credential=AKIAIOSFODNN7EXAMPLE/20260301/eu-west-1/cognito-identity/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=00\r\n";
    let kinds = [
        (
            "guests",
            request(&server, "GetId", &json!({ "IdentityPoolId": pool }), ""),
        ),
        (
            "forged tokens",
            request(&server, "GetId", &login(&forged), ""),
        ),
        ("users", request(&server, "GetId", &login(&token), "")),
        (
            "OpenID tokens",
            request(
                &server,
                "GetOpenIdToken",
                &json!({ "IdentityId": guest }),
                "",
            ),
        ),
        (
            "credentials",
            request(
                &server,
                "GetCredentialsForIdentity",
                &json!({ "IdentityId": guest }),
                "",
            ),
        ),
        (
            "wrong signatures",
            request(
                &server,
                "ListIdentityPools",
                &json!({ "MaxResults": 1 }),
                wrong,
            ),
        ),
    ];
    let own = client(&server, "127.0.0.1");
    times(&own, &pool).await;
    let mut attackers = JoinSet::new();
    let counts = kinds.map(|(name, request)| {
        let count = Arc::new(Count::default());
        for _ in 0..CONNECTIONS {
            attackers.spawn(repeat(
                server.address().to_owned(),
                request.clone(),
                Arc::clone(&count),
            ));
        }
        (name, count)
    });
    let begun = Instant::now();
    let mut rounds = Vec::new();
    while begun.elapsed() < FLOOD {
        for pool in [&pool, &other_pool] {
            rounds.push(times(&own, pool).await);
        }
        sleep(Duration::from_millis(100)).await;
    }
    let lasted = begun.elapsed();
    attackers.shutdown().await;
    let mut admitted = 0;
    for (name, count) in &counts {
        let [served, limited, other] = [&count.served, &count.limited, &count.other]
            .map(|count| count.load(Ordering::Relaxed));
        println!(
            "{name}: {served} served, {limited} refused by a limit, {other} refused for themselves"
        );
        admitted += served + other;
    }
    let names = ["GetId", "credentials", "a signed call", "/health"];
    for (at, name) in names.into_iter().enumerate() {
        let mut times: Vec<_> = rounds.iter().map(|round| round[at]).collect();
        times.sort();
        let (middle, slowest) = (times[times.len() / 2], times[times.len() - 1]);
        println!(
            "{name} of another address: {middle:?}, at most {slowest:?}, {} times",
            times.len()
        );
    }
    println!("the server had {} MiB at most", peak_memory(&server) >> 20);

    // The bursts, and the rates as long as the flood lasted.
    let most = |burst: f64, rate: f64| (burst + rate * (lasted.as_secs_f64() + 0.5)) as usize;
    let guests = counts[0].1.served.load(Ordering::Relaxed);
    assert!(guests <= most(300.0, 5.0), "{guests} guests");
    assert!(admitted <= most(1000.0, 500.0), "{admitted} calls");
    assert!(peak_memory(&server) < MEMORY);
    // Other programs on the machine may delay some rounds.
    let quick = rounds
        .iter()
        .filter(|round| round.iter().all(|time| *time < QUICK))
        .count();
    assert!(
        quick * 10 >= rounds.len() * 9,
        "{quick} of {} rounds were quick",
        rounds.len()
    );
    for limit in [
        "requests_per_address_per_second",
        "guests_per_address_per_minute",
        "expensive_per_address_per_second",
    ] {
        let name = format!("cognate_refused_total{{limit=\"{limit}\"}}");
        let refused = metric(&own, &name).await;
        assert!(refused > 0.0, "{name}");
        println!("{name} {refused}");
    }

    sleep(Duration::from_secs(1)).await;
    let attacker = client(&server, ATTACKER);
    let mut after = Duration::MAX;
    for client in [&attacker, &own, &attacker] {
        let slowest = times(client, &pool).await.into_iter().max();
        after = after.min(slowest.unwrap());
    }
    println!("a second after the flood, the slowest call took {after:?}");
    assert!(after < QUICK, "{after:?}");
    let log = server.stop().await.err;
    let lines = log
        .lines()
        .filter(|line| line.contains("a rate in [limits] is reached"));
    let lines = lines.count();
    // Ten for each limit, and a count of the others.
    assert!((1..=40).contains(&lines), "{lines} lines");
}
