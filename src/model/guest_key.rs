//! The record of the key that names guests.

use serde::{Deserialize, Serialize};

/// The key of the one record.
pub const KEY: &str = "guest-handles";

/// The key from which the handles of guests are made, in events and in the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestKeyRecord {
    /// The key, sealed under the master key, in base64.
    pub sealed: String,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
}
