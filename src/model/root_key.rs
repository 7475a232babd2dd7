//! The record of the root access key.

use serde::{Deserialize, Serialize};

/// The key of the one record.
pub const KEY: &str = "root";

/// The root access key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootKeyRecord {
    /// Its id, which begins with `AKIA`.
    pub id: String,
    /// Its secret, sealed under the master key, in base64.
    pub sealed: String,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
}
