//! Admission of requests: the client that a request counts for, and the memory of its head, its body and its answer.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use http::request::Parts;
use hyper::body::{Body as _, Frame, SizeHint};

use super::connections::{ConnectionActivity, UnreadAnswer};
use super::{Front, aws_json, aws_query, container_credentials, limits};
use crate::app::connection::Connection;
use crate::error::{Code, Error};
use crate::permits::shares::{Share, Shares};

/// The memory of a header beside its text, in bytes.
const HEADER: usize = 128;

/// The memory of all requests in progress.
pub(super) struct RequestMemory {
    /// Heads, small bodies and answers.
    pub(super) small: Arc<Shares>,
    /// Larger bodies.
    pub(super) large: Arc<Shares>,
}

/// The body of an answer, which counts for the client until it was sent.
struct CountedBody {
    body: Body,
    _memory: Share,
    _unread: UnreadAnswer,
}

impl RequestMemory {
    pub(super) fn new() -> Self {
        Self {
            small: Shares::new(limits::SMALL_MEMORY),
            large: Shares::new(limits::LARGE_MEMORY),
        }
    }
}

/// The refusal of a request for which there is no memory. It is counted.
pub(super) fn no_memory() -> Error {
    metrics::counter!("cognate_refused_total", "limit" => "memory of requests").increment(1);
    crowded()
}

/// The refusal of a request for which there is no memory or no permit.
pub(super) fn crowded() -> Error {
    Code::TooManyRequests.because("Rate exceeded")
}

impl Front {
    /// Admits a request if `memory` has space for its head. The following steps find the [`Connection`] in its extensions.
    ///
    /// This runs as soon as the head has arrived, so that heads that are refused never wait as a task.
    pub(super) fn admit<B>(
        &self,
        memory: &Arc<Shares>,
        peer: SocketAddr,
        request: Request<B>,
    ) -> Result<(Request<B>, Share), Box<Response>> {
        let connection = Connection::new(&self.app, Some(peer.ip()), request.headers());
        let mut memory = memory.share(connection.network());
        let (mut parts, body) = request.into_parts();
        if !memory.grow(head(&parts)) {
            let (call, error) = (self.app.call(), no_memory());
            let refusal = if container_credentials::is_path(parts.uri.path()) {
                container_credentials::refused(&call, &error)
            } else if aws_query::matches(&parts) {
                aws_query::refused(&call, &parts, &error)
            } else {
                aws_json::refused(&call, &parts, &error)
            };
            return Err(Box::new(refusal));
        }
        parts.extensions.insert(connection);
        Ok((Request::from_parts(parts, body), memory))
    }
}

/// Counts an answer until it was sent.
pub(super) fn counted(
    response: Response,
    mut memory: Share,
    activity: &Arc<ConnectionActivity>,
) -> Response {
    response.map(|body| {
        let length = body.size_hint().lower();
        memory.grow_up_to(usize::try_from(length).unwrap_or(usize::MAX));
        Body::new(CountedBody {
            body,
            _memory: memory,
            _unread: activity.answer(),
        })
    })
}

/// The memory of a head, in bytes.
fn head(parts: &Parts) -> usize {
    let path = parts.uri.path().len() + parts.uri.query().unwrap_or_default().len();
    let headers = parts.headers.iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER);
    path + headers.sum::<usize>()
}

impl hyper::body::Body for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
