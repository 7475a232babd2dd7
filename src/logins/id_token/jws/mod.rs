//! A compact JWS, and the one function that verifies its signature with a key set. The payload isn't read here: see
//! `jwt` and `claims`.
//!
//! <https://www.rfc-editor.org/rfc/rfc7515>, as narrow as RFC 8725 advises: the algorithm is the key's, the header names
//! a key only by its id, and a header that changes what is signed or must be understood is refused.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::logins::jwks::{JwkSet, JwsAlgorithm, VerificationKey};
use crate::model::json;

/// The number of keys that are tried for a token without a key id.
const TRIES: usize = 3;

/// A compact JWS with a signature that isn't verified yet.
#[derive(Debug)]
pub struct Jws<'t> {
    /// The signed bytes: the first two parts and the dot between them.
    signed: Cow<'t, str>,
    signature: Vec<u8>,
    header: Map<String, Value>,
    payload: Vec<u8>,
}

/// Why a string isn't a compact JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsFormatError {
    /// The string doesn't have three parts with dots between them.
    #[error("it isn't three parts")]
    Parts,
    /// A part isn't base64url, is padded, or has trailing bits.
    #[error("a part isn't canonical base64url")]
    Base64,
    /// The header isn't one strict JSON object.
    #[error("the header isn't a strict JSON object")]
    Header,
}

/// Why a key set doesn't verify a JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// The algorithm isn't allowed, or isn't the key's.
    #[error("the algorithm isn't one of the provider's, or not the key's")]
    Algorithm,
    /// The header has `crit` or `b64`, which aren't supported.
    #[error("the header has an extension")]
    Extension,
    /// The key id isn't a string.
    #[error("the key id isn't a string")]
    KeyId,
    /// The set has no key with this id.
    #[error("the issuer has no such key")]
    UnknownKey,
    /// The key with this id isn't trusted: it is weak, private, or for another use.
    #[error("the key isn't fit for signatures")]
    UnfitKey,
    /// Several keys with this id have the algorithm.
    #[error("several keys have this id")]
    AmbiguousKey,
    /// The signature isn't the key's.
    #[error("the signature is wrong")]
    Signature,
}

impl<'t> Jws<'t> {
    /// Splits `text` into its parts. The signature is decoded, not verified.
    pub fn parse(text: &'t str) -> Result<Self, JwsFormatError> {
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsFormatError::Parts);
        };
        let signed = &text[..header.len() + 1 + payload.len()];
        let header = decode(header)?;
        let payload = decode(payload)?;
        let signature = decode(signature)?;
        let Ok(Value::Object(header)) = json::read(&header) else {
            return Err(JwsFormatError::Header);
        };
        Ok(Self {
            signed: Cow::Borrowed(signed),
            signature,
            header,
            payload,
        })
    }

    /// A copy without the text that it was read from, and without its payload.
    pub(in crate::logins) fn to_static(&self) -> Jws<'static> {
        Jws {
            signed: Cow::Owned(self.signed.clone().into_owned()),
            signature: self.signature.clone(),
            header: self.header.clone(),
            payload: Vec::new(),
        }
    }

    /// The header `name`.
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// The payload, decoded.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The id of the signing key according to the header; `Err` if it isn't a string.
    pub fn key_id(&self) -> Result<Option<&str>, JwsError> {
        match self.header.get("kid") {
            None => Ok(None),
            Some(Value::String(kid)) => Ok(Some(kid)),
            Some(_) => Err(JwsError::KeyId),
        }
    }

    /// The algorithm, one of `allowed`. A refusal here doesn't depend on the keys.
    pub fn algorithm(&self, allowed: &[JwsAlgorithm]) -> Result<JwsAlgorithm, JwsError> {
        if self.header.contains_key("crit") || self.header.contains_key("b64") {
            return Err(JwsError::Extension);
        }
        let named = self.header.get("alg").and_then(Value::as_str);
        named
            .and_then(|name| name.parse().ok())
            .filter(|algorithm| allowed.contains(algorithm))
            .ok_or(JwsError::Algorithm)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JwsFormatError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| JwsFormatError::Base64)
}

/// The longest signature that costs less than a millisecond, in bytes: that of an RSA key of 4,096 bits.
const SMALL_SIGNATURE: usize = 512;

/// What [`verify`] costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::logins) enum VerificationCost {
    /// At most a tenth of a millisecond.
    Low,
    /// At most a millisecond: the curve is large.
    Middle,
    /// Perhaps more: the RSA key is large, or several keys may be tried.
    High,
}

/// What [`verify`] with these keys costs.
pub(in crate::logins) fn cost(
    jws: &Jws<'_>,
    keys: &JwkSet,
    allowed: &[JwsAlgorithm],
) -> VerificationCost {
    let Ok(algorithm) = jws.algorithm(allowed) else {
        return VerificationCost::Low;
    };
    let fits = || keys.keys().filter(|key| key.fits(algorithm));
    if jws.signature.len() > SMALL_SIGNATURE
        || jws.key_id().is_ok_and(|id| id.is_none()) && fits().nth(1).is_some()
    {
        return VerificationCost::High;
    }
    match algorithm {
        JwsAlgorithm::ES384 | JwsAlgorithm::ES512 => VerificationCost::Middle,
        _ => VerificationCost::Low,
    }
}

/// Verifies that one of `keys` signed `jws`, with one of the algorithms `allowed` that is also the key's own.
pub fn verify(jws: &Jws<'_>, keys: &JwkSet, allowed: &[JwsAlgorithm]) -> Result<(), JwsError> {
    verify_by(jws, keys, allowed, VerificationKey::verifies)
}

/// Does as [`verify`], where `verifies` says whether a signature of a message is that of a key.
pub(in crate::logins) fn verify_by(
    jws: &Jws<'_>,
    keys: &JwkSet,
    allowed: &[JwsAlgorithm],
    verifies: impl Fn(&VerificationKey, JwsAlgorithm, &[u8], &[u8]) -> bool,
) -> Result<(), JwsError> {
    let algorithm = jws.algorithm(allowed)?;
    let verifies =
        |key: &VerificationKey| verifies(key, algorithm, jws.signed.as_bytes(), &jws.signature);
    let Some(kid) = jws.key_id()? else {
        let mut fitting = keys.keys().filter(|key| key.fits(algorithm)).take(TRIES);
        return if fitting.any(verifies) {
            Ok(())
        } else if keys.keys().any(|key| key.id().is_none()) {
            // The issuer's keys have no ids, so a new key looks like a wrong signature.
            Err(JwsError::UnknownKey)
        } else {
            Err(JwsError::Signature)
        };
    };
    let mut named = keys.keys().filter(|key| key.id() == Some(kid)).peekable();
    if named.peek().is_none() {
        return Err(if keys.rejects(kid) {
            JwsError::UnfitKey
        } else {
            JwsError::UnknownKey
        });
    }
    let mut fitting = named.filter(|key| key.fits(algorithm));
    match (fitting.next(), fitting.next()) {
        (Some(key), None) if verifies(key) => Ok(()),
        (Some(_), None) => Err(JwsError::Signature),
        (Some(_), Some(_)) => Err(JwsError::AmbiguousKey),
        (None, _) => Err(JwsError::Algorithm),
    }
}
