//! The record of the deployment that stored data belongs to.

use serde::{Deserialize, Serialize};

use super::ids::AccountId;

/// The key of the one record.
pub const KEY: &str = "deployment";

/// What every ARN and every token of the stored data has. A server with another one would give existing users other principals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The account of the deployment.
    pub account_id: AccountId,
    /// The public URL, if the configuration has set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
}
