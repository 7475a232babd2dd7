//! The connection of a request, as the condition keys about it describe it. `wire` fills it in.

use std::net::IpAddr;

/// The connection that a request came on. Without a connection, a call comes from this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// The client's address: the peer's, or the one that a trusted proxy named.
    pub client: Option<IpAddr>,
    /// Whether the client used TLS, as far as this server can know it.
    pub is_secure: bool,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// The header `Referer`.
    pub referer: Option<String>,
}
