//! Container credentials: the protocol by which every AWS SDK fetches credentials from a URL, with a token in a header.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
//!
//! No answer is a redirect, because some SDKs would follow it with the token.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use axum::routing::any;
use http::{HeaderValue, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use self::head::CredentialsHead;
use self::path::CredentialsPath;
use super::admission::crowded;
use super::connections::ConnectionActivity;
use super::hosts::AllowedHosts;
use super::respond::{self, Throttled};
use super::{Front, answer_in_span, audit, pipeline, request_span};
use crate::app::audit::admit;
use crate::app::connection::Connection;
use crate::app::{Call, rates, records};
use crate::error::{Code, Dialect, Error};
use crate::operations::container_credentials::{ContainerCredentials, ContainerRequest};

mod head;
mod path;

/// The name of a request in the log and the metrics before its path is known.
const UNKNOWN: &str = "unknown";

/// The text of a failure that has none.
const UNAVAILABLE: &str = "The service is unavailable. Try again later.";

/// After how many seconds a client should try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The beginnings of this protocol's paths. Refusals of longer and shorter paths have this protocol's form, too.
const PATHS: [&str; 3] = ["/credentials", "/guest-credentials", "/role-credentials"];

/// The routes of this protocol.
pub(super) fn routes() -> Router<Arc<Front>> {
    let mut router = Router::new();
    for path in PATHS {
        for path in [
            path.to_owned(),
            format!("{path}/"),
            format!("{path}/{{*rest}}"),
        ] {
            router = router.route(&path, any(serve));
        }
    }
    router
}

/// Answers a request.
async fn serve(
    State(front): State<Arc<Front>>,
    Extension(connection): Extension<Connection>,
    Extension(activity): Extension<Arc<ConnectionActivity>>,
    request: Request,
) -> Response {
    let span = request_span(&connection, request.headers());
    let work = Box::pin(answer_request(&front, connection, &activity, request));
    answer_in_span(span, work).await
}

async fn answer_request(
    front: &Front,
    connection: Connection,
    activity: &Arc<ConnectionActivity>,
    request: Request,
) -> Response {
    let working = activity.work();
    let (parts, _) = request.into_parts();
    let client = connection.network();
    let is_private = is_private(front, &connection);
    let is_own_host = own_hosts(front).allow_one(&parts.uri, &parts.headers);
    let mut call = front.app.call();
    call.connection = connection;
    let head = match rates::admit_request(&call, None, true) {
        Ok(()) => CredentialsHead::read(&parts, is_own_host, is_private),
        Err(refusal) => Err(refusal.into()),
    };
    let given = match head {
        Ok(head) => {
            let request = head.request();
            call.operation = request.operation();
            let permits = front.work.class(None);
            let has_line = audit::has_container_line(&call, &request);
            let given = permits.run(client, run(&call, &request, has_line)).await;
            // The permit is free again before the call waits for its line.
            audit::end_container(&call, has_line, given.unwrap_or_else(|| Err(crowded()))).await
        }
        Err(refusal) => {
            call.operation = UNKNOWN;
            audit::end_container(&call, false, Err(refusal)).await
        }
    };
    let error = given.as_ref().err();
    respond::ended_in(&call, call.operation, Dialect::Container, error);
    let response = match given {
        Ok(given) => success(&call, &given),
        Err(error) => refusal(&call, &error),
    };
    drop(working);
    if response.extensions().get::<Throttled>().is_some() {
        activity.throttle(client).await;
    }
    response
}

/// Whether a path is one of this protocol, or begins like one.
pub(super) fn is_path(path: &str) -> bool {
    PATHS.iter().any(|begin| {
        let rest = path.strip_prefix(begin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Refuses a request before it is read.
pub(super) fn refused(call: &Call<'_>, error: &Error) -> Response {
    respond::ended_in(call, UNKNOWN, Dialect::Container, Some(error));
    refusal(call, error)
}

/// Whether no other machine can read the connection, or the operator accepts that.
fn is_private(front: &Front, connection: &Connection) -> bool {
    connection.is_secure || front.app.config.gives_container_credentials_over_http()
}

/// The hosts that requests for credentials may name.
fn own_hosts(front: &Front) -> AllowedHosts {
    AllowedHosts::of_credentials(front.app.config.listen.ip(), front.app.tokens.issuer())
}

/// Runs the request, again if its pool changes meanwhile.
async fn run(
    call: &Call<'_>,
    request: &ContainerRequest<'_>,
    has_line: bool,
) -> Result<ContainerCredentials, Error> {
    if has_line {
        admit(call)?;
    }
    for work in request.works(call) {
        rates::admit_work(call, *work)?;
    }
    for _ in 1..pipeline::RUNS {
        match request.run(call).await {
            Err(error) if error.code == Code::Outdated => records::refresh(call.app).await?,
            outcome => return outcome,
        }
    }
    request.run(call).await
}

impl CredentialsHead {
    fn request(&self) -> ContainerRequest<'_> {
        let token = self.token.as_str();
        match &self.path {
            CredentialsPath::Identity {
                pool,
                role,
                seconds,
            } => ContainerRequest::Identity {
                pool,
                role: role.as_deref(),
                seconds: *seconds,
                token,
            },
            CredentialsPath::Guest { pool } => ContainerRequest::Guest { pool },
            CredentialsPath::Role { role, seconds } => ContainerRequest::Role {
                role,
                seconds: *seconds,
                token,
            },
        }
    }
}

/// The members that the strictest SDK requires, and the time in the one form that all of them read.
fn success(call: &Call<'_>, given: &ContainerCredentials) -> Response {
    let credentials = &given.credentials;
    let mut body = json!({
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": credentials.secret_key.as_str(),
        "Token": credentials.session_token,
        "Expiration": in_whole_seconds(credentials.expires),
        "RoleArn": given.role.as_str(),
    });
    // Some stores have roles without an account.
    if !given.role.account().is_empty() {
        body["AccountId"] = given.role.account().into();
    }
    answer(call, 200, &body)
}

/// `YYYY-MM-DDTHH:MM:SSZ`.
fn in_whole_seconds(time: Timestamp) -> String {
    let time = Timestamp::from_second(time.as_second()).unwrap_or(time);
    time.to_string()
}

/// A refusal in the spelling of each SDK: `code` and `message` of Java and Go, `Code` and `Message` of JavaScript and MinIO.
fn refusal(call: &Call<'_>, error: &Error) -> Response {
    let (name, status) = error.code.on_the_wire(Dialect::Container);
    let text = match status {
        429 => "Rate exceeded. Try again later.",
        _ => error.text.as_deref().unwrap_or(UNAVAILABLE),
    };
    let body = json!({ "code": name, "message": text, "Code": name, "Message": text });
    let mut response = answer(call, status, &body);
    respond::mark(&mut response, error);
    let headers = response.headers_mut();
    match status {
        401 => headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
        405 => headers.insert(header::ALLOW, HeaderValue::from_static("GET")),
        429 | 503 => headers.insert(header::RETRY_AFTER, RETRY_AFTER),
        _ => None,
    };
    response
}

fn answer(call: &Call<'_>, status: u16, body: &Value) -> Response {
    let (json, body) = ("application/json", body.to_string());
    let mut response = respond::answer(status, json, body, call.request_id);
    let nosniff = HeaderValue::from_static("nosniff");
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
