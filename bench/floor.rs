//! What no server can be cheaper than, for the benchmark beside it.
//!
//! * `floor serve OPERATION ANSWER …`: a bare axum handler that reads each request whole and gives the answer of the
//!   operation that it names, with the headers of the real thing. On the path `/` it does nothing else; on `/verify`,
//!   `/sign` and `/verify/sign` it does the cryptography that no server can leave out.
//! * `floor verify` and `floor sign`: the microseconds that this takes.
//!
//! The cryptography is one RSA-2048 verification (RS256) and one signature (RS512), the keys kept ready.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use tokio::net::TcpListener;

/// About as long as what is signed of a token.
const MESSAGE: [u8; 600] = [b'a'; 600];

struct Floor {
    answers: HashMap<String, Bytes>,
    pair: KeyPair,
    public: ParsedPublicKey,
    signature: [u8; 256],
}

impl Floor {
    fn new(mut answers: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let pair = KeyPair::generate(KeySize::Rsa2048)?;
        let public = pair.public_key().as_ref();
        let mut floor = Self {
            answers: HashMap::new(),
            public: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)?,
            pair,
            signature: [0; 256],
        };
        let random = SystemRandom::new();
        let signature = &mut floor.signature;
        floor
            .pair
            .sign(&RSA_PKCS1_SHA256, &random, &MESSAGE, signature)?;
        while let (Some(operation), Some(answer)) = (answers.next(), answers.next()) {
            let target = format!("AWSCognitoIdentityService.{operation}");
            floor.answers.insert(target, Bytes::from(answer));
        }
        Ok(floor)
    }

    fn verify(&self) -> Result<(), Unspecified> {
        self.public.verify_sig(&MESSAGE, &self.signature)
    }

    fn sign(&self) -> Result<(), Unspecified> {
        let mut signature = [0; 256];
        let random = SystemRandom::new();
        let signed = self
            .pair
            .sign(&RSA_PKCS1_SHA512, &random, &MESSAGE, &mut signature);
        black_box(signature);
        signed
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let floor = Floor::new(arguments)?;
    match command.as_deref() {
        Some("serve") => serve(floor).await,
        Some("verify") => report(2000, || floor.verify()),
        Some("sign") => report(200, || floor.sign()),
        _ => Err("floor serve OPERATION ANSWER … | floor verify | floor sign".into()),
    }
}

async fn serve(floor: Floor) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    // As the real server: small answers leave at once.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let router = Router::new()
        .route("/", post(answer))
        .route("/{*cryptography}", post(answer))
        .with_state(Arc::new(floor));
    Ok(axum::serve(listener, router).await?)
}

async fn answer(
    State(floor): State<Arc<Floor>>,
    uri: Uri,
    asked: HeaderMap,
    body: Bytes,
) -> Response {
    let target = asked
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let Some(answer) = target.and_then(|target| floor.answers.get(target)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let verified = !uri.path().contains("verify") || floor.verify().is_ok();
    let signed = !uri.path().contains("sign") || floor.sign().is_ok();
    if body.is_empty() || !verified || !signed {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-amz-json-1.1"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::HeaderName::from_static("x-amzn-requestid"),
            HeaderValue::from_static("00000000-0000-4000-8000-000000000000"),
        ),
    ];
    (headers, answer.clone()).into_response()
}

/// Prints the median of `times` runs, in microseconds, on every processor at once, as a busy server works. What else a
/// processor does meanwhile falls on few of them.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark has nothing but the clock"
)]
fn report(
    times: usize,
    work: impl Fn() -> Result<(), Unspecified> + Sync,
) -> Result<(), Box<dyn Error>> {
    let runs = || {
        let run = |_| {
            let began = Instant::now();
            work().map(|()| began.elapsed())
        };
        (0..times).map(run).collect::<Result<Vec<_>, _>>()
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let mut took: Vec<Duration> = thread::scope(|scope| {
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(runs)).collect();
        let mut took = Vec::new();
        for thread in threads {
            took.extend(thread.join().expect("the work doesn't panic")?);
        }
        Ok::<_, Unspecified>(took)
    })?;
    took.sort_unstable();
    println!("{:.2}", took[took.len() / 2].as_secs_f64() * 1e6);
    Ok(())
}
