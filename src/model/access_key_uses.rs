//! The record of when access keys were used last.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The key of the one record.
pub const KEY: &str = "access-key-uses";

/// When each access key was used last, coarsely.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKeyUses {
    /// The time of a use, in whole seconds, by the unique id of the user that the key signs as. At most as many as there are
    /// access keys.
    pub uses: BTreeMap<String, Timestamp>,
    /// The version of its record.
    #[serde(skip)]
    pub version: u64,
}
