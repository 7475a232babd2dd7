//! A login provider of access tokens, or an STS, on loopback, in the place of a public one: it answers in the documented
//! shapes, and misbehaves when told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use reqwest::Url;
use serde_json::Value;

/// What a provider is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    /// The parameters of the query and of a form in the body, decoded.
    pub query: Vec<(String, String)>,
    /// The Authorization header.
    pub authorization: String,
    /// The Accept header.
    pub accept: String,
}

impl Asked {
    pub fn parameter(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(one, _)| one == name);
        found.map_or("", |(_, value)| value)
    }

    /// A parameter of an OAuth 1 header, decoded.
    pub fn oauth(&self, name: &str) -> String {
        let start = format!("{name}=\"");
        let value = self.authorization.split_once(&start);
        let value = value.and_then(|(_, rest)| rest.split('"').next());
        let value = value.unwrap_or_default();
        percent_encoding::percent_decode_str(value)
            .decode_utf8_lossy()
            .into_owned()
    }
}

/// How a provider behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As documented.
    Well,
    /// 503 to everybody.
    Away,
    /// An answer that never comes.
    Slow,
    /// 200 and a page.
    Garbage,
    /// 10 MB of JSON.
    Huge,
    /// To another place.
    Redirecting,
}

type Documented = dyn Fn(&Asked) -> (u16, Value) + Send + Sync;

/// The provider.
pub struct StandIn {
    pub base: String,
    inside: Arc<Inside>,
    serving: tokio::task::JoinHandle<()>,
}

struct Inside {
    documented: Box<Documented>,
    mood: Mutex<Mood>,
    asked: Mutex<Vec<Asked>>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl StandIn {
    /// A provider that answers as `documented` says while it is well.
    pub async fn new(documented: impl Fn(&Asked) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let inside = Arc::new(Inside {
            documented: Box::new(documented),
            mood: Mutex::new(Mood::Well),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&inside));
        let serving = tokio::spawn(async move {
            let served = axum::serve(listener, router).await;
            served.expect("a provider that serves");
        });
        Self {
            base,
            inside,
            serving,
        }
    }

    /// Behaves so from now on.
    pub fn is(&self, mood: Mood) {
        *self.inside.mood.lock().expect("a lock") = mood;
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.inside.asked.lock().expect("a lock").clone()
    }
}

async fn answer(State(inside): State<Arc<Inside>>, request: Request) -> Response {
    let url = Url::parse("http://x").and_then(|base| base.join(&request.uri().to_string()));
    let url = url.expect("a path");
    let authorization = header_of(&request, header::AUTHORIZATION);
    let accept = header_of(&request, header::ACCEPT);
    let kind = header_of(&request, header::CONTENT_TYPE);
    let mut query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await;
        let body = body.expect("a body");
        query.extend(form_urlencoded::parse(&body).into_owned());
    }
    let asked = Asked {
        path: url.path().to_owned(),
        query,
        authorization,
        accept,
    };
    inside.asked.lock().expect("a lock").push(asked.clone());
    let mood = *inside.mood.lock().expect("a lock");
    let (status, body) = match mood {
        Mood::Well => {
            let (status, body) = (inside.documented)(&asked);
            // A text is sent as it is, everything else as JSON.
            match body {
                Value::String(text) => (status, text),
                other => (status, other.to_string()),
            }
        }
        Mood::Away => (503, String::new()),
        Mood::Slow => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            (200, String::new())
        }
        Mood::Garbage => (200, "<!doctype html><title>Sorry</title>".to_owned()),
        Mood::Huge => (200, format!("{{\"id\":\"{}\"}}", "7".repeat(10_000_000))),
        Mood::Redirecting => (302, String::new()),
    };
    let status = StatusCode::from_u16(status).expect("a status");
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::LOCATION, "/elsewhere")
        .body(Body::from(body))
        .expect("an answer")
}

fn header_of(request: &Request, name: HeaderName) -> String {
    let value = request.headers().get(name);
    let text = value.map_or("", |value| value.to_str().expect("a printable header"));
    text.to_owned()
}
