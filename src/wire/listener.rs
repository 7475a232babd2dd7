//! The listener: accepts connections and serves each one within its limits.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustls::server::Acceptor;
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::Front;
use super::admission::counted;
use super::connections::{ConnectionActivity, Connections, OpenConnection};
use super::hosts::AllowedHosts;
use super::limits::{self, ConnectionLimits};
use super::management;
use crate::app::connection::Connection;
use crate::app::rates;
use crate::permits::shares::{ClientNetwork, Shares};

/// The pause after an error of the listener, for example when the process has too many open files.
const PAUSE: Duration = Duration::from_millis(10);

/// A listening socket and what it serves with.
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// The certificate; `None` serves plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// The bounds on connections.
    pub limits: ConnectionLimits,
}

impl Listener {
    /// A socket that listens on `address`, where many connections may wait until they are accepted.
    pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A server that starts again doesn't wait for the connections of the last one.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(limits::BACKLOG)
    }
}

/// What all connections share.
struct Shared {
    front: Arc<Front>,
    router: Router,
    /// The memory of heads and answers.
    memory: Arc<Shares>,
    limits: ConnectionLimits,
    builder: Builder<TokioExecutor>,
    tls: Option<Arc<ServerConfig>>,
    hosts: Option<AllowedHosts>,
    stopping: watch::Receiver<bool>,
}

impl Front {
    /// Serves connections of `listener` until `stop`, and then finishes requests in progress.
    pub async fn serve(self: &Arc<Self>, listener: Listener, stop: impl Future<Output = ()>) {
        let memory = Arc::clone(&self.memory.small);
        self.serve_routes(self.router(), memory, listener, stop)
            .await;
    }

    /// Serves the metrics and the health to the operator, without end.
    pub async fn serve_management(self: Arc<Self>, socket: TcpListener) {
        let listener = Listener {
            socket,
            tls: None,
            limits: ConnectionLimits {
                total: management::CONNECTIONS,
                ..ConnectionLimits::for_files(0)
            },
        };
        let (router, memory) = (management::router(&self), Shares::new(limits::SMALL_MEMORY));
        self.serve_routes(router, memory, listener, std::future::pending())
            .await;
    }

    async fn serve_routes(
        self: &Arc<Self>,
        router: Router,
        memory: Arc<Shares>,
        listener: Listener,
        stop: impl Future<Output = ()>,
    ) {
        let address = listener
            .socket
            .local_addr()
            .map_or(IpAddr::from([0; 4]), |at| at.ip());
        let (stopping, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            front: Arc::clone(self),
            router,
            memory,
            limits: listener.limits,
            builder: builder(),
            tls: listener.tls,
            hosts: AllowedHosts::of_listener(address, self.app.tokens.issuer()),
            stopping: stopped,
        });
        let connections = Connections::new(listener.limits);
        let mut tasks = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
                accepted = listener.socket.accept() => match accepted {
                    Ok((stream, peer)) => {
                        if let Some(connection) = connections.admit(ClientNetwork::new(peer.ip())) {
                            tasks.spawn(Arc::clone(&shared).connection(stream, peer, connection));
                        }
                    }
                    Err(error) => {
                        if refused(&error) {
                            // Its file, or the memory of the kernel, is free for a new client.
                            connections.end_one();
                            sleep(PAUSE).await;
                        }
                    }
                },
            }
        }
        drop(listener.socket);
        stopping.send_replace(true);
        let finished = async { while tasks.join_next().await.is_some() {} };
        let _ = timeout(limits::DRAIN, finished).await;
    }
}

/// Logs why no connection can be accepted, and answers whether a pause helps. Otherwise only one connection failed, which its
/// client has closed meanwhile.
fn refused(error: &io::Error) -> bool {
    let advice = match Errno::from_io_error(error) {
        Some(Errno::MFILE) => {
            "this process has too many open files: raise its limit (LimitNOFILE= of systemd, ulimit -n, --ulimit nofile= of \
             containers)"
        }
        Some(Errno::NFILE) => {
            "all processes of this machine have too many open files: raise fs.file-max with sysctl"
        }
        Some(Errno::NOBUFS | Errno::NOMEM) => "the kernel has no memory for it",
        _ => {
            tracing::debug!(%error, "a connection can't be accepted");
            return false;
        }
    };
    metrics::counter!("cognate_accept_errors_total").increment(1);
    tracing::warn!(%error, advice, "a connection can't be accepted");
    true
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The bounds on idle connections end those that send a head slowly.
        .header_read_timeout(None)
        .max_buf_size(limits::HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::STREAMS)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .max_send_buf_size(limits::UNSENT)
        .max_header_list_size(limits::HEAD)
        .keep_alive_interval(Duration::from_secs(30));
    builder
}

impl Shared {
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        open: OpenConnection,
    ) {
        let _ = stream.set_nodelay(true);
        // A client that reads nothing ends its connection, also one that this server has closed.
        let unread = u32::try_from(self.limits.unread.as_millis()).unwrap_or(u32::MAX);
        let _ = sockopt::set_tcp_user_timeout(&stream, unread);
        let Some(tls) = self.tls.clone() else {
            return self.serve(stream, peer, &open).await;
        };
        let handshake = timeout(self.limits.first_request, self.handshake(tls, stream, peer));
        let encrypted = tokio::select! {
            encrypted = handshake => encrypted,
            () = open.replaced() => return,
            () = self.stopped() => return,
        };
        if let Ok(Some(encrypted)) = encrypted {
            self.serve(encrypted, peer, &open).await;
        }
    }

    /// Makes a TLS handshake. Its signature and its key agreement run on a thread of the pool.
    async fn handshake(
        &self,
        tls: Arc<ServerConfig>,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Option<TlsStream<TcpStream>> {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream)
            .await
            .ok()?;
        let answer = move || {
            let mut kind = None;
            let rest = hello.into_stream_with(tls, |connection| kind = connection.handshake_kind());
            (rest, kind)
        };
        let app = &self.front.app;
        let handshakes = &app.pools.handshakes;
        let answered = handshakes.run_for(ClientNetwork::new(peer.ip()), answer);
        let (rest, kind) = answered.await.ok()?;
        if kind == Some(HandshakeKind::FullWithHelloRetryRequest) {
            // The answer to the second hello can't leave this thread.
            let mut call = app.call();
            call.connection = Connection::new(app, Some(peer.ip()), &HeaderMap::new());
            rates::admit_handshake(&call).ok()?;
        }
        rest.await.ok()
    }

    /// Serves one connection until it ends, was idle for too long, is too old, or is replaced.
    async fn serve(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        open: &OpenConnection,
    ) {
        let (shared, activity) = (Arc::clone(&self), Arc::clone(open));
        let service = service_fn(move |request| {
            // A request is in progress as soon as its head has arrived.
            let in_progress = activity.begin();
            let answer = shared.answer(Arc::clone(&activity), peer, request);
            async move {
                let answer = answer.await;
                drop(in_progress);
                answer
            }
        });
        let mut served = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            _ = served.as_mut() => return,
            () = open.replaced() => return,
            () = open.unread_for_too_long(&self.limits) => return,
            () = open.idle_for_too_long(&self.limits) => {}
            () = sleep(self.limits.lifetime) => {}
            () = self.stopped() => {
                served.as_mut().graceful_shutdown();
                // The front ends this task if that takes too long.
                let _ = served.await;
                return;
            }
        }
        if !open.had_request() {
            return;
        }
        served.as_mut().graceful_shutdown();
        tokio::select! {
            _ = served => {}
            () = open.answered(&self.limits) => {}
            () = open.replaced() => {}
            () = sleep(self.limits.ending) => {}
        }
    }

    /// Waits until the server stops.
    async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // A closed channel means the same: the front is gone.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Answers one request, for which the following steps find the connection in its extensions.
    fn answer(
        &self,
        activity: Arc<ConnectionActivity>,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        let admitted = match &self.hosts {
            Some(hosts) if !hosts.allow(request.uri(), request.headers()) => {
                Err(Box::new(AllowedHosts::refusal()))
            }
            _ => self.front.admit(&self.memory, peer, request),
        };
        let router = TowerToHyperService::new(self.router.clone());
        let front = Arc::clone(&self.front);
        async move {
            let (mut request, memory) = match admitted {
                Ok(admitted) => admitted,
                Err(refusal) => return Ok(*refusal),
            };
            request.extensions_mut().insert(Arc::clone(&activity));
            let mut request = request.map(Body::new);
            front.public_path.strip(&mut request);
            let response = router.call(request).await?;
            Ok(counted(response, memory, &activity))
        }
    }
}
