//! AWS signature version 4 as pure functions: the canonical request, verifying a signature, and signing. No I/O and no
//! clock: [`SecretKeys`] looks up keys, and the time is an argument. Permissions are in `app`.
//!
//! The algorithm is
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>. Where this
//! verifier is stricter than the real service, a comment at the check states the reason.

mod amz_date;
pub mod canonical;
mod error;
mod header;
mod key;
mod parts;
mod presigned;
mod sign;
mod verify;

#[cfg(test)]
mod tests;

pub use error::{Incomplete, Invalid, SignatureError, WrongScope};
pub use key::{DerivedKey, KeyCache, SecretKey};
pub use presigned::PARAMETERS as PRESIGNED_PARAMETERS;
pub use sign::{CannotSign, Signer, presign, sign};
pub use verify::{
    KeyError, SecretKeys, SeenRequest, SignatureRules, VerifiedSignature, seen, verify,
    verify_hashed,
};

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;

/// The only supported algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The end of every credential scope.
const TERMINATOR: &str = "aws4_request";

/// A request as received, without decoding or normalisation.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// The method, in the client's case.
    pub method: &'r str,
    /// The path before the question mark, percent-encoded as received.
    pub path: &'r str,
    /// The query after the question mark, as received; may be empty.
    pub query: &'r str,
    /// HTTP/2's `:authority`, or the authority of an absolute request target, if there is one. It is the header `host`; a
    /// `Host` header must be equal to it.
    pub authority: Option<&'r str>,
    /// The headers. The transport limits their number and length.
    pub headers: &'r HeaderMap,
    /// The whole body.
    pub body: &'r [u8],
}

impl<'r> Request<'r> {
    /// The values of a header, in order; its name in lower case.
    fn values(&self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        let headers = self.headers;
        let authority = match self.authority {
            Some(authority) if name == "host" && !headers.contains_key("host") => Some(authority),
            _ => None,
        };
        authority.map(str::as_bytes).into_iter().chain(
            headers
                .get_all(name)
                .iter()
                .map(http::HeaderValue::as_bytes),
        )
    }

    fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }
}

/// The hash of `bytes` under SHA-256, in lower-case hexadecimal digits: the form of a payload hash.
pub fn hex_hash(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Bytes in lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
