//! Why a request's signature is refused, in the real service's words where they are known.
//!
//! Each of the five variants of [`SignatureError`] has a wire code, which `wire` chooses. The texts never contain a
//! signature, a secret or a token, and quote at most 64 printable characters of the request.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use super::amz_date;

/// Why a request's signature is refused. `Display` is the text for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The request has neither an `Authorization` header nor a presigned query. (STS and IAM answer `Request is missing Authentication
    /// Token`.)
    #[error("Missing Authentication Token")]
    Missing,
    /// The signature's parts can't be read.
    #[error(transparent)]
    Incomplete(#[from] Incomplete),
    /// The parts can be read, and the signature isn't valid for this request, server or time.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The access key or its session token is unknown.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session token has expired.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
}

impl SignatureError {
    /// Whether the signature was computed for another request, or with another secret.
    pub fn is_mismatch(&self) -> bool {
        matches!(self, Self::Invalid(Invalid::Mismatch))
    }
}

/// What is missing, repeated or malformed in a signature's parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// A part is longer than its limit.
    #[error("The {what} is longer than {limit} bytes.")]
    TooLong {
        /// The part's name.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// A decisive header is repeated, or `Host` and `:authority` differ.
    #[error("The request has more than one '{name}' header.")]
    DoubledHeader {
        /// The header.
        name: &'static str,
    },
    /// An `X-Amz-…` parameter is repeated in the query.
    #[error("AWS query-string parameters must not repeat '{name}'.")]
    DoubledParameter {
        /// The parameter.
        name: String,
    },
    /// A part is repeated in the `Authorization` header.
    #[error("Authorization header must not repeat the '{name}' parameter.")]
    DoubledPart {
        /// The part.
        name: &'static str,
    },
    /// A part of the `Authorization` header isn't `name=value`.
    #[error(
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '{0}'."
    )]
    Pair(HashedHeader),
    /// Parts of the header form are missing.
    #[error("{}(Hashed with SHA-256 and encoded with Base64) Authorization={hashed}", lacking(missing, *undated))]
    Header {
        /// The parts of the `Authorization` header that it lacks.
        missing: Vec<&'static str>,
        /// Whether the request has no date.
        undated: bool,
        /// The header.
        hashed: HashedHeader,
    },
    /// Parts of the presigned form are missing.
    #[error("{}Re-examine the query-string parameters.", absent(missing))]
    Query {
        /// The parameters.
        missing: Vec<&'static str>,
    },
    /// The query has a `%` without two hexadecimal digits, or a parameter of the signature that isn't UTF-8.
    #[error("The query string is malformed.")]
    MalformedQuery,
    /// The request's date doesn't have the form `YYYYMMDDTHHMMSSZ`.
    #[error(
        "Date must be in ISO-8601 'basic format'. Got '{got}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )]
    Date {
        /// The received value, shortened.
        got: String,
    },
    /// `X-Amz-Expires` isn't a number of seconds from 1 to 900.
    #[error("X-Amz-Expires must be a number of seconds from 1 to 900. Got '{got}'.")]
    Expires {
        /// The received value, shortened.
        got: String,
    },
    /// The algorithm isn't AWS4-HMAC-SHA256.
    #[error("Unsupported AWS 'algorithm': '{got}' (only AWS4-HMAC-SHA256 for now). ")]
    Algorithm {
        /// The received value, shortened.
        got: String,
    },
    /// The credential doesn't have five parts.
    #[error(
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{got}'"
    )]
    Credential {
        /// The received value, shortened.
        got: String,
    },
}

/// Why a signature that can be read isn't valid for this request, server or time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The request has both forms of a signature.
    #[error("Found both '{parameter}' as a query-string param and '{header}' as HTTP header.")]
    TwoForms {
        /// The parameter.
        parameter: &'static str,
        /// The header.
        header: &'static str,
    },
    /// The request is presigned, and the operation doesn't accept that.
    #[error("A presigned request is not accepted here.")]
    Presigned,
    /// The date is too old.
    #[error("Signature expired: {} is now earlier than {} ({} - {})",
        amz_date::format(*date), amz_date::format(*now - *window), amz_date::format(*now), span(*window))]
    Expired {
        /// The request's date.
        date: Timestamp,
        /// The present, in whole seconds.
        now: Timestamp,
        /// The largest age.
        window: SignedDuration,
    },
    /// The date is too far in the future.
    #[error("Signature not yet current: {} is still later than {} ({} + {})",
        amz_date::format(*date), amz_date::format(*now + *window), amz_date::format(*now), span(*window))]
    NotYetCurrent {
        /// The request's date.
        date: Timestamp,
        /// The present, in whole seconds.
        now: Timestamp,
        /// The largest difference.
        window: SignedDuration,
    },
    /// The list of signed headers isn't sorted, in lower case, without repetitions, and of 100 names at most.
    #[error("'SignedHeaders' must be lower-case, sorted and without repetitions, and at most 100.")]
    SignedHeaders,
    /// The header `host` isn't signed.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    /// A header `x-amz-…` is present and isn't signed.
    #[error("'{name}' must be a 'SignedHeader' in the AWS Authorization.")]
    NotSigned {
        /// The header, shortened.
        name: String,
    },
    /// A signed header is absent.
    #[error(
        "'{name}' is a 'SignedHeader' in the AWS Authorization, but the request does not have it."
    )]
    NotThere {
        /// The header, shortened.
        name: String,
    },
    /// The credential has another scope, or another day.
    #[error(transparent)]
    Scope(#[from] WrongScope),
    /// `x-amz-content-sha256` isn't the hash of the body.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Payload,
    /// The signature is not this request's under the key's secret.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

/// Every error of a credential's scope, reported together as by the real service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WrongScope {
    /// Whether this server lacks the region.
    pub region: bool,
    /// The expected service, if the scope has another.
    pub service: Option<String>,
    /// The value instead of `aws4_request`, shortened.
    pub terminator: Option<String>,
    /// The scope's day (shortened) and the request's date, if their days differ.
    pub date: Option<(String, Timestamp)>,
}

impl std::error::Error for WrongScope {}

impl fmt::Display for WrongScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The real service has these final blanks.
        if self.region {
            formatter.write_str("Credential should be scoped to a valid region. ")?;
        }
        if let Some(service) = &self.service {
            write!(
                formatter,
                "Credential should be scoped to correct service: '{service}'. "
            )?;
        }
        if let Some(got) = &self.terminator {
            write!(
                formatter,
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{got}'. "
            )?;
        }
        if let Some((got, date)) = &self.date {
            let date = amz_date::format(*date);
            write!(
                formatter,
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{got}' != '{}', from '{date}'.",
                amz_date::day(&date)
            )?;
        }
        Ok(())
    }
}

/// The base64 hash of an `Authorization` header, as the real service quotes it: no secret in it reaches the answer or a
/// log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashedHeader(String);

impl HashedHeader {
    pub(super) fn of(header: &[u8]) -> Self {
        Self(STANDARD.encode(digest(&SHA256, header)))
    }
}

impl fmt::Display for HashedHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Shortens a client's text to 64 characters, with `?` for anything but printable ASCII.
pub(super) fn cut(text: &[u8]) -> String {
    text.iter()
        .take(64)
        .map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '?',
        })
        .collect()
}

fn lacking(missing: &[&str], undated: bool) -> String {
    let mut text = String::new();
    for part in missing {
        text.extend(["Authorization header requires '", part, "' parameter. "]);
    }
    if undated {
        text +=
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    text
}

fn absent(missing: &[&str]) -> String {
    let mut text = String::new();
    for name in missing {
        text.extend(["AWS query-string parameters must include '", name, "'. "]);
    }
    text
}

fn span(window: SignedDuration) -> String {
    match window.as_secs() {
        seconds if seconds % 60 == 0 => format!("{} min.", seconds / 60),
        seconds => format!("{seconds} sec."),
    }
}
