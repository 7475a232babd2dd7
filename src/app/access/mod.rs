//! Who signed a request, and what the signer may do.

pub mod authorise;
pub mod caller;
pub mod condition_keys;
pub mod resource;
pub mod simulate;
pub mod unset_keys;
