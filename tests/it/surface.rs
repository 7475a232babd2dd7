//! The whole HTTP surface, by requests that are made from the good ones of all operations and then spoiled: values, members,
//! bytes, headers, methods and paths. No answer is a fault of the server, none takes long, the server's memory stays bounded, and
//! what was stored before stays.
//!
//! A run is repeated with its seed: `COGNATE_TEST_SEED=7 cargo test --test it surface::`.

use std::time::Duration;

use cognate::operations::{ALL, Entry, Service};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::constraints::requests::request;
use crate::constraints::sending::{is_query, written};
use crate::process::Data;
use crate::service_model::ServiceModel;
use crate::world::{Credentials, Door, Start, World, form, form_headers, is_full, json_headers};

/// The requests of a seed. Each seed has a server of its own.
const REQUESTS: usize = 120;

/// The longest that an answer may take, on a machine with other load.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most memory of a server under these requests, in bytes. A server that does nothing has two thirds of it.
const MEMORY: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn no_spoiled_request_is_a_fault_of_the_server() {
    let mut answered = Answered::default();
    if let Some(seed) = seed_of_the_caller() {
        run(seed, &*World::new().await, &mut answered).await;
        return;
    }
    for seed in 0..if is_full() { 2000 } else { 24 } {
        run(seed, &*World::new().await, &mut answered).await;
    }
    // The generator reaches both sides of the checks.
    assert!(answered.accepted > 20, "{answered:?}");
    assert!(answered.refused > 200, "{answered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spoiled_request_takes_much_memory() {
    let mut answered = Answered::default();
    for seed in 0..if is_full() { 200 } else { 4 } {
        let data = Data::new();
        let server = Start::serve(&data.path()).without_rates().up().await;
        run(seed, &server, &mut answered).await;
        let peak = server.peak_memory();
        assert!(peak < MEMORY, "seed {seed}: {} MiB", peak >> 20);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the caller asks for a seed by a variable"
)]
fn seed_of_the_caller() -> Option<u64> {
    let seed = std::env::var("COGNATE_TEST_SEED").ok()?;
    Some(seed.parse().expect("a seed is a number"))
}

#[derive(Debug, Default)]
struct Answered {
    accepted: usize,
    refused: usize,
}

async fn run(seed: u64, world: &Door, answered: &mut Answered) {
    let witness = world.pool(json!({ "IdentityPoolName": "Witness" })).await;
    let kept = world.identity(&witness, json!({})).await;
    let pool = world.pool(json!({})).await;
    let identity = world.identity(&pool, json!({})).await;
    let guest = world.credentials(&identity, json!({})).await.ok();
    let guest = Credentials::of(&guest["Credentials"]);
    let root = Credentials::root();
    let mut random = Random(seed);
    for number in 0..REQUESTS {
        let entry = &ALL[random.below(ALL.len())];
        if is_excluded(entry) {
            continue;
        }
        let mut input = request(entry);
        random.make_real(&mut input, &pool, &identity);
        for _ in 0..random.below(4) {
            random.spoil_value(&mut input);
        }
        let (mut headers, body) = written_loosely(entry, &input);
        let mut body = body.into_bytes();
        if random.one_in(4) {
            random.spoil_bytes(&mut body);
        }
        if let (Ok(text), false) = (std::str::from_utf8(&body), random.one_in(6)) {
            let signer = if random.one_in(5) { &guest } else { &root };
            headers = world.sign(signer, entry.service.signing_name(), headers, text);
        }
        if random.one_in(5) {
            random.spoil_headers(&mut headers);
        }
        let (method, path) = random.method_and_path();
        let what = format!(
            "seed {seed}, request {number}: {method} {path} {}",
            entry.name
        );
        let attempt = || {
            let (headers, body) = (headers.clone(), body.clone());
            tokio::time::timeout(PATIENCE, world.try_send(method, &path, headers, body))
        };
        let mut sent = attempt().await;
        // The server closes a connection whose body it refuses, maybe before the client has read the answer.
        for _ in 0..3 {
            if let Ok(Err(_)) = sent {
                sent = attempt().await;
            }
        }
        let answer = sent.unwrap_or_else(|_| panic!("{what}: no answer within {PATIENCE:?}"));
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        // 501 refuses what looks like a request of S3.
        let is_fault = answer.status >= 500 && answer.status != 501;
        assert!(!is_fault, "{what}: {} {}", answer.status, answer.text);
        if answer.status < 300 {
            answered.accepted += 1;
        } else {
            answered.refused += 1;
        }
    }
    let found = world
        .admin("DescribeIdentity", json!({ "IdentityId": kept }))
        .await;
    assert_eq!(found.ok()["IdentityId"], kept, "seed {seed}");
    world.identity(&witness, json!({})).await;
}

/// What would leave the server without the key that signs the requests that follow.
fn is_excluded(entry: &Entry) -> bool {
    (entry.service, entry.name) == (Service::Cognate, "RotateRootKey")
}

/// A request in the protocol of its operation. In the Query protocol, members needn't have the types of the model.
fn written_loosely(entry: &Entry, input: &Value) -> (HeaderMap, String) {
    if !is_query(entry) {
        return written(entry, input);
    }
    let mut parameters = vec![
        ("Action".to_owned(), entry.name.to_owned()),
        (
            "Version".to_owned(),
            ServiceModel::of(entry.service).version().to_owned(),
        ),
    ];
    flatten("", input, &mut parameters);
    let parameters = parameters.iter().map(|(name, value)| (&**name, &**value));
    (form_headers(), form(&parameters.collect::<Vec<_>>()))
}

fn flatten(name: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            let dot = if name.is_empty() { "" } else { "." };
            for (member, value) in members {
                flatten(&format!("{name}{dot}{member}"), value, into);
            }
        }
        Value::Array(elements) => {
            for (at, element) in (1..).zip(elements) {
                flatten(&format!("{name}.member.{at}"), element, into);
            }
        }
        Value::String(text) => into.push((name.to_owned(), text.clone())),
        other => into.push((name.to_owned(), other.to_string())),
    }
}

/// SplitMix64: a sequence of numbers that depends on the seed alone.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap();
        usize::try_from(self.next() % limit).unwrap()
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Puts ids that exist in place of those of the good request, mostly.
    fn make_real(&mut self, input: &mut Value, pool: &str, identity: &str) {
        for member in ["IdentityPoolId", "IdentityId"] {
            let real = if member == "IdentityId" {
                identity
            } else {
                pool
            };
            if input.get(member).is_some() && !self.one_in(8) {
                input[member] = json!(real);
            }
        }
        // A login can't be verified, and a guest has none.
        if input.get("Logins").is_some() && self.one_in(2) {
            input["Logins"] = json!({});
        }
    }

    /// Replaces, removes, copies or adds one value somewhere.
    fn spoil_value(&mut self, input: &mut Value) {
        let mut place = input;
        loop {
            let count = match &place {
                Value::Object(members) => members.len(),
                Value::Array(elements) => elements.len(),
                _ => 0,
            };
            if count == 0 || self.one_in(3) {
                break;
            }
            let at = self.below(count);
            place = match place {
                Value::Object(members) => members.values_mut().nth(at).unwrap(),
                Value::Array(elements) => &mut elements[at],
                _ => unreachable!("only these have parts"),
            };
        }
        let hostile = self.hostile_value();
        match place {
            Value::Object(members) if self.one_in(3) => {
                let name = self.hostile_text();
                members.insert(name, hostile);
            }
            Value::Object(members) if self.one_in(2) => {
                let at = self.below(members.len());
                if let Some(name) = members.keys().nth(at).cloned() {
                    members.remove(&name);
                }
            }
            Value::Array(elements) if !elements.is_empty() && self.one_in(2) => {
                let copied = elements[0].clone();
                let times = self.below(300);
                elements.extend(std::iter::repeat_n(copied, times));
            }
            Value::String(text) if self.one_in(2) => *text = self.spoil_text(text),
            other => *other = hostile,
        }
    }

    fn spoil_text(&mut self, text: &str) -> String {
        let characters: Vec<char> = text.chars().collect();
        let at = self.below(characters.len() + 1);
        let (before, after): (String, String) = (
            characters[..at].iter().collect(),
            characters[at..].iter().collect(),
        );
        match self.below(5) {
            0 => before,
            1 => format!("{before}{}{after}", self.hostile_text()),
            2 => text.repeat(self.below(40)),
            3 => text.to_uppercase(),
            _ => format!("{text}\n"),
        }
    }

    fn hostile_text(&mut self) -> String {
        match self.below(12) {
            0 => String::new(),
            1 => "\0".to_owned(),
            2 => "\u{202e}\u{2028}\r\n".to_owned(),
            3 => "\u{10ffff}e\u{301}\u{fb01}".to_owned(),
            4 => "../../%2e%2e/%00".to_owned(),
            5 => "a".repeat(70_000),
            6 => "*?${aws:userid}[(\\".to_owned(),
            7 => format!("{{\"Version\":{}", "[".repeat(500)),
            8 => "arn:aws:iam::123456789012:role/".to_owned(),
            9 => "eu-west-1:00000000-0000-4000-8000-000000000000".to_owned(),
            10 => "eyJhbGciOiJub25lIn0.e30.".to_owned(),
            _ => self.next().to_string(),
        }
    }

    fn hostile_value(&mut self) -> Value {
        match self.below(11) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1),
            3 => json!(i64::MAX),
            4 => json!(1e300),
            5 => json!(0.5),
            6 => json!([]),
            7 => json!({}),
            8 => json!([[[{ "a": [null] }]]]),
            9 => {
                let members = (0..self.below(500)).map(|at| (format!("k{at}"), json!("v")));
                Value::Object(members.collect())
            }
            _ => json!(self.hostile_text()),
        }
    }

    fn spoil_bytes(&mut self, body: &mut Vec<u8>) {
        let at = self.below(body.len() + 1);
        match self.below(6) {
            0 => body.truncate(at),
            1 => body.insert(at, u8::try_from(self.below(256)).unwrap()),
            2 => *body = vec![b'['; 20_000],
            3 => body.extend_from_within(..at),
            4 => {
                *body = (0..self.below(300))
                    .map(|_| self.next().to_le_bytes()[0])
                    .collect();
            }
            _ => body
                .splice(at..at, *b"&A=%zz&A.member.999999999999.B=")
                .for_each(drop),
        }
    }

    fn spoil_headers(&mut self, headers: &mut HeaderMap) {
        const NAMES: [&str; 12] = [
            "content-type",
            "x-amz-target",
            "authorization",
            "x-amz-date",
            "x-amz-security-token",
            "host",
            "accept",
            "content-encoding",
            "origin",
            "x-amz-content-sha256",
            "x-forwarded-for",
            "accept-encoding",
        ];
        let name = HeaderName::from_static(NAMES[self.below(NAMES.len())]);
        let bytes: Vec<u8> = (0..self.below(60))
            .map(|_| u8::try_from(32 + self.below(95)).unwrap())
            .collect();
        let value = match self.below(6) {
            0 => {
                headers.remove(&name);
                return;
            }
            1 => HeaderValue::from_static("application/x-amz-json-1.1"),
            2 => HeaderValue::from_static(
                "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=;;, Signature=e",
            ),
            3 => HeaderValue::from_static("gzip, gzip, deflate"),
            4 => HeaderValue::from_bytes(&[0xff, b' ', 0xc3, 0x28]).unwrap(),
            _ => HeaderValue::from_bytes(&bytes).unwrap(),
        };
        if self.one_in(3) {
            headers.append(name, value);
        } else if self.one_in(4) {
            *headers = if self.one_in(2) {
                form_headers()
            } else {
                json_headers("Cognate.")
            };
        } else {
            headers.insert(name, value);
        }
    }

    fn method_and_path(&mut self) -> (&'static str, String) {
        const METHODS: [&str; 7] = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"];
        const PATHS: [&str; 9] = [
            "/health",
            "/.well-known/openid-configuration",
            "/.well-known/jwks_uri",
            "/metrics",
            "/dev/issuer/authorize",
            "//",
            "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Signature=",
            "/%2e%2e/%ff?a=%&&=",
            "/a%00b/../..",
        ];
        let method = if self.one_in(8) {
            METHODS[self.below(METHODS.len())]
        } else {
            "POST"
        };
        let path = if self.one_in(8) {
            PATHS[self.below(PATHS.len())]
        } else {
            "/"
        };
        (method, path.to_owned())
    }
}
