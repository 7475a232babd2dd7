//! The listener for the operator: the metrics and the health, by GET and over plain HTTP, and never the API. Its connections
//! and memory are its own, so that it answers while clients flood the other listener.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use http::{Method, StatusCode};

use super::respond::plain;
use super::{Front, Health, live, metrics, ready};

/// The most connections.
pub(super) const CONNECTIONS: usize = 64;

/// The routes of the listener.
pub(super) fn router(front: &Arc<Front>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .fallback(async || plain(StatusCode::NOT_FOUND, "not found\n"))
        .layer(middleware::from_fn(only_get))
        .with_state(Arc::clone(front))
}

/// Refuses every method but GET; axum would answer HEAD, too.
async fn only_get(request: Request, next: Next) -> Response {
    if request.method() == Method::GET {
        return next.run(request).await;
    }
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is served here\n");
    let allowed = http::HeaderValue::from_static("GET");
    response.headers_mut().insert(http::header::ALLOW, allowed);
    response
}

/// The health in a word, and a line for each reason and warning.
async fn health(State(front): State<Arc<Front>>) -> Response {
    let health = Health::of(&front).await;
    let lines: Vec<_> = health
        .details
        .iter()
        .map(|detail| format!("{detail}\n"))
        .collect();
    plain(
        health.status,
        format!("{}\n{}", health.word, lines.concat()),
    )
}
