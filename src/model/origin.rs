//! Where tokens and sessions came from. What is recorded is compared with the records at every use.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A login that a token or a session came from, and the registration that accepted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginOrigin {
    /// The provider: a `Logins` key, or the name of the developer provider.
    pub provider: String,
    /// The client that the login was for; empty for a developer's user.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// The unique id of the registered provider that the pool named, if it named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Uuid>,
}

/// The origin of an OpenID token of this server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenOrigin {
    /// The generation of the store: another one after a restore or a copy.
    pub generation: Uuid,
    /// The incarnation of the pool.
    pub incarnation: u64,
    /// The logins; empty for a guest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<LoginOrigin>,
    /// The time at which everything that the token leads to must have ended, in whole seconds.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    pub not_after: Option<Timestamp>,
}
