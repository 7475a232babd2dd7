//! The presigned form: the signature's parts are parameters of the query.

use jiff::SignedDuration;

use super::Request;
use super::amz_date;
use super::canonical::Query;
use super::error::{Incomplete, Invalid, SignatureError, cut};
use super::parts::{Form, SignatureParts};

/// The parameters of a signature in the query.
pub const PARAMETERS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
];

/// The longest lifetime of a presigned request, in seconds.
const LONGEST_LIFE: i64 = 900;

/// Reads the presigned form.
pub(super) fn read<'c>(
    request: &Request<'c>,
    query: &'c Query<'_>,
) -> Result<SignatureParts<'c>, SignatureError> {
    if request.headers.contains_key("x-amz-security-token") {
        let parameter = "X-Amz-Algorithm";
        let header = "X-Amz-Security-Token";
        return Err(Invalid::TwoForms { parameter, header }.into());
    }
    let text = |name| match query.get(name) {
        Some(value) => std::str::from_utf8(value).map_err(|_| Incomplete::MalformedQuery),
        None => Ok(""),
    };
    let mut values = [""; 5];
    for (value, name) in values.iter_mut().zip(PARAMETERS) {
        *value = text(name)?;
    }
    let missing: Vec<&str> = values
        .iter()
        .zip(PARAMETERS)
        .filter(|(value, _)| value.is_empty())
        .map(|(_, name)| name)
        .collect();
    if !missing.is_empty() {
        return Err(Incomplete::Query { missing }.into());
    }
    let [algorithm, credential, signature, signed_headers, written] = values;
    Ok(SignatureParts {
        form: Form::Presigned,
        algorithm,
        credential,
        signed_headers,
        signature,
        written,
        date: amz_date::parse(written)?,
        lifetime: lifetime(query.get("X-Amz-Expires"))?,
        session_token: match query.get("X-Amz-Security-Token") {
            // A token that isn't text is unknown.
            Some(token) => {
                Some(std::str::from_utf8(token).map_err(|_| SignatureError::UnknownKey)?)
            }
            None => None,
        },
    })
}

/// The lifetime: 1 second to 15 minutes, by default 15 minutes as at STS, because some SDKs leave it out.
fn lifetime(expires: Option<&[u8]>) -> Result<SignedDuration, Incomplete> {
    let Some(text) = expires else {
        return Ok(SignedDuration::from_secs(LONGEST_LIFE));
    };
    std::str::from_utf8(text)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|seconds| (1..=LONGEST_LIFE).contains(seconds))
        .map(SignedDuration::from_secs)
        .ok_or_else(|| Incomplete::Expires { got: cut(text) })
}
