//! Verifying a login: from what a client shows to who it is. Which providers a pool trusts, and whose identity a login
//! is, is decided elsewhere.

#[cfg(test)]
mod fake;
mod issuer_keys;
pub mod jwks;
pub mod jws;
mod key_sets;
mod remote;

pub use self::issuer_keys::NoKeys;
pub use self::remote::FetchError;
