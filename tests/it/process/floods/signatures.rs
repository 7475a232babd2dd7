//! Floods of signatures from one address, without limits on rates: what can't be signed or verified in time is refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::rates::{Count, client, forged, repeat, request};
use super::{Data, raise_file_limit};
use crate::world::{Door, Issuer, Start, is_full, release_build};

/// The attacker's connections. Those to a release build are more than the share of the queue that one client has; a debug build
/// takes too long for the requests to reach its signatures' capacity.
const CONNECTIONS: [usize; 2] = [16, 640];

/// How long each flood lasts, in seconds; and with `COGNATE_TEST_FULL`.
const FLOOD: [u64; 2] = [2, 20];

/// The longest time of a call of another address, beside the longest without a flood.
const QUICK: Duration = Duration::from_millis(100);

/// The time of an OpenID token, of a user's GetId and of `/health` for another address, each.
async fn times(own: &Door, guest: &str, (pool, issuer): (&str, &Issuer)) -> [Duration; 3] {
    let token = crate::world::real_token(issuer, "bob");
    let begun = Instant::now();
    let input = json!({ "IdentityId": guest });
    own.public("GetOpenIdToken", input).await.ok();
    let signed = begun.elapsed();
    let begun = Instant::now();
    own.identity(pool, json!({ issuer.name(): token })).await;
    let verified = begun.elapsed();
    let begun = Instant::now();
    assert_eq!(own.get("/health").await.status, 200);
    [signed, verified, begun.elapsed()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_beyond_the_capacity_are_refused_and_clients_take_turns() {
    raise_file_limit();
    let is_release = release_build().is_some();
    let data = Data::new();
    let server = Start::serve(&data.path()).without_rates().up().await;
    let issuer = Issuer::new().await;
    let pool = server.pool_of(&issuer).await;
    let guest = server.identity(&pool, json!({})).await;
    let own = client(&server, "127.0.0.1");
    let mut before = Duration::ZERO;
    for round in 0..6 {
        let times = times(&own, &guest, (&pool, &issuer)).await;
        let slowest = times.into_iter().max().unwrap();
        // The first calls open connections and fetch keys.
        before = if round == 0 {
            before
        } else {
            before.max(slowest)
        };
    }
    let login = json!({ issuer.name(): forged(&issuer) });
    for (name, operation, input) in [
        (
            "signatures",
            "GetOpenIdToken",
            json!({ "IdentityId": guest }),
        ),
        (
            "forged tokens",
            "GetId",
            json!({ "IdentityPoolId": pool, "Logins": login }),
        ),
    ] {
        let count = Arc::new(Count::default());
        let mut attackers = JoinSet::new();
        for _ in 0..CONNECTIONS[usize::from(is_release)] {
            let call = request(&server, operation, &input, "");
            attackers.spawn(repeat(
                server.address().to_owned(),
                call,
                Arc::clone(&count),
            ));
        }
        sleep(Duration::from_millis(300)).await;
        let begun = Instant::now();
        let lasts = Duration::from_secs(FLOOD[usize::from(is_full())]);
        let mut slowest = Vec::new();
        while begun.elapsed() < lasts {
            let round = times(&own, &guest, (&pool, &issuer)).await;
            slowest.push(round.into_iter().max().unwrap());
        }
        attackers.shutdown().await;
        slowest.sort();
        let middle = slowest[slowest.len() / 2];
        println!(
            "{name}: {count}; another address: {middle:?}, at most {:?}, {} rounds; without a flood: {before:?}",
            slowest[slowest.len() - 1],
            slowest.len()
        );
        // A debug build on a machine with other work may delay some rounds longer.
        let percentile = if is_release { 95 } else { 50 };
        let most = slowest[slowest.len() * percentile / 100];
        assert!(most < QUICK + before, "{name}: {slowest:?}");
        if is_release && name == "signatures" {
            assert!(count.limited.load(Ordering::Relaxed) > 0, "{count}");
        }
    }
    sleep(Duration::from_secs(1)).await;
    let slowest = times(&own, &guest, (&pool, &issuer)).await;
    let slowest = slowest.into_iter().max().unwrap();
    assert!(slowest < QUICK + before, "{slowest:?}");
}
