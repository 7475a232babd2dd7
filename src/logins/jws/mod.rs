//! The layer of signatures: a compact JWS, and the one function that says whether a key set vouches for it. What the
//! payload says is no matter here: see `jwt` and `claims`.
//!
//! <https://www.rfc-editor.org/rfc/rfc7515>, as narrow as RFC 8725 advises: the algorithm is the key's, no header names
//! a key but by its id, and a header that changes what is signed or must be understood is refused.

#[cfg(test)]
mod tests;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::jwks::{Key, KeySet};
use crate::model::json;

/// How many keys are tried for a token that doesn't say which key signed it.
const TRIES: usize = 8;

/// A compact JWS that nobody has checked.
#[derive(Debug)]
pub struct Jws<'t> {
    /// The first two parts and the dot between them: what is signed.
    signed: &'t str,
    signature: Vec<u8>,
    header: Map<String, Value>,
    payload: Vec<u8>,
}

/// Why a text is no compact JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not three parts with dots between them.
    #[error("it isn't three parts")]
    Parts,
    /// A part that isn't base64url, padded, or with bits left over.
    #[error("a part isn't canonical base64url")]
    Base64,
    /// A header that isn't one strict JSON object.
    #[error("the header isn't a strict JSON object")]
    Header,
}

/// Why a key set doesn't vouch for a JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// An algorithm that isn't allowed, or not the key's.
    #[error("the algorithm isn't one of the provider's, or not the key's")]
    Algorithm,
    /// A header that must be understood, or that changes what is signed.
    #[error("the header has an extension")]
    Extension,
    /// A key id that isn't text.
    #[error("the key id isn't text")]
    KeyId,
    /// No such key in the set.
    #[error("the issuer has no such key")]
    UnknownKey,
    /// The key of that id isn't one that is trusted: weak, private, or for another use.
    #[error("the key isn't fit for signatures")]
    UnfitKey,
    /// Several keys of that id that all fit.
    #[error("several keys have this id")]
    AmbiguousKey,
    /// The key says no.
    #[error("the signature is wrong")]
    Signature,
}

impl<'t> Jws<'t> {
    /// Takes `text` apart. The signature is only decoded, not checked.
    pub fn parse(text: &'t str) -> Result<Self, Malformed> {
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Malformed::Parts);
        };
        let signed = &text[..header.len() + 1 + payload.len()];
        let header = decode(header)?;
        let payload = decode(payload)?;
        let signature = decode(signature)?;
        let Ok(Value::Object(header)) = json::read(&header) else {
            return Err(Malformed::Header);
        };
        Ok(Self {
            signed,
            signature,
            header,
            payload,
        })
    }

    /// The header `name`.
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// What is signed, decoded.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The id of the key that is said to have signed, where there is one; `Err` where it isn't text.
    pub fn key_id(&self) -> Result<Option<&str>, Refused> {
        match self.header.get("kid") {
            None => Ok(None),
            Some(Value::String(kid)) => Ok(Some(kid)),
            Some(_) => Err(Refused::KeyId),
        }
    }

    /// The algorithm, one of `allowed`; what is refused here is refused whatever the keys are.
    pub fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, Refused> {
        if self.header.contains_key("crit") || self.header.contains_key("b64") {
            return Err(Refused::Extension);
        }
        let named = self.header.get("alg").and_then(Value::as_str);
        named
            .and_then(|name| name.parse().ok())
            .filter(|algorithm| allowed.contains(algorithm))
            .ok_or(Refused::Algorithm)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Malformed> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Malformed::Base64)
}

/// Whether one of `keys` signed `jws`, with one of the algorithms `allowed` that is also the key's own.
pub fn verify(jws: &Jws<'_>, keys: &KeySet, allowed: &[Algorithm]) -> Result<(), Refused> {
    let algorithm = jws.algorithm(allowed)?;
    let vouches = |key: &Key| key.verifies(algorithm, jws.signed.as_bytes(), &jws.signature);
    let Some(kid) = jws.key_id()? else {
        let mut fitting = keys.keys().filter(|key| key.fits(algorithm)).take(TRIES);
        return if fitting.any(vouches) {
            Ok(())
        } else if keys.keys().any(|key| key.id().is_none()) {
            // The issuer doesn't name its keys, so a new one can't be told from a wrong signature.
            Err(Refused::UnknownKey)
        } else {
            Err(Refused::Signature)
        };
    };
    let mut named = keys.keys().filter(|key| key.id() == Some(kid)).peekable();
    if named.peek().is_none() {
        return Err(if keys.leaves_out(kid) {
            Refused::UnfitKey
        } else {
            Refused::UnknownKey
        });
    }
    let mut fitting = named.filter(|key| key.fits(algorithm));
    match (fitting.next(), fitting.next()) {
        (Some(key), None) if vouches(key) => Ok(()),
        (Some(_), None) => Err(Refused::Signature),
        (Some(_), Some(_)) => Err(Refused::AmbiguousKey),
        (None, _) => Err(Refused::Algorithm),
    }
}
