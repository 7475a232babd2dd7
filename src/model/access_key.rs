//! The record of an access key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An access key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKeyRecord {
    /// Its id, which begins with `AKIA`.
    pub id: String,
    /// The unique id of the user that it signs as: `AIDA` and 16 letters and digits. Use [`AccessKeyRecord::user_id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
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

impl AccessKeyRecord {
    /// The unique id of the user that the key signs as: random, kept as long as the key exists, and never used again. A
    /// record of an earlier version has none; its access key id is random and unique, too.
    pub fn user_id(&self) -> String {
        let known = self.user_id.clone();
        known.unwrap_or_else(|| self.id.replacen("AKIA", "AIDA", 1))
    }
}
