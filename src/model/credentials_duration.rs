//! How long credentials of a pool's identities last: Cognate's own setting, which the service doesn't have.

use serde::{Deserialize, Serialize};

/// How long credentials of the enhanced flow last. A role of the built-in IAM may shorten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsDuration {
    /// In seconds: [`SHORTEST`] to [`LONGEST`].
    pub seconds: i64,
    /// Whether they end when the first of the logins does that were shown for them.
    pub within_login: bool,
}

/// The shortest that a pool may say, in seconds; also the shortest that an STS takes.
pub const SHORTEST: i64 = 900;

/// The longest, in seconds; also the longest that an STS takes.
pub const LONGEST: i64 = 43_200;

impl Default for CredentialsDuration {
    /// The service's fixed hour, whenever the login ends.
    fn default() -> Self {
        Self {
            seconds: 3600,
            within_login: false,
        }
    }
}
