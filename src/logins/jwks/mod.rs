//! Issuers' keys as JWK sets: read in `set` and `key`, fetched in `fetch`, kept fresh in `cache`.

mod algorithm;
mod cache;
mod fetch;
mod key;
mod roca;
mod set;
#[cfg(test)]
mod tests;
mod verified;
mod waiters;

pub use self::algorithm::{JWS_ALGORITHMS, JwsAlgorithm, UnknownAlgorithm};
pub use self::cache::JwksError;
pub(super) use self::cache::{JwksCache, SignatureCheckError};
pub use self::fetch::{JwksFetchError, jwks_uri};
pub(super) use self::fetch::{JwksSource, USER_POOL_JWKS};
pub(super) use self::key::VerificationKey;
pub use self::set::{JwkSet, JwkSetError};
