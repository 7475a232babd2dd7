//! AWS signature version 4 as functions: what a signature covers, whether one is genuine, and making one.
//! No I/O and no clock: keys come from [`Keys`], the moment is an argument. Who may do what is decided elsewhere.
//!
//! The algorithm is
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>. Where this
//! verifier is stricter than the real service, the reason stands beside the check.

pub mod canonical;
mod claim;
mod error;
mod header;
mod key;
mod moment;
mod presigned;
mod sign;
mod verify;

#[cfg(test)]
mod tests;

pub use error::{Incomplete, Invalid, SignatureError, WrongScope};
pub use key::{KeyCache, SecretKey, SigningKey};
pub use sign::{CannotSign, Signer, presign, sign};
pub use verify::{KeyError, Keys, Rules, Verified, verify};

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;

/// The only algorithm there is here.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What every credential scope ends in.
const TERMINATOR: &str = "aws4_request";

/// A request as it stood on the wire; nothing decoded, nothing tidied.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// The method, in the client's letters.
    pub method: &'r str,
    /// The path before the question mark, percent-encoded as it came.
    pub path: &'r str,
    /// What stood after the question mark, as it came; may be empty.
    pub query: &'r str,
    /// HTTP/2's `:authority`, or the authority of an absolute request target, where the request has one. It
    /// is the header `host`; a `Host` header beside it must say the same.
    pub authority: Option<&'r str>,
    /// The headers. How many and how long they may be is the transport's business.
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

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
