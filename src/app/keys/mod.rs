//! The server's own keys: the rings that sign tokens and seal sessions, the root access key, and other access keys.

pub mod access_keys;
pub(super) mod guest_key;
pub(super) mod in_use;
pub mod last_use;
pub mod recovery;
pub mod resealing;
pub mod rings;
pub mod root_key;
