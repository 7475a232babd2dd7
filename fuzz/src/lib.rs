//! What the targets share: a server that is asked without a network, and ways to make requests and tokens of bytes.

#[path = "../../src/logins/fake/identity_provider.rs"]
pub mod idp;
#[path = "../../src/logins/fake/service_key.rs"]
pub mod service_key;

use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cognate::ambient::{Ambient, Still};
use cognate::app::{self, App, records};
use cognate::config::{Config, Contents, Environment, Flags};
use cognate::model::ids::{PoolId, RoleArn};
use cognate::model::pool::{DeletedPool, Pool, PoolSettings, Roles};
use cognate::sigv4::{self, SecretKey, Signer};
use cognate::store::Store;
use cognate::store::event::{GuestHash, Origin};
use cognate::store::identities::{PoolRef, PoolVersion, Question};
use cognate::store::record::{RecordKind, RecordWrite};
use cognate::store::sqlite::SqliteStore;
use cognate::wire::Front;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusBuilder;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// The processor time of one input in this instrumented build. Inputs have at most 16 KiB, which cost a release build less
/// than five milliseconds; instrumentation makes that up to twenty times as much.
const LONGEST: Duration = Duration::from_millis(200);

/// Defines a target as `fuzz_target` does, which also fails if an input takes too long. (libFuzzer counts whole seconds.)
#[macro_export]
macro_rules! target {
    (init: $init:expr, |$input:ident: $kind:ty| $body:block) => {
        ::libfuzzer_sys::fuzz_target!(init: { $init; }, |$input: $kind| {
            $crate::measured(|| $body)
        });
    };
    (|$input:ident: $kind:ty| $body:block) => {
        ::libfuzzer_sys::fuzz_target!(|$input: $kind| { $crate::measured(|| $body) });
    };
}

/// Runs a target on an input. It fails if the input takes too long three times: the first time may include what is made
/// only once, such as compiled patterns.
pub fn measured(target: impl Fn()) {
    let mut least = Duration::MAX;
    for _ in 0..3 {
        let before = processor_time();
        target();
        least = least.min(processor_time().saturating_sub(before));
        if least <= LONGEST {
            return;
        }
    }
    panic!("the input takes {least:?} of processor time");
}

/// The processor time of this thread so far: that of the server's own duties doesn't count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// The root key.
pub const ROOT: (&str, &str) = (
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
);

/// The pool that is always there, and its guest.
pub const POOL: &str = "eu-west-1:00000000-0000-4000-8000-000000000001";
const GUEST: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0002);

/// After so many requests the pool begins anew, so that the store doesn't grow for ever.
const LIFE: u32 = 10_000;

/// The moment at which everything happens.
pub fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a moment")
}

/// Where everything asynchronous runs.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        cognate::cli::install_crypto();
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime")
    })
}

/// A server in this process.
pub struct Server {
    pub app: Arc<App>,
    store: Arc<dyn Store>,
    front: Arc<Front>,
    asked: std::sync::atomic::AtomicU32,
    _folder: tempfile::TempDir,
}

/// The one server.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| runtime().block_on(Server::new()))
}

impl Server {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ambient: Arc<dyn Ambient> = Arc::new(Still::at(now()));
        let public_url = "http://127.0.0.1:2646".to_owned();
        let config = config(folder.path());
        std::fs::create_dir_all(&config.data_dir).expect("a data directory");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.data_dir).expect("a store"));
        let opened = app::open::open_with(config, ambient, public_url, Arc::clone(&store)).await;
        let app = Arc::new(opened.expect("a house that opens").app);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let front = Front::new(Arc::clone(&app), metrics);
        let server = Self {
            app,
            store,
            front,
            asked: 0.into(),
            _folder: folder,
        };
        server.furnish().await;
        server
    }

    async fn furnish(&self) {
        let id = PoolId::parse(POOL).expect("a pool's id");
        let role = |name: &str| RoleArn::parse(&format!("arn:aws:iam::123456789012:role/{name}"));
        let google = ("accounts.google.com".to_owned(), "app".to_owned());
        let settings = PoolSettings {
            name: "Pool".to_owned(),
            allow_unauthenticated: true,
            supported_login_providers: [google].into_iter().collect(),
            ..PoolSettings::default()
        };
        let mut pool = Pool::new(id.clone(), settings);
        pool.roles = Roles {
            authenticated: role("User"),
            unauthenticated: role("Guest"),
            ..Roles::default()
        };
        let write = RecordWrite::replace(&pool, 0);
        self.store.put(&[write], &origin()).await.expect("a pool");
        records::refresh(&self.app).await.expect("a fresh view");
        let pool = PoolVersion {
            pool: PoolRef {
                id: id.uuid,
                incarnation: 0,
            },
            version: self.version(id.uuid).await.expect("the pool"),
        };
        // A guest of the pool before may be there until that pool's identities are deleted.
        let guest = Question::AddGuest(pool, GUEST);
        self.store.change(&guest, &origin()).await.expect("a guest");
    }

    /// The version of the pool, if it is there.
    async fn version(&self, id: Uuid) -> Option<u64> {
        let found = self.store.record(RecordKind::Pool, &id.to_string()).await;
        found.expect("a look").map(|record| record.version)
    }

    async fn refresh(&self) {
        use std::sync::atomic::Ordering::Relaxed;
        let id = PoolId::parse(POOL).expect("a pool's id").uuid;
        let mut version = self.version(id).await;
        if let (LIFE, Some(there)) = (self.asked.fetch_add(1, Relaxed) % LIFE + 1, version) {
            let deleted = DeletedPool {
                id,
                incarnation: 0,
                version: 0,
            };
            let writes = [
                RecordWrite::delete(RecordKind::Pool, id.to_string(), there),
                RecordWrite::replace(&deleted, 0),
            ];
            self.store.put(&writes, &origin()).await.expect("a removal");
            version = None;
        }
        if version.is_none() {
            self.furnish().await;
        }
    }

    /// The answer to a request, and its body.
    pub fn ask(&self, request: Request<Vec<u8>>) -> (Response<()>, Vec<u8>) {
        runtime().block_on(async {
            self.refresh().await;
            let peer = (Ipv4Addr::LOCALHOST, 1).into();
            let answer = self.front.answer(peer, request.map(Body::from)).await;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.expect("a body").to_bytes();
            (Response::from_parts(head, ()), body.to_vec())
        })
    }
}

/// The origin of what is written past the server.
fn origin() -> Origin {
    Origin {
        signer: "fuzz".to_owned(),
        operation: "Fuzz",
        request_id: Uuid::new_v4(),
        at: now(),
        guests: GuestHash::new(&[0; 32]),
    }
}

/// The limits of the fuzzers' server. A fuzzer calls as fast as it can, from one address.
const LIMITS: &[u8] = b"[limits]\npools_per_region = 5\nrequests_per_address_per_second = 0\n\
    guests_per_address_per_minute = 0\nexpensive_per_address_per_second = 0\nper_pool_per_second = 0\n";

fn config(folder: &std::path::Path) -> Config {
    let flags = Flags {
        config: Some("cognate.toml".into()),
        data_dir: Some(folder.join("data")),
        // Nothing of a fuzzer's reaches a network.
        upstreams: vec!["accounts.google.com=http://127.0.0.1:1".to_owned()],
        ..Flags::default()
    };
    let environment: Environment = [
        ("COGNATE_ROOT_ACCESS_KEY_ID", ROOT.0),
        ("COGNATE_ROOT_SECRET_ACCESS_KEY", ROOT.1),
    ]
    .into_iter()
    .collect();
    Config::load(&flags, &environment, &|_| Ok(file(LIMITS))).expect("a good configuration")
}

/// A file with these bytes.
pub fn file(bytes: &[u8]) -> Contents {
    Contents {
        bytes: bytes.to_vec().into(),
        open_to_others: true,
    }
}

/// The headers of a request's signature by the root key.
pub fn signed(method: &str, headers: &HeaderMap, body: &[u8], service: &str) -> HeaderMap {
    let secret = SecretKey::new(ROOT.1.to_owned());
    let signer = Signer {
        access_key_id: ROOT.0,
        secret: &secret,
        session_token: None,
        region: "eu-west-1",
        service,
    };
    let request = sigv4::Request {
        method,
        path: "/",
        query: "",
        authority: None,
        headers,
        body,
    };
    sigv4::sign(&request, &signer, now()).expect("a signature")
}

/// A header's value, if these bytes can be one.
pub fn value(bytes: &[u8]) -> Option<HeaderValue> {
    HeaderValue::from_bytes(bytes).ok()
}

/// The key of the issuer that is trusted.
pub struct IssuerKey(EcdsaKeyPair);

impl Default for IssuerKey {
    fn default() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }
}

impl IssuerKey {
    pub fn key_set(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one",
            "x": text(&point[1..33]), "y": text(&point[33..]),
        });
        json!({ "keys": [key] })
    }

    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        signature.expect("a signature").as_ref().to_vec()
    }
}

/// A compact JWS of three parts, a line each: its header, its payload, and its signature or whatever `sign` makes of the
/// other two.
pub fn token(lines: &[u8], sign: Option<&IssuerKey>) -> String {
    let mut parts = lines.splitn(3, |byte| *byte == b'\n');
    let mut next = || URL_SAFE_NO_PAD.encode(parts.next().unwrap_or_default());
    let message = format!("{}.{}", next(), next());
    let signature = match sign {
        Some(key) => URL_SAFE_NO_PAD.encode(key.signature(message.as_bytes())),
        None => next(),
    };
    format!("{message}.{signature}")
}
