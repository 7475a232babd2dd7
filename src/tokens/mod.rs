//! OpenID tokens of this server: issuing them, verifying them, and the documents by which others verify them. Tokens of
//! other issuers are the business of `logins`.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

use crate::model::json;

mod claims;
mod discovery;
mod signing_key;

pub use claims::{Claims, OwnToken};
pub use signing_key::{NewSigningKey, SigningKey, SigningKeyError};

/// The longest token that is looked at, in characters.
const LONGEST: usize = 20_000;

/// Issues OpenID tokens, and knows its own again.
pub struct Tokens {
    issuer: String,
    keys: ArcSwap<SigningKeys>,
}

/// The keys that sign, will sign or have signed, in the order in which they are published.
pub struct SigningKeys {
    /// The key that signs.
    pub current: SigningKey,
    /// The key that signs next.
    pub next: SigningKey,
    /// Keys that have signed, and until when they are believed.
    pub retired: Vec<(SigningKey, Timestamp)>,
}

impl SigningKeys {
    fn believed(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        let retired = self.retired.iter().filter(move |(_, until)| now < *until);
        [&self.current, &self.next]
            .into_iter()
            .chain(retired.map(|(key, _)| key))
    }
}

/// Why a text is no token of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOwn {
    /// It isn't a JWT, or not one of this issuer's form.
    #[error("not a token of this server")]
    Malformed,
    /// It says that another issuer made it.
    #[error("a token of another issuer")]
    Issuer,
    /// No key of this server verifies it.
    #[error("the signature is not this server's")]
    Signature,
    /// It has expired.
    #[error("expired: {now} >= {expires}")]
    Expired {
        /// The moment, in seconds since the epoch.
        now: i64,
        /// Its `exp`.
        expires: i64,
    },
}

impl Tokens {
    /// Tokens of `issuer` (this server's public URL), under these keys until [`Tokens::use_keys`] brings others.
    pub fn new(issuer: String, keys: SigningKeys) -> Self {
        let keys = ArcSwap::from_pointee(keys);
        Self { issuer, keys }
    }

    /// From now on, these keys.
    pub fn use_keys(&self, keys: SigningKeys) {
        self.keys.store(Arc::new(keys));
    }

    /// What its tokens say in `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs a token (RS512) with these claims. It costs an RSA signature.
    pub fn issue(&self, claims: &Claims<'_>) -> String {
        self.keys.load().current.sign(&claims.text(&self.issuer))
    }

    /// Whether `token` says of itself that this server, or the real service, issued it; nothing is verified.
    pub fn claims_to_be_own(&self, token: &str) -> bool {
        let issuers = [&self.issuer, "https://cognito-identity.amazonaws.com"];
        // Nearly every token is another issuer's, and that shows unread: a JSON text without escapes that says
        // something contains it.
        let may_say = |text: &[u8]| {
            std::str::from_utf8(text)
                .is_ok_and(|text| text.contains('\\') || issuers.iter().any(|i| text.contains(*i)))
        };
        if !payload_text(token).is_ok_and(|text| may_say(&text)) {
            return false;
        }
        unverified_issuer(token).is_some_and(|issuer| issuers.contains(&issuer.as_str()))
    }

    /// Verifies a token of this server at `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<OwnToken, NotOwn> {
        let payload = payload(token)?;
        if payload.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(NotOwn::Issuer);
        }
        let own = OwnToken::read(&payload).ok_or(NotOwn::Malformed)?;
        let (message, signature) = token.rsplit_once('.').ok_or(NotOwn::Malformed)?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| NotOwn::Malformed)?;
        let keys = self.keys.load();
        let key = keys.believed(now).find(|key| key.made_header_of(message));
        if !key.is_some_and(|key| key.verifies(message.as_bytes(), &signature)) {
            return Err(NotOwn::Signature);
        }
        if now >= own.expires {
            return Err(NotOwn::Expired {
                now: now.as_second(),
                expires: own.expires.as_second(),
            });
        }
        Ok(own)
    }

    /// The discovery document, as JSON.
    pub fn discovery(&self) -> Value {
        discovery::document(&self.issuer)
    }

    /// The key set at `now`, as JSON: the signing key first, the next one behind it, then those that have signed.
    pub fn key_set(&self, now: Timestamp) -> Value {
        let keys = self.keys.load();
        serde_json::json!({ "keys": keys.believed(now).map(SigningKey::jwk).collect::<Vec<_>>() })
    }
}

/// What a token says of itself in `iss`; nothing is verified.
pub fn unverified_issuer(token: &str) -> Option<String> {
    match payload(token).ok()?.get_mut("iss")?.take() {
        Value::String(issuer) => Some(issuer),
        _ => None,
    }
}

fn payload(token: &str) -> Result<Value, NotOwn> {
    match json::read(&payload_text(token)?) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(NotOwn::Malformed),
    }
}

fn payload_text(token: &str) -> Result<Vec<u8>, NotOwn> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(NotOwn::Malformed);
    };
    if token.len() > LONGEST {
        return Err(NotOwn::Malformed);
    }
    URL_SAFE_NO_PAD
        .decode(payload)
        .map_err(|_| NotOwn::Malformed)
}

#[cfg(test)]
mod tests;
