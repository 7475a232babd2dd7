//! The record of a role of the built-in IAM. Its policies are kept as they were written; what they mean is decided in
//! `policy`, and who may have the role outside.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::RoleArn;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its ARN, which holds its path and its name.
    pub arn: RoleArn,
    /// `AROA` and 16 letters and digits: no other role ever has it, not even one of the same name.
    pub id: String,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
    /// Up to 1,000 characters, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How long a session of it may last, in seconds: 3,600 to 43,200.
    pub max_session_duration: i64,
    /// The policy of who may have it.
    pub trust: String,
    /// The policies of what it may do, by their names, in the order in which they were first put.
    pub policies: IndexMap<String, String>,
    /// Its tags, in the order given; at most 50.
    pub tags: IndexMap<String, String>,
    /// When it was made.
    pub created: Timestamp,
}

impl Role {
    /// What tells it from the others: its name without regard to case, as in the real service.
    pub fn key(&self) -> String {
        key(self.arn.name())
    }
}

/// The key of the role with this name.
pub fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}
