//! The header form: `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.

use http::HeaderValue;

use super::canonical::Query;
use super::error::{HashedHeader, Incomplete, Invalid, SignatureError, cut};
use super::parts::{Form, SignatureParts};
use super::{Request, amz_date, presigned};

/// The longest header, in bytes.
const LONGEST: usize = 8 * 1024;

/// Reads the header form. Any number of blanks and commas separates its parts, as at the real service.
pub(super) fn read<'c>(
    request: &Request<'c>,
    query: &Query<'_>,
    value: &'c HeaderValue,
) -> Result<SignatureParts<'c>, SignatureError> {
    if let Some(parameter) = presigned::PARAMETERS
        .iter()
        .find(|name| query.mentions(name))
    {
        let header = "Authorization";
        return Err(Invalid::TwoForms { parameter, header }.into());
    }
    if value.len() > LONGEST {
        let (what, limit) = ("Authorization header", LONGEST);
        return Err(Incomplete::TooLong { what, limit }.into());
    }
    let hashed = || HashedHeader::of(value.as_bytes());
    let text = value.to_str().map_err(|_| Incomplete::Pair(hashed()))?;
    let mut words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    let algorithm = words.next().unwrap_or_default();
    let mut parts = [("Credential", ""), ("Signature", ""), ("SignedHeaders", "")];
    for word in words {
        let (name, value) = word
            .split_once('=')
            .ok_or_else(|| Incomplete::Pair(hashed()))?;
        if let Some(part) = parts.iter_mut().find(|(known, _)| *known == name) {
            if !part.1.is_empty() {
                return Err(Incomplete::DoubledPart { name: part.0 }.into());
            }
            part.1 = value;
        }
    }
    let missing: Vec<&str> = parts
        .iter()
        .filter(|(_, value)| value.is_empty())
        .map(|(name, _)| *name)
        .collect();
    let date = request
        .headers
        .get("x-amz-date")
        .or_else(|| request.headers.get("date"));
    let Some(date) = date.filter(|_| missing.is_empty()) else {
        let (undated, hashed) = (date.is_none(), hashed());
        return Err(Incomplete::Header {
            missing,
            undated,
            hashed,
        }
        .into());
    };
    let written = date.to_str().map_err(|_| Incomplete::Date {
        got: cut(date.as_bytes()),
    })?;
    let [(_, credential), (_, signature), (_, signed_headers)] = parts;
    Ok(SignatureParts {
        form: Form::Header,
        algorithm,
        credential,
        signed_headers,
        signature,
        written,
        date: amz_date::parse(written)?,
        lifetime: amz_date::SKEW,
        session_token: match request.headers.get("x-amz-security-token") {
            // A token that isn't text is unknown.
            Some(token) => Some(token.to_str().map_err(|_| SignatureError::UnknownKey)?),
            None => None,
        },
    })
}
