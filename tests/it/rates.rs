//! The limits on the rates of calls, in a world whose clock stands still: which call counts for which limit.

use std::num::NonZeroU32;
use std::sync::Arc;

use cognate::ambient::Still;
use cognate::app::connection::Connection;
use cognate::app::live_settings;
use cognate::config::LimitSettings;
use cognate::operations::{ALL, Access};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use crate::world::{
    Answer, Credentials, DEVELOPER, Door, GUEST_ROLE, World, beginning, config, form, form_headers,
    json_headers,
};

/// A world with these limits, behind a proxy on this machine.
async fn world(limits: impl FnOnce(&mut LimitSettings)) -> World {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut config = config(folder.path(), |_| {});
    config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    limits(&mut config.limits);
    World::of(config, folder, Arc::new(Still::at(beginning()))).await
}

/// The door for a client that the proxy names.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own client has no fences"
)]
fn client(world: &World, address: &str) -> Door {
    let name = HeaderValue::try_from(address).unwrap();
    let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), name)]);
    let client = reqwest::Client::builder().no_proxy();
    let client = client.default_headers(headers).build().unwrap();
    Door::new(world.base.clone(), client, world.clock.clone())
}

/// Whether a call was refused by a limit, as the service refuses what is too much.
fn is_refused(answer: &Answer) -> bool {
    if !answer.text.contains("Rate exceeded") {
        return false;
    }
    if answer.text.starts_with('<') {
        answer.query_refused(400, "Throttling", "Rate exceeded");
    } else {
        answer.refused("TooManyRequestsException", "Rate exceeded");
    }
    true
}

/// How many of forty calls are served before the first that is refused.
async fn served(call: impl AsyncFn() -> Answer) -> usize {
    for count in 0..40 {
        if is_refused(&call().await) {
            assert!(is_refused(&call().await), "the next one is refused as well");
            return count;
        }
    }
    40
}

/// A pool, a guest of it, and a token of the guest.
struct Place {
    pool: String,
    guest: String,
    token: String,
}

impl Place {
    /// Made with one call that makes a guest, and two for the pool.
    async fn new(world: &World, client: &Door) -> Self {
        let pool = world.pool(json!({})).await;
        let guest = client.identity(&pool, json!({})).await;
        let token = token(client, &guest).await.ok();
        let token = token["Token"].as_str().unwrap().to_owned();
        Self { pool, guest, token }
    }
}

async fn token(client: &Door, identity: &str) -> Answer {
    let input = json!({ "IdentityId": identity });
    client.public("GetOpenIdToken", input).await
}

/// Calls a public operation without a signature, in a way that makes no guest.
async fn call(client: &Door, operation: &str, place: &Place) -> Answer {
    let logins = json!({ "accounts.google.com": "not a token" });
    let identity = json!({ "IdentityId": place.guest, "Logins": logins });
    match operation {
        "GetId" => client.get_id(&place.pool, logins).await,
        "GetCredentialsForIdentity" | "GetOpenIdToken" => client.public(operation, identity).await,
        "UnlinkIdentity" => {
            let mut input = identity;
            input["LoginsToRemove"] = json!(["accounts.google.com"]);
            client.public(operation, input).await
        }
        "AssumeRoleWithWebIdentity" => {
            let parameters = [
                ("RoleArn", GUEST_ROLE),
                ("RoleSessionName", "me"),
                ("WebIdentityToken", &place.token),
            ];
            client.sts(operation, &parameters).await
        }
        "AssumeRoleWithSAML" => {
            let provider = "arn:aws:iam::123456789012:saml-provider/corp";
            let parameters = [
                ("RoleArn", GUEST_ROLE),
                ("PrincipalArn", provider),
                ("SAMLAssertion", "bm90IGEgcmVzcG9uc2U="),
            ];
            client.sts(operation, &parameters).await
        }
        other => panic!("{other} is a public operation that no limit was tested with"),
    }
}

fn public_operations() -> impl Iterator<Item = &'static str> {
    let public = ALL.iter().filter(|entry| entry.access == Access::Public);
    public.map(|entry| entry.name)
}

#[tokio::test]
async fn each_public_operation_counts_for_its_address_and_its_work() {
    for set in [
        (|limits| limits.requests_per_address_per_second = NonZeroU32::new(3))
            as fn(&mut LimitSettings),
        |limits| limits.expensive_per_address_per_second = NonZeroU32::new(3),
    ] {
        let world = world(set).await;
        let place = Place::new(&world, &client(&world, "192.0.2.250")).await;
        for (at, operation) in public_operations().enumerate() {
            let one = client(&world, &format!("192.0.2.{at}"));
            let count = served(async || call(&one, operation, &place).await).await;
            assert_eq!(count, 6, "{operation}: twice the rate at once");
        }
        world.clock.advance_uptime(1);
        let one = client(&world, "192.0.2.0");
        let count = served(async || call(&one, "GetOpenIdToken", &place).await).await;
        assert_eq!(count, 3, "the rate after a second");
    }
}

#[tokio::test]
async fn each_public_operation_counts_for_the_pool_that_it_names() {
    let world = world(|limits| limits.per_pool_per_second = NonZeroU32::new(3)).await;
    for operation in public_operations() {
        let place = Place::new(&world, &client(&world, "192.0.2.1")).await;
        let address = std::cell::Cell::new(0);
        let count = served(async || {
            address.set(address.get() + 1);
            let flood = client(&world, &format!("198.51.100.{}", address.get()));
            call(&flood, operation, &place).await
        });
        // The place took two. A response of a SAML provider names no pool.
        let expected = if operation == "AssumeRoleWithSAML" {
            40
        } else {
            4
        };
        assert_eq!(count.await, expected, "{operation}");
    }
    // The administrator and other pools notice nothing.
    let flooded = world.pool(json!({})).await;
    let one = client(&world, "192.0.2.1");
    assert_eq!(
        served(async || one.get_id(&flooded, json!({})).await).await,
        4,
        "one address has half of the rate"
    );
    let input = json!({ "IdentityPoolId": flooded });
    for _ in 0..10 {
        world
            .admin("DescribeIdentityPool", input.clone())
            .await
            .ok();
    }
    let other = world.pool(json!({})).await;
    one.identity(&other, json!({})).await;
}

#[tokio::test]
async fn guests_are_limited_and_cheap_calls_and_users_are_not() {
    let world = world(|limits| {
        limits.guests_per_address_per_minute = NonZeroU32::new(20);
        limits.expensive_per_address_per_second = NonZeroU32::new(3);
    })
    .await;
    let pool = world.pool(json!({})).await;
    let one = client(&world, "192.0.2.1");
    let guest = one.identity(&pool, json!({})).await;
    let count = served(async || one.get_id(&pool, json!({})).await).await;
    assert_eq!(count, 19);
    let expensive = served(async || token(&one, &guest).await).await;
    assert_eq!(expensive, 6, "guests are another limit");
    for _ in 0..30 {
        one.credentials(&guest, json!({})).await.ok();
    }
    client(&world, "192.0.2.2").identity(&pool, json!({})).await;
    // A guest of a minute comes back in three seconds.
    world.clock.advance_uptime(3);
    let count = served(async || one.get_id(&pool, json!({})).await).await;
    assert_eq!(count, 1);
}

#[tokio::test]
async fn the_addresses_of_an_ipv6_network_share_a_limit() {
    let world = world(|limits| limits.requests_per_address_per_second = NonZeroU32::new(3)).await;
    let pool = world.pool(json!({})).await;
    for last in 1..=6 {
        let one = client(&world, &format!("2001:db8::{last}"));
        one.identity(&pool, json!({})).await;
    }
    let seventh = client(&world, "2001:db8::ffff:0:0:7");
    assert!(is_refused(&seventh.get_id(&pool, json!({})).await));
    client(&world, "2001:db8:0:1::1")
        .identity(&pool, json!({}))
        .await;
}

const CALLER: [(&str, &str); 2] = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];

/// The key of root with another secret.
fn forged() -> Credentials {
    Credentials {
        secret: "another secret".to_owned(),
        ..Credentials::root()
    }
}

/// The headers of claims to have signed something: none, what isn't a signature, one of an unknown key, of an unknown session,
/// and of the root key.
fn claims(world: &World) -> Vec<(&'static str, HeaderMap)> {
    let header = |name: &'static str, value: &str| {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::try_from(value).unwrap())])
    };
    let unknown = Credentials {
        id: "AKIAUNKNOWN".to_owned(),
        ..Credentials::root()
    };
    let session = Credentials {
        id: "ASIAUNKNOWN".to_owned(),
        session_token: Some("a token".to_owned()),
        ..Credentials::root()
    };
    let signed = |who: &Credentials, service| world.sign(who, service, HeaderMap::new(), "other");
    vec![
        ("no signature", HeaderMap::new()),
        ("garbage", header("authorization", "garbage")),
        (
            "a bearer token",
            header("authorization", "Bearer e30.e30.AA"),
        ),
        ("an unknown key", signed(&unknown, "sts")),
        ("an unknown session", signed(&session, "cognito-identity")),
        ("the root key", signed(&forged(), "sts")),
        ("the root key for IAM", signed(&forged(), "iam")),
        (
            "the root key for users",
            signed(&forged(), "cognito-identity"),
        ),
        ("the root key for another service", signed(&forged(), "s3")),
    ]
}

/// Bodies that are decoded in vain, small and large.
fn vain_bodies() -> Vec<(&'static str, HeaderMap, String)> {
    let json = |operation: &str| json_headers(&format!("AWSCognitoIdentityService.{operation}"));
    let long = "A".repeat(100_000);
    let unknown = |version| form(&[("Action", "Unknown"), ("Version", version)]);
    vec![
        ("an unknown target", json("Unknown"), "{}".to_owned()),
        ("no JSON", json("GetId"), "{".to_owned()),
        ("no input", json("GetId"), "{}".to_owned()),
        ("long input", json("GetId"), format!("[\"{long}\"]")),
        (
            "a signed target",
            json("ListIdentityPools"),
            "{}".to_owned(),
        ),
        (
            "long signed input",
            json("ListIdentityPools"),
            format!("[\"{long}\"]"),
        ),
        ("an unknown action", form_headers(), unknown("2011-06-15")),
        (
            "an unknown action of IAM",
            form_headers(),
            unknown("2010-05-08"),
        ),
        (
            "no version",
            form_headers(),
            form(&[("Action", "GetCallerIdentity")]),
        ),
        ("a long action", form_headers(), form(&[("Action", &long)])),
        ("no form", form_headers(), "%".repeat(100_000)),
        ("a signed action", form_headers(), form(&CALLER)),
        (
            "a public action",
            form_headers(),
            form(&[("Action", "AssumeRoleWithSAML"), ("Version", "2011-06-15")]),
        ),
    ]
}

#[tokio::test]
async fn every_request_without_a_valid_signature_counts_whatever_it_claims() {
    let limits = |limits: &mut LimitSettings| {
        limits.requests_per_address_per_second = NonZeroU32::new(3);
    };
    let world = world(limits).await;
    let (claims, bodies) = (claims(&world), vain_bodies());
    for (at, (claim, signature)) in claims.iter().enumerate() {
        for (and, (kind, headers, body)) in bodies.iter().enumerate() {
            let one = client(&world, &format!("192.0.{at}.{and}"));
            let mut headers = headers.clone();
            headers.extend(signature.clone());
            let call = async || one.send("POST", "/", headers.clone(), body.clone()).await;
            assert_eq!(served(call).await, 6, "{kind} with {claim}");
        }
    }
    // Signatures in the URL, and what looks like one.
    for (at, query) in [
        "?Action=Unknown&X-Amz-Credential=AKIA%2F20260301%2Feu-west-1%2Fsts%2Faws4_request",
        "?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential=a%2Fb%2Fc%2Fiam%2Fd&X-Amz-Algorithm=a",
        "?Action=GetCallerIdentity&Version=2011-06-15",
        "?Action=Unknown",
    ]
    .into_iter()
    .enumerate()
    {
        let one = client(&world, &format!("198.51.100.{at}"));
        let path = format!("/{query}");
        let call = async || one.send("GET", &path, HeaderMap::new(), "").await;
        assert_eq!(served(call).await, 6, "{query}");
    }
}

#[tokio::test]
async fn large_bodies_are_expensive_unless_a_key_signed_them() {
    let limits = |limits: &mut LimitSettings| {
        limits.expensive_per_address_per_second = NonZeroU32::new(3);
    };
    let world = world(limits).await;
    let long = format!("{{\"IdentityPoolId\": \"{}\"}}", "A".repeat(100_000));
    for (at, (claim, signature)) in claims(&world).into_iter().enumerate() {
        let one = client(&world, &format!("192.0.2.{at}"));
        for (operation, length) in [("GetId", 6), ("DescribeIdentityPool", 0)] {
            let mut headers = json_headers(&format!("AWSCognitoIdentityService.{operation}"));
            headers.extend(signature.clone());
            let call = async || one.send("POST", "/", headers.clone(), long.clone()).await;
            assert_eq!(served(call).await, length, "{operation} with {claim}");
        }
    }
    let one = client(&world, "192.0.2.0");
    let input = json!({ "IdentityPoolId": "A".repeat(100_000) });
    for _ in 0..10 {
        let answer = one.admin("DescribeIdentityPool", input.clone()).await;
        assert!(
            answer.text.contains("ValidationException"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn one_address_can_t_use_up_a_pool() {
    for requests in [None, NonZeroU32::new(100)] {
        let world = world(|limits| {
            limits.requests_per_address_per_second = requests;
            limits.per_pool_per_second = NonZeroU32::new(6);
        })
        .await;
        let pool = world.pool(json!({})).await;
        let flood = client(&world, "192.0.2.1");
        let count = served(async || flood.get_id(&pool, json!({})).await).await;
        assert_eq!(count, 6, "twice half of the rate");
        let other = client(&world, "192.0.2.2");
        let count = served(async || other.get_id(&pool, json!({})).await).await;
        assert_eq!(count, 6, "another address has the other half");
        let other = world.pool(json!({})).await;
        flood.identity(&other, json!({})).await;
    }
}

#[tokio::test]
async fn keys_and_sessions_are_not_locked_out_by_their_address() {
    let world = world(|limits| {
        limits.requests_per_address_per_second = NonZeroU32::new(3);
        limits.expensive_per_address_per_second = NonZeroU32::new(1);
        limits.guests_per_address_per_minute = NonZeroU32::new(1);
        limits.per_pool_per_second = NonZeroU32::new(20);
    })
    .await;
    let pool = world.developer_pool(json!({})).await;
    let attacker = client(&world, "192.0.2.1");
    let other = client(&world, "192.0.2.2");
    let guest = other.identity(&pool, json!({})).await;
    let session = other.credentials(&guest, json!({})).await.ok();
    let session = Credentials::of(&session["Credentials"]);

    // Calls with wrong signatures are calls without one.
    let wrong = async || {
        let input = json!({ "MaxResults": 1 });
        attacker.signed(&forged(), "ListIdentityPools", input).await
    };
    assert_eq!(served(wrong).await, 6);
    assert!(is_refused(&attacker.get_id(&pool, json!({})).await));
    let wrong = async || attacker.signed_query(&forged(), "sts", &CALLER).await;
    assert_eq!(served(wrong).await, 0);

    // The root key, from the same address, also for a developer's users.
    for user in 0..20 {
        let logins = json!({ DEVELOPER: format!("user {user}") });
        let input = json!({ "IdentityPoolId": pool, "Logins": logins });
        let answer = attacker.admin("GetOpenIdTokenForDeveloperIdentity", input);
        answer.await.ok();
    }
    for _ in 0..20 {
        let input = json!({ "MaxResults": 1 });
        attacker.admin("ListIdentityPools", input).await.ok();
    }
    // A session has its share, which is not that of calls without a signature.
    let signed = async || attacker.signed_query(&session, "sts", &CALLER).await;
    assert_eq!(served(signed).await, 6);
    let signed = async || other.signed_query(&session, "sts", &CALLER).await;
    assert_eq!(served(signed).await, 6, "from another address");
    assert_eq!(
        attacker
            .signed_query(&Credentials::root(), "sts", &CALLER)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn documents_have_a_rate_of_their_own_and_the_health_has_none() {
    let world = world(|limits| limits.requests_per_address_per_second = NonZeroU32::new(3)).await;
    let pool = world.pool(json!({})).await;
    for (at, path) in [
        "/metrics",
        "/.well-known/openid-configuration",
        "/.well-known/jwks_uri",
        "/.well-known/jwks.json",
    ]
    .into_iter()
    .enumerate()
    {
        let one = client(&world, &format!("192.0.2.{at}"));
        let mut statuses = Vec::new();
        for _ in 0..8 {
            statuses.push(one.get(path).await.status);
        }
        assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429, 429], "{path}");
        for _ in 0..20 {
            assert_eq!(one.get("/health").await.status, 200);
        }
        one.identity(&pool, json!({})).await;
    }
}

#[tokio::test]
async fn an_address_that_is_refused_uses_up_nothing_of_a_pool() {
    let world = world(|limits| {
        limits.requests_per_address_per_second = NonZeroU32::new(2);
        limits.per_pool_per_second = NonZeroU32::new(3);
    })
    .await;
    let pool = world.pool(json!({})).await;
    let attacker = client(&world, "192.0.2.1");
    assert_eq!(
        served(async || attacker.get_id(&pool, json!({})).await).await,
        4
    );
    for _ in 0..20 {
        let headers = json_headers("AWSCognitoIdentityService.GetId");
        let body = json!({ "IdentityPoolId": pool }).to_string();
        assert!(is_refused(&attacker.send("POST", "/", headers, body).await));
        let web = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
        ];
        let answer = attacker.send("POST", "/", form_headers(), form(&web)).await;
        assert!(is_refused(&answer), "before the input is checked");
    }
    let other = client(&world, "192.0.2.2");
    assert_eq!(
        served(async || other.get_id(&pool, json!({})).await).await,
        2
    );
}

#[tokio::test]
async fn a_reload_of_the_proxies_counts_from_the_next_request_on() {
    let world = World::new().await;
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("x-forwarded-for"),
        HeaderValue::from_static("203.0.113.9"),
    )]);
    let client = || {
        let peer = Some([127, 0, 0, 1].into());
        let connection = Connection::new(&world.app, peer, &headers);
        connection.client.expect("an address").to_string()
    };
    let mut next = world.app.config.as_ref().clone();
    next.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    let prepared = live_settings::prepare(&world.app, &world.app.config, &next).unwrap();
    assert_eq!(client(), "127.0.0.1", "nothing is in use yet");
    live_settings::put_in_use(&world.app, prepared);
    assert_eq!(client(), "203.0.113.9");
}
