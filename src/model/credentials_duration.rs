//! The duration of the credentials of a pool's identities: Cognate's own setting, which the real service lacks.

use serde::{Deserialize, Serialize};

/// The duration of credentials of the enhanced flow. A role of the built-in IAM may shorten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsDuration {
    /// The duration in seconds: [`SHORTEST`] to [`LONGEST`].
    pub seconds: i64,
    /// Whether credentials end with the first of their logins.
    pub within_login: bool,
}

/// The shortest duration in seconds; also the shortest of an STS.
pub const SHORTEST: i64 = 900;

/// The longest duration in seconds; also the longest of an STS.
pub const LONGEST: i64 = 43_200;

impl Default for CredentialsDuration {
    /// The real service's fixed hour, independent of the logins' end.
    fn default() -> Self {
        Self {
            seconds: 3600,
            within_login: false,
        }
    }
}
