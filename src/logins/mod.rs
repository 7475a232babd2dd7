//! Verifying a login: from what a client shows to who it is. Which providers a pool trusts, and whose identity a login
//! is, is decided elsewhere.

#[cfg(test)]
mod fake;
pub mod jwks;
pub mod jws;
