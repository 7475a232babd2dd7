//! The bounds on connections and requests.

use std::time::Duration;

/// The most form parameters of a request.
pub(super) const PARAMETERS: usize = 1000;

/// The longest body, in bytes.
pub(super) const BODY: usize = 1 << 20;

/// The longest body that counts as small, in bytes.
pub(super) const SMALL_BODY: usize = 16 << 10;

/// The memory of the heads, small bodies and answers of all requests, in bytes.
pub(super) const SMALL_MEMORY: usize = 64 << 20;

/// The memory of all larger bodies, in bytes.
pub(super) const LARGE_MEMORY: usize = 128 << 20;

/// The longest time for a client to send a whole body.
pub(super) const BODY_TIME: Duration = Duration::from_secs(20);

/// The time for the beginning of a body, in which no rate is required.
pub(super) const BODY_BEGINNING: Duration = Duration::from_secs(5);

/// The minimum rate after the beginning, in bytes per second.
pub(super) const BODY_RATE: u32 = 64 << 10;

/// The largest head of a request, in bytes.
pub(super) const HEAD: u32 = 64 << 10;

/// The most concurrent requests of an HTTP/2 connection.
pub(super) const STREAMS: u32 = 16;

/// The most bytes of a body that an HTTP/2 client may send before they are read.
pub(super) const STREAM_WINDOW: u32 = 64 << 10;

/// The most bytes of all bodies of an HTTP/2 connection that a client may send before they are read.
pub(super) const CONNECTION_WINDOW: u32 = 128 << 10;

/// The most bytes of an HTTP/2 answer that wait for the client to read.
pub(super) const UNSENT: usize = 64 << 10;

/// The longest time for requests in progress after the listener has stopped.
pub(super) const DRAIN: Duration = Duration::from_secs(25);

/// The throttled requests of a connection that are refused at once. Each further one is refused after [`THROTTLED`].
pub(super) const QUICK_REFUSALS: usize = 10;

/// The pause before a refusal, so that a client without pauses of its own costs little.
pub(super) const THROTTLED: Duration = Duration::from_millis(100);

/// The number of connections that may wait until they are accepted. The kernel allows no more than its `somaxconn`.
pub(super) const BACKLOG: u32 = 4096;

/// The most connections, however many files the process may open.
const CONNECTIONS: usize = 8192;

/// The bounds on connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The most connections. One client gets half of them at most.
    pub total: usize,
    /// The longest time until the head of the first request has arrived; also the longest time for a TLS handshake.
    pub first_request: Duration,
    /// The longest time between two requests. It is longer than the 60 seconds after which common load balancers close their
    /// idle connections, so that they don't send a request on a connection that this server is closing.
    pub idle: Duration,
    /// The longest time for a client to take an answer, and to acknowledge anything that was sent.
    pub unread: Duration,
    /// The longest life of a connection, without its last requests.
    pub lifetime: Duration,
    /// The longest time for requests in progress after the lifetime of their connection.
    pub ending: Duration,
    /// The time for a client to read the last answers when a connection ends.
    pub last_answers: Duration,
}

impl ConnectionLimits {
    /// The bounds of a process that may open `files` files: half of them are for connections.
    pub fn for_files(files: u64) -> Self {
        let half = usize::try_from(files / 2).unwrap_or(CONNECTIONS);
        Self {
            total: half.clamp(2, CONNECTIONS),
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            unread: Duration::from_secs(30),
            lifetime: Duration::from_hours(1),
            ending: Duration::from_mins(1),
            last_answers: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_files_are_for_connections() {
        for (files, total) in [(100, 50), (0, 2), (u64::MAX, CONNECTIONS)] {
            assert_eq!(ConnectionLimits::for_files(files).total, total);
        }
    }
}
