//! HTTP in, HTTP out: decodes requests and encodes answers. The operations themselves are in `operations`.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::extract::{Path, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, get};
use http::{HeaderMap, Method, Request, StatusCode, header};
use hyper::body::Body as _;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use tracing::{Instrument, Span};

use crate::app::connection::Connection;
use crate::app::keys::rings::KEY_SET_MAX_AGE;
use crate::app::{App, maintenance, pools, rates};
use crate::model::ids::PoolId;
use crate::permits::shares::ClientNetwork;
use crate::{sigv4, spans};

mod admission;
mod audit;
mod aws_json;
mod aws_query;
mod bodies;
mod connections;
mod container_credentials;
mod cors;
mod hosts;
mod html;
mod limits;
mod listener;
mod management;
mod other_clients;
mod pipeline;
mod public_path;
mod respond;
mod signature;
mod test_issuer;
mod work;
mod xml;

pub use limits::ConnectionLimits;
pub use listener::Listener;

use admission::{RequestMemory, counted};
use connections::ConnectionActivity;
use public_path::PublicPath;
use respond::{Throttled, json_document, plain};
use work::WorkPermits;

/// The HTTP front end: the application and the state of the front end itself.
pub struct Front {
    app: Arc<App>,
    metrics: PrometheusHandle,
    signing_keys: sigv4::KeyCache,
    memory: RequestMemory,
    work: WorkPermits,
    public_path: PublicPath,
    draining: AtomicBool,
}

impl Front {
    /// A front end of `app`; `metrics` is served under `/metrics`.
    pub fn new(app: Arc<App>, metrics: PrometheusHandle) -> Arc<Self> {
        let public_path = PublicPath::of(app.tokens.issuer());
        Arc::new(Self {
            public_path,
            app,
            metrics,
            signing_keys: sigv4::KeyCache::default(),
            memory: RequestMemory::new(),
            work: WorkPermits::new(),
            draining: AtomicBool::new(false),
        })
    }

    /// Makes `/health` answer 503 from now on, because the server is about to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Answers one request of a client at `peer`, outside of a connection.
    pub async fn answer(self: &Arc<Self>, peer: SocketAddr, request: Request<Body>) -> Response {
        let (mut request, memory) = match self.admit(&self.memory.small, peer, request) {
            Ok(admitted) => admitted,
            Err(refusal) => return *refusal,
        };
        let activity = Arc::new(ConnectionActivity::new(ClientNetwork::new(peer.ip())));
        request.extensions_mut().insert(Arc::clone(&activity));
        self.public_path.strip(&mut request);
        let Ok(response) = TowerToHyperService::new(self.router()).call(request).await;
        counted(response, memory, &activity)
    }

    /// The routes of everything that is served on the listening address.
    fn router(self: &Arc<Self>) -> Router {
        let metrics = if self.app.config.listener_has_metrics() {
            get(metrics)
        } else {
            any(nothing_here)
        };
        Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/.well-known/jwks_uri", get(key_set))
            .route("/.well-known/jwks.json", get(key_set))
            .route("/health", get(health))
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .route("/metrics", metrics)
            .route("/login-client/{pool}", get(login_client))
            .route_layer(middleware::from_fn_with_state(Arc::clone(self), document))
            .merge(test_issuer::routes(self))
            .merge(container_credentials::routes())
            .route("/", any(root))
            .fallback(any(nothing_here))
            .method_not_allowed_fallback(nothing_here)
            .with_state(Arc::clone(self))
    }
}

/// The span of a request. Only a trusted proxy names the trace that it belongs to: a stranger must neither force traces nor join
/// those of others.
fn request_span(connection: &Connection, headers: &HeaderMap) -> Span {
    let is_trusted = connection.is_by_trusted_proxy;
    spans::request(is_trusted.then_some(headers))
}

/// Answers a request within its span. The state of the work is large, and each layer around it would copy it.
async fn answer_in_span(span: Span, work: Pin<Box<impl Future<Output = Response>>>) -> Response {
    let response = work.instrument(span.clone()).await;
    spans::answered(&span, response.status());
    response
}

async fn root(
    State(front): State<Arc<Front>>,
    Extension(connection): Extension<Connection>,
    Extension(activity): Extension<Arc<ConnectionActivity>>,
    request: axum::extract::Request,
) -> Response {
    if request.method() == Method::OPTIONS {
        return cors::preflight(request.headers(), front.app.ambient.uuid());
    }
    let span = request_span(&connection, request.headers());
    let work = Box::pin(answer_call(&front, connection, &activity, request));
    answer_in_span(span, work).await
}

/// Answers a call of an operation.
async fn answer_call(
    front: &Front,
    connection: Connection,
    activity: &Arc<ConnectionActivity>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let is_query = matches!(parts.method, Method::POST | Method::GET) && aws_query::matches(&parts);
    if !is_query && parts.method != Method::POST {
        return other_clients::not_found(&parts, front.app.ambient.uuid());
    }
    let client = connection.network();
    let mut call = front.app.call();
    call.connection = connection;
    call.claimed_key = signature::claimed_key(&parts);
    let length = body.size_hint().upper();
    let is_small = length.is_some_and(|length| length <= limits::SMALL_BODY as u64);
    let admitted = signature::admit_head(&mut call, &parts, is_small);
    let body = match admitted {
        Err(refused) if !is_small => Err(refused.into()),
        // A small body is read in any case, so that the connection can be used again.
        admitted => {
            let body = bodies::read(&front.memory, body, client).await;
            body.and_then(|body| admitted.map(|()| body).map_err(Into::into))
        }
    };
    // The connection waited for its client until now.
    let working = activity.work();
    call.now = front.app.now();
    let response = if is_query {
        aws_query::serve(front, call, &parts, body).await
    } else {
        aws_json::serve(front, call, &parts, body).await
    };
    drop(working);
    if response.extensions().get::<Throttled>().is_some() {
        activity.throttle(client).await;
    }
    response
}

/// Serves a document with a permit of the calls without a signature.
async fn document(
    State(front): State<Arc<Front>>,
    Extension(connection): Extension<Connection>,
    Extension(activity): Extension<Arc<ConnectionActivity>>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let working = activity.work();
    let client = connection.network();
    // A load balancer that asks for the health may have the address of many clients.
    if !request.uri().path().starts_with("/health") {
        let mut call = front.app.call();
        call.connection = connection;
        if rates::admit_document(&call).is_err() {
            drop(working);
            activity.throttle(client).await;
            return plain(StatusCode::TOO_MANY_REQUESTS, "too many requests\n");
        }
    }
    let served = front.work.class(None).run(client, next.run(request));
    let refusal = || plain(StatusCode::SERVICE_UNAVAILABLE, "too many requests\n");
    served.await.unwrap_or_else(refusal)
}

async fn nothing_here(
    State(front): State<Arc<Front>>,
    request: axum::extract::Request,
) -> Response {
    let (parts, _) = request.into_parts();
    other_clients::not_found(&parts, front.app.ambient.uuid())
}

async fn discovery(State(front): State<Arc<Front>>) -> Response {
    json_document(&front.app.tokens.discovery(), KEY_SET_MAX_AGE)
}

async fn key_set(State(front): State<Arc<Front>>) -> Response {
    json_document(&front.app.tokens.key_set(front.app.now()), KEY_SET_MAX_AGE)
}

/// Whether requests should be sent to this server.
struct Health {
    status: StatusCode,
    word: &'static str,
    /// The reasons and warnings, in sentences without secrets, for the operator alone.
    details: Vec<String>,
}

impl Health {
    async fn of(front: &Front) -> Self {
        let unready = |word, details| Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            word,
            details,
        };
        if front.draining.load(Ordering::Relaxed) {
            return unready("draining", Vec::new());
        }
        if let Some(problem) = front.app.audit.as_ref().and_then(|log| log.problem()) {
            tracing::error!(error = %problem, "the audit log can't be written");
            return unready(
                "unavailable",
                vec!["the audit log can't be written".to_owned()],
            );
        }
        match maintenance::check(&front.app).await {
            Ok(warning) => {
                let others = maintenance::servers_with_other_settings(&front.app) > 0;
                let others = others.then_some(
                    "other servers of this store have other security settings or routes",
                );
                let warnings = warning.into_iter().chain(others);
                Self {
                    status: StatusCode::OK,
                    word: "ok",
                    details: warnings
                        .map(|warning| format!("warning: {warning}"))
                        .collect(),
                }
            }
            Err(error) => {
                let why = respond::chain(&error);
                tracing::error!(error = why, "the store is unavailable");
                unready("unavailable", vec![why])
            }
        }
    }
}

/// The public client with which the people of a pool sign in, for `cognate profile add`.
async fn login_client(State(front): State<Arc<Front>>, Path(pool): Path<String>) -> Response {
    let found = PoolId::parse(&pool).map(|id| pools::record(&front.app, &id));
    let Ok(found) = found.transpose() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "try again later\n");
    };
    let pool = found.flatten();
    let client = pool.as_ref().and_then(|pool| pool.login_client.as_ref());
    let Some(client) = client else {
        return plain(StatusCode::NOT_FOUND, "this pool has no login client\n");
    };
    let document = serde_json::json!({
        "issuer": client.issuer, "client_id": client.client_id, "scopes": client.scopes,
    });
    json_document(&document, 0)
}

/// The health in one word: strangers may reach this listener.
async fn health(State(front): State<Arc<Front>>) -> Response {
    let health = Health::of(&front).await;
    plain(health.status, format!("{}\n", health.word))
}

/// Whether the process answers: where it doesn't, a restart may help.
async fn live() -> Response {
    plain(StatusCode::OK, "live\n")
}

/// Whether requests should be sent here, as `/health`, in one word.
async fn ready(State(front): State<Arc<Front>>) -> Response {
    match Health::of(&front).await.status {
        StatusCode::OK => plain(StatusCode::OK, "ready\n"),
        status => plain(status, "unready\n"),
    }
}

async fn metrics(State(front): State<Arc<Front>>) -> Response {
    // These are measured when they are asked for, so that no call pays for it.
    front.work.measure();
    front.app.logins.measure(front.app.now());
    let mut response = plain(StatusCode::OK, front.metrics.render());
    let version = header::HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(header::CONTENT_TYPE, version);
    response
}
