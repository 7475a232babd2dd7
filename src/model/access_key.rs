//! The record of an access key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An access key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKeyRecord {
    /// Its id, which begins with `AKIA`.
    pub id: String,
    /// Its name: 1 to 64 of `[\w+=,.@-]`, unique.
    pub name: String,
    /// Its policy, as it was written.
    pub policy: String,
    /// Whether it may sign.
    pub enabled: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Its secret, sealed under the master key, in base64.
    pub sealed: String,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
}
