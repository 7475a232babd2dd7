//! The record of a role of the built-in IAM. Its policies are stored as received; `policy` evaluates them.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::RoleArn;
use super::managed_policy::PolicyArn;
use super::tags::Tags;
use super::tags::stored::by_key;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The ARN, with the path and the name.
    pub arn: RoleArn,
    /// The unique id: `AROA` and 16 letters and digits. A later role of the same name has another.
    pub id: String,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
    /// The description, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The longest session in seconds: 3,600 to 43,200.
    pub max_session_duration: i64,
    /// The trust policy.
    pub trust: String,
    /// The users of access keys that the trust policy names, by their ARN, with the unique id that each had when the policy
    /// was written. A later key with the same name isn't trusted. `None` in records of earlier versions, which trust names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_users: Option<IndexMap<String, String>>,
    /// The inline policies by their names, in the order of creation.
    pub policies: IndexMap<String, String>,
    /// The managed policies that are attached, in the order of attachment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<PolicyArn>,
    /// The managed policy that is the permissions boundary, if the role has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<PolicyArn>,
    /// The tags in the caller's order; at most 50.
    #[serde(with = "by_key")]
    pub tags: Tags,
    /// The time of creation.
    pub created: Timestamp,
}

impl Role {
    /// The role's key: its name without regard to case, as at the real service.
    pub fn key(&self) -> String {
        key(self.arn.name())
    }
}

impl Role {
    /// Whether the trust policy means this user where it names the ARN.
    pub fn trusts_user(&self, arn: &str, user_id: &str) -> bool {
        let Some(users) = &self.trusted_users else {
            return true;
        };
        users.get(arn).is_some_and(|trusted| trusted == user_id)
    }
}

/// The key of the role with this name.
pub fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}
