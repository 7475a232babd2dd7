//! The server, in this process: the real store in a data directory, the wired parts, and the front end, which is called
//! without sockets.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use cognate::ambient::Ambient;
use cognate::app::{self, App, maintenance};
use cognate::config::{Config, Environment, Flags, read_file};
use cognate::sigv4::{self, SecretKey, Signer};
use cognate::store::Store;
use cognate::store::sqlite::SqliteStore;
use cognate::wire::Front;
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::bugs::{Bug, FaultyStore};
use super::random::Random;

const REGION: &str = "eu-west-1";

/// An access key or a session that signs requests.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub id: String,
    pub secret: String,
    pub session_token: Option<String>,
}

impl Credentials {
    pub fn root() -> Self {
        Self {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        }
    }
}

tokio::task_local! {
    /// The randomness of a step: what a step draws doesn't depend on the steps beside it.
    pub static STEP: RefCell<Random>;
}

/// A clock that the simulation moves, and randomness that its seed repeats.
pub struct SeededAmbient {
    now: Mutex<Timestamp>,
    random: Mutex<Random>,
}

impl SeededAmbient {
    pub fn new(random: Random) -> Self {
        Self {
            now: Mutex::new(super::beginning()),
            random: Mutex::new(random),
        }
    }

    pub fn advance(&self, milliseconds: i64) {
        *self.now.lock().expect("a clock") += SignedDuration::from_millis(milliseconds);
    }

    pub fn milliseconds(&self) -> i64 {
        self.now().as_millisecond()
    }
}

impl Ambient for SeededAmbient {
    fn now(&self) -> Timestamp {
        *self.now.lock().expect("a clock")
    }

    fn uptime(&self) -> Duration {
        Duration::from_secs(1000)
    }

    fn fill(&self, bytes: &mut [u8]) {
        let drawn = STEP.try_with(|random| random.borrow_mut().fill(bytes));
        if drawn.is_err() {
            self.random.lock().expect("a source").fill(bytes);
        }
    }
}

/// A running server.
pub struct Core {
    pub app: Arc<App>,
    /// The store as it is, below every deliberate bug.
    pub store: Arc<dyn Store>,
    front: Arc<Front>,
    ambient: Arc<SeededAmbient>,
}

impl Core {
    /// Opens the server in `folder`, which has the data directory `data`.
    pub async fn open(
        folder: &Path,
        ambient: &Arc<SeededAmbient>,
        log_limit: u64,
        bug: Option<Bug>,
    ) -> Result<Self, String> {
        let config = config(folder);
        let opened = SqliteStore::open_with_limit(&config.data_dir, log_limit);
        let store: Arc<dyn Store> = Arc::new(opened.map_err(|error| chain(&error))?);
        let used: Arc<dyn Store> = match bug {
            None => Arc::clone(&store),
            Some(bug) => Arc::new(FaultyStore::new(Arc::clone(&store), bug)),
        };
        let shared: Arc<dyn Ambient> = ambient.clone();
        let url = "http://127.0.0.1".to_owned();
        let opened = match app::open::open_with(config, shared, url, used).await {
            Ok(opened) => opened,
            Err(error) => {
                store.close().await;
                return Err(chain(&error));
            }
        };
        let app = Arc::new(opened.app);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        Ok(Self {
            front: Front::new(Arc::clone(&app), metrics),
            app,
            store,
            ambient: Arc::clone(ambient),
        })
    }

    /// Ends the server, in order or with what its disk still does.
    pub async fn close(&self) {
        maintenance::close(&self.app).await;
    }

    /// Sends a request; the answer's status and text.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        mut headers: HeaderMap,
        body: String,
    ) -> (u16, String) {
        headers
            .entry("host")
            .or_insert(HeaderValue::from_static("localhost"));
        let mut request = http::Request::builder().method(method).uri(path);
        *request.headers_mut().expect("a request") = headers;
        let request = request.body(Body::from(body)).expect("a request");
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let response = self.front.answer(client, request).await;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
        let text = String::from_utf8(body.expect("a body").to_vec()).expect("a text");
        (status, text)
    }

    /// An operation in the JSON protocol, signed by `signer` if there is one.
    pub async fn json(
        &self,
        operation: &str,
        input: &serde_json::Value,
        signer: Option<&Credentials>,
    ) -> (u16, String) {
        let target = if operation.contains('.') {
            operation.to_owned()
        } else {
            format!("AWSCognitoIdentityService.{operation}")
        };
        let body = input.to_string();
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/x-amz-json-1.1");
        headers.insert("content-type", json);
        headers.insert("x-amz-target", value(&target));
        if let Some(signer) = signer {
            headers = self.sign(signer, "cognito-identity", headers, &body);
        }
        self.send("POST", "/", headers, body).await
    }

    /// An action in the Query protocol, signed by `signer` if there is one.
    pub async fn query(
        &self,
        service: &str,
        parameters: &[(&str, &str)],
        signer: Option<&Credentials>,
    ) -> (u16, String) {
        let body = form(parameters);
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        headers.insert("content-type", form);
        if let Some(signer) = signer {
            headers = self.sign(signer, service, headers, &body);
        }
        self.send("POST", "/", headers, body).await
    }

    fn sign(
        &self,
        by: &Credentials,
        service: &str,
        mut headers: HeaderMap,
        body: &str,
    ) -> HeaderMap {
        headers.insert("host", HeaderValue::from_static("localhost"));
        let secret = SecretKey::new(by.secret.clone());
        let signer = Signer {
            access_key_id: &by.id,
            secret: &secret,
            session_token: by.session_token.as_deref(),
            region: REGION,
            service,
        };
        let request = sigv4::Request {
            method: "POST",
            path: "/",
            query: "",
            authority: None,
            headers: &headers,
            body: body.as_bytes(),
        };
        let added = sigv4::sign(&request, &signer, self.ambient.now()).expect("a signature");
        headers.extend(added);
        headers
    }
}

fn form(parameters: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(parameters).finish()
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a printable header")
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn config(folder: &Path) -> Config {
    let flags = Flags {
        listen: Some("127.0.0.1:0".into()),
        data_dir: Some(folder.join("data")),
        allow_http_issuers: true,
        ..Flags::default()
    };
    let root = Credentials::root();
    let no_rates = [
        "COGNATE_LIMITS_REQUESTS_PER_ADDRESS_PER_SECOND",
        "COGNATE_LIMITS_GUESTS_PER_ADDRESS_PER_MINUTE",
        "COGNATE_LIMITS_EXPENSIVE_PER_ADDRESS_PER_SECOND",
        "COGNATE_LIMITS_PER_POOL_PER_SECOND",
    ];
    let environment: Environment = [
        ("COGNATE_ROOT_ACCESS_KEY_ID", root.id),
        ("COGNATE_ROOT_SECRET_ACCESS_KEY", root.secret),
    ]
    .into_iter()
    .chain(no_rates.map(|name| (name, "0".to_owned())))
    .collect();
    let loaded = Config::load(&flags, &environment, &read_file);
    loaded.unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}
