//! HTTP in, HTTP out: decodes requests and encodes answers. The operations themselves are in `operations`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use axum::routing::{any, get};
use http::{Method, StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use crate::app::connection::Connection;
use crate::app::keys::rings::KEY_SET_MAX_AGE;
use crate::app::{App, maintenance};
use crate::sigv4;

mod aws_json;
mod aws_query;
mod constraints;
mod cors;
mod limits;
pub mod models;
mod pipeline;
mod respond;
mod types;
mod xml;

use respond::{json_document, plain};

/// The HTTP front end: the application and the state of the front end itself.
pub struct Front {
    app: Arc<App>,
    metrics: PrometheusHandle,
    signing_keys: sigv4::KeyCache,
    in_flight: Semaphore,
    draining: AtomicBool,
}

impl Front {
    /// A front end of `app`; `metrics` is served under `/metrics`.
    pub fn new(app: Arc<App>, metrics: PrometheusHandle) -> Arc<Self> {
        Arc::new(Self {
            app,
            metrics,
            signing_keys: sigv4::KeyCache::default(),
            in_flight: Semaphore::new(limits::IN_FLIGHT),
            draining: AtomicBool::new(false),
        })
    }

    /// Makes `/health` answer 503 from now on, because the server is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The routes of everything that is served on the listening address.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/", any(root))
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/.well-known/jwks_uri", get(key_set))
            .route("/.well-known/jwks.json", get(key_set))
            .route("/health", get(health))
            .route("/metrics", get(metrics))
            .fallback(any(nothing_here))
            .method_not_allowed_fallback(nothing_here)
            .with_state(Arc::clone(self))
    }
}

async fn root(State(front): State<Arc<Front>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut call = front.app.call();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|peer| peer.0.ip());
    call.connection = Connection::new(&front.app.config, peer, &parts.headers);
    match parts.method {
        Method::OPTIONS => cors::preflight(&parts.headers, call.request_id),
        Method::POST | Method::GET if aws_query::matches(&parts) => {
            aws_query::serve(&front, call, &parts, body).await
        }
        Method::POST => aws_json::serve(&front, call, &parts, body).await,
        _ => aws_json::not_found(&parts.headers, call.request_id),
    }
}

async fn nothing_here(
    State(front): State<Arc<Front>>,
    request: axum::extract::Request,
) -> Response {
    aws_json::not_found(request.headers(), front.app.ambient.uuid())
}

async fn discovery(State(front): State<Arc<Front>>) -> Response {
    json_document(&front.app.tokens.discovery(), KEY_SET_MAX_AGE)
}

async fn key_set(State(front): State<Arc<Front>>) -> Response {
    json_document(&front.app.tokens.key_set(front.app.now()), KEY_SET_MAX_AGE)
}

async fn health(State(front): State<Arc<Front>>) -> Response {
    if front.draining.load(Ordering::Relaxed) {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    match maintenance::check(&front.app).await {
        Ok(()) => plain(StatusCode::OK, "ok\n"),
        Err(error) => {
            tracing::error!(error = %respond::chain(&error), "the store is unavailable");
            plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store is unavailable\n",
            )
        }
    }
}

async fn metrics(State(front): State<Arc<Front>>) -> Response {
    let mut response = plain(StatusCode::OK, front.metrics.render());
    let version = header::HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(header::CONTENT_TYPE, version);
    response
}
