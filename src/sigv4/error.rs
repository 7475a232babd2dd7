//! Why a request's signature was refused, in the real service's words where it has words for it.
//!
//! Which wire code goes with each is not decided here: the five variants of [`SignatureError`] are the five codes.
//! The texts never hold a signature, a secret or a token, and echo at most 64 printable characters of a client's.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use super::moment;

/// Why a request's signature was refused. `Display` is the text for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Neither an `Authorization` header nor a presigned query. (STS and IAM say `Request is missing Authentication
    /// Token`.)
    #[error("Missing Authentication Token")]
    Missing,
    /// The signature's parts can't be read.
    #[error(transparent)]
    Incomplete(#[from] Incomplete),
    /// The parts can be read and the signature isn't good for this request, here and now.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The access key, or the session token beside it, is nobody's.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session token was good once.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
}

/// What is missing, doubled or malformed in a signature's parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// More than is read of it.
    #[error("The {what} is longer than {limit} bytes.")]
    TooLong {
        /// What.
        what: &'static str,
        /// How long it may be, in bytes.
        limit: usize,
    },
    /// A header that decides something stands there twice, or `Host` and `:authority` differ.
    #[error("The request has more than one '{name}' header.")]
    DoubledHeader {
        /// The header.
        name: &'static str,
    },
    /// An `X-Amz-…` parameter stands twice in the query.
    #[error("AWS query-string parameters must not repeat '{name}'.")]
    DoubledParameter {
        /// The parameter.
        name: String,
    },
    /// A part stands twice in the `Authorization` header.
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
    /// The query has a `%` that isn't followed by two hexadecimal digits, or a parameter of the signature that
    /// isn't text.
    #[error("The query string is malformed.")]
    MalformedQuery,
    /// The request's date isn't written as `YYYYMMDDTHHMMSSZ`.
    #[error(
        "Date must be in ISO-8601 'basic format'. Got '{got}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )]
    Date {
        /// What it is, cut.
        got: String,
    },
    /// `X-Amz-Expires` isn't a number of seconds from 1 to 900.
    #[error("X-Amz-Expires must be a number of seconds from 1 to 900. Got '{got}'.")]
    Expires {
        /// What it is, cut.
        got: String,
    },
    /// An algorithm other than AWS4-HMAC-SHA256.
    #[error("Unsupported AWS 'algorithm': '{got}' (only AWS4-HMAC-SHA256 for now). ")]
    Algorithm {
        /// What it is, cut.
        got: String,
    },
    /// The credential isn't of five parts.
    #[error(
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{got}'"
    )]
    Credential {
        /// What it is, cut.
        got: String,
    },
}

/// Why a signature that can be read isn't good for this request, here and now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A presigned query, and a header that says the same another way.
    #[error("Found both '{parameter}' as a query-string param and '{header}' as HTTP header.")]
    TwoForms {
        /// The parameter.
        parameter: &'static str,
        /// The header.
        header: &'static str,
    },
    /// A presigned query where none is accepted.
    #[error("A presigned request is not accepted here.")]
    Presigned,
    /// The date is too long ago.
    #[error("Signature expired: {} is now earlier than {} ({} - {})",
        moment::format(*date), moment::format(*now - *window), moment::format(*now), span(*window))]
    Expired {
        /// The request's date.
        date: Timestamp,
        /// The present, in whole seconds.
        now: Timestamp,
        /// How long ago it may be.
        window: SignedDuration,
    },
    /// The date is too far ahead.
    #[error("Signature not yet current: {} is still later than {} ({} + {})",
        moment::format(*date), moment::format(*now + *window), moment::format(*now), span(*window))]
    NotYetCurrent {
        /// The request's date.
        date: Timestamp,
        /// The present, in whole seconds.
        now: Timestamp,
        /// How far ahead it may be.
        window: SignedDuration,
    },
    /// The list of signed headers isn't sorted, in lower case, without doubles, and of 100 names at most.
    #[error("'SignedHeaders' must be lower-case, sorted and without repetitions, and at most 100.")]
    SignedHeaders,
    /// The header `host` isn't signed.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    /// A header `x-amz-…` is there and isn't signed.
    #[error("'{name}' must be a 'SignedHeader' in the AWS Authorization.")]
    NotSigned {
        /// The header, cut.
        name: String,
    },
    /// A signed header isn't there.
    #[error(
        "'{name}' is a 'SignedHeader' in the AWS Authorization, but the request does not have it."
    )]
    NotThere {
        /// The header, cut.
        name: String,
    },
    /// The credential is for somewhere else, or for another day.
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

/// All that is wrong with a credential's scope, told at once as the real service does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WrongScope {
    /// Whether the region isn't one that is served.
    pub region: bool,
    /// The service that it should be, where it is another.
    pub service: Option<String>,
    /// What stands in place of `aws4_request`, cut.
    pub terminator: Option<String>,
    /// The scope's day (cut), and the request's date, where that is another day.
    pub date: Option<(String, Timestamp)>,
}

impl std::error::Error for WrongScope {}

impl fmt::Display for WrongScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The final blanks are the service's.
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
            let date = moment::format(*date);
            write!(
                formatter,
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{got}' != '{}', from '{date}'.",
                moment::day(&date)
            )?;
        }
        Ok(())
    }
}

/// An `Authorization` header as the real service echoes one: its hash in base64, so that no secret that was put there
/// comes back or reaches a log.
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

/// At most 64 characters of a client's text, whatever isn't printable ASCII as `?`.
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
