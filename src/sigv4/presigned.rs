//! The presigned form: the signature's parts are parameters of the query.

use jiff::SignedDuration;

use super::Request;
use super::canonical::Query;
use super::claim::{Claim, Form};
use super::error::{Incomplete, Invalid, SignatureError, cut};
use super::moment;

/// The parameters of a signature.
pub(super) const PARAMETERS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
];

/// How long a presigned request may live, in seconds.
const LONGEST_LIFE: i64 = 900;

/// Reads the presigned form.
pub(super) fn read<'c>(
    request: &Request<'c>,
    query: &'c Query<'_>,
) -> Result<Claim<'c>, SignatureError> {
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
    Ok(Claim {
        form: Form::Presigned,
        algorithm,
        credential,
        signed_headers,
        signature,
        written,
        date: moment::parse(written)?,
        lifetime: lifetime(query.get("X-Amz-Expires"))?,
        session_token: match query.get("X-Amz-Security-Token") {
            // A token that isn't text is nobody's.
            Some(token) => {
                Some(std::str::from_utf8(token).map_err(|_| SignatureError::UnknownKey)?)
            }
            None => None,
        },
    })
}

/// From one second to 15 minutes; without the parameter 15 minutes, as STS has it: some SDKs leave it out.
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
