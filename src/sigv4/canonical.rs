//! The canonical request: the text that is hashed and signed. Refuses only a query that can't be decoded.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::error::{Incomplete, cut};
use super::{ALGORITHM, Request, hex_hash};

/// All characters except the unreserved ones of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// The longest query, in bytes. A session token has at most 4 KiB.
const LONGEST_QUERY: usize = 16 * 1024;

/// The canonical path: each byte except the unreserved ones and `/` is encoded. So an encoded path is encoded twice, as at
/// every service except S3. `normalise` removes empty, `.` and `..` segments first.
pub fn canonical_path(path: &str, normalise: bool) -> String {
    if path.is_empty() || path == "/" {
        return "/".to_owned();
    }
    if !normalise {
        return percent_encode(path.as_bytes(), ENCODED_IN_PATH).to_string();
    }
    let mut kept = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    let mut text = format!("/{}", kept.join("/"));
    if path.ends_with('/') && !kept.is_empty() {
        text.push('/');
    }
    percent_encode(text.as_bytes(), ENCODED_IN_PATH).to_string()
}

/// A query's parameters, decoded and in order. They are bytes, because they may not be UTF-8.
#[derive(Debug)]
pub struct Query<'r>(Vec<Parameter<'r>>);

#[derive(Debug)]
struct Parameter<'r> {
    name: Cow<'r, [u8]>,
    value: Cow<'r, [u8]>,
}

impl<'r> Query<'r> {
    /// Decodes a query of at most 16 KiB. `+` is a blank. Refuses a `%` without two hexadecimal digits, and a repeated
    /// parameter `X-Amz-…` in any case.
    pub fn parse(raw: &'r str) -> Result<Self, Incomplete> {
        if raw.len() > LONGEST_QUERY {
            let (what, limit) = ("query string", LONGEST_QUERY);
            return Err(Incomplete::TooLong { what, limit });
        }
        let mut parameters = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            parameters.push(Parameter { name, value });
        }
        refuse_doubled(&parameters)?;
        Ok(Self(parameters))
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let parameters = &mut self.0.iter();
        let found = parameters.find(|parameter| *parameter.name == *name.as_bytes());
        found.map(|parameter| &*parameter.value)
    }

    /// Whether a parameter is present, in any case.
    pub(super) fn mentions(&self, name: &str) -> bool {
        let mut parameters = self.0.iter();
        parameters.any(|parameter| parameter.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The canonical query: encoded again and sorted by name, then value, without the parameters of `left_out`.
    pub fn canonical(&self, left_out: &[&str]) -> String {
        let is_in = |name: &[u8]| !left_out.iter().any(|out| name == out.as_bytes());
        let parameters = self.0.iter().filter(|parameter| is_in(&parameter.name));
        let mut pairs: Vec<_> = parameters
            .map(|parameter| (encode(&parameter.name), encode(&parameter.value)))
            .collect();
        // Pairs are sorted, not strings: `a=` comes before `a-b=`, although `-` comes before `=`.
        pairs.sort_unstable();
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("&")
    }
}

/// Encodes the name or value of a parameter in a canonical query.
pub(super) fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, ENCODED).to_string()
}

fn decode(text: &str) -> Result<Cow<'_, [u8]>, Incomplete> {
    let bytes = text.as_bytes();
    let whole = |at: usize| {
        bytes
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.match_indices('%').all(|(at, _)| whole(at)) {
        return Err(Incomplete::MalformedQuery);
    }
    Ok(if text.contains('+') {
        let blanks = text.replace('+', " ");
        Cow::Owned(percent_decode(blanks.as_bytes()).collect())
    } else {
        percent_decode(bytes).into()
    })
}

fn refuse_doubled(parameters: &[Parameter<'_>]) -> Result<(), Incomplete> {
    let mut names: Vec<_> = parameters
        .iter()
        .map(|parameter| parameter.name.to_ascii_lowercase())
        .filter(|name| name.starts_with(b"x-amz-"))
        .collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Incomplete::DoubledParameter {
            name: cut(&pair[0]),
        }),
        None => Ok(()),
    }
}

/// The canonical request. `path` and `query` are canonical, `signed_headers` is the list with semicolons, and
/// `payload_hash` is the [`hex_hash`] of the body.
pub fn canonical_request(
    request: &Request<'_>,
    path: &str,
    query: &str,
    signed_headers: &str,
    payload_hash: &str,
) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    for line in [request.method, path, query] {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    for name in signed_headers.split(';') {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        for (at, value) in request.values(name).enumerate() {
            if at > 0 {
                text.push(b',');
            }
            squeeze(value, &mut text);
        }
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(signed_headers.as_bytes());
    text.push(b'\n');
    text.extend_from_slice(payload_hash.as_bytes());
    text
}

/// Appends a header's value without outer blanks and with single inner blanks.
fn squeeze(value: &[u8], into: &mut Vec<u8>) {
    let words = value
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            into.push(b' ');
        }
        into.extend_from_slice(word);
    }
}

/// The string to sign. `date` is the request's date as `YYYYMMDDTHHMMSSZ`, `scope` is `DAY/REGION/SERVICE/aws4_request`.
pub fn string_to_sign(date: &str, scope: &str, canonical_request: &[u8]) -> String {
    format!(
        "{ALGORITHM}\n{date}\n{scope}\n{}",
        hex_hash(canonical_request)
    )
}
