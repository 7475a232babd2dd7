use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{TestKey, key_set_document};

/// An issuer on loopback: it publishes keys at its own place, and misbehaves when told.
pub(in crate::logins) struct FakeIssuer {
    /// Its `http://127.0.0.1:PORT`.
    pub(in crate::logins) base: String,
    inside: Arc<Mutex<Inside>>,
}

struct Inside {
    discovery: Answer,
    keys: Answer,
    asked: Vec<String>,
}

#[derive(Clone)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn json(value: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        let body = value.to_string().into_bytes();
        Self {
            status: 200,
            headers,
            body,
        }
    }
}

impl FakeIssuer {
    /// An issuer that calls itself by its address and publishes `keys`.
    pub(in crate::logins) async fn with<'k>(keys: impl IntoIterator<Item = &'k TestKey>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let inside = Arc::new(Mutex::new(Inside {
            discovery: Answer::json(&discovery(&base, &base)),
            keys: Answer::json(&key_set_document(keys)),
            asked: Vec::new(),
        }));
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&inside));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, inside }
    }

    /// Publishes these keys from now on.
    pub(in crate::logins) fn publish<'k>(&self, keys: impl IntoIterator<Item = &'k TestKey>) {
        self.inside.lock().unwrap().keys = Answer::json(&key_set_document(keys));
    }

    /// Calls itself `issuer` from now on.
    pub(in crate::logins) fn is_called(&self, issuer: &str) {
        self.inside.lock().unwrap().discovery = Answer::json(&discovery(issuer, &self.base));
    }

    /// Names another place of its keys.
    pub(in crate::logins) fn has_keys_at(&self, url: &str) {
        let document = json!({ "issuer": self.base, "jwks_uri": url });
        self.inside.lock().unwrap().discovery = Answer::json(&document);
    }

    /// Calls itself `issuer` and has its keys at `url` from now on.
    pub(in crate::logins) fn is_called_with_keys_at(&self, issuer: &str, url: &str) {
        let document = json!({ "issuer": issuer, "jwks_uri": url });
        self.inside.lock().unwrap().discovery = Answer::json(&document);
    }

    /// Answers for its keys, and for discovery where `discovery` says so, with this.
    pub(in crate::logins) fn answers(
        &self,
        discovery: bool,
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl Into<Vec<u8>>,
    ) {
        let headers = headers.iter().map(|(n, v)| (*n, (*v).to_owned()));
        let answer = Answer {
            status,
            headers: headers.collect(),
            body: body.into(),
        };
        let mut inside = self.inside.lock().unwrap();
        if discovery {
            inside.discovery = answer;
        } else {
            inside.keys = answer;
        }
    }

    /// The paths that it was asked for so far.
    pub(in crate::logins) fn asked(&self) -> Vec<String> {
        self.inside.lock().unwrap().asked.clone()
    }
}

fn discovery(issuer: &str, base: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{base}/keys"),
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

async fn answer(State(inside): State<Arc<Mutex<Inside>>>, request: Request) -> Response {
    let mut inside = inside.lock().unwrap();
    let path = request.uri().path().to_owned();
    let answer = if path.ends_with("/.well-known/openid-configuration") {
        &inside.discovery
    } else {
        &inside.keys
    };
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let response = response.body(Body::from(answer.body.clone())).unwrap();
    inside.asked.push(path);
    response
}
