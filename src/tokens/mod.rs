//! OpenID tokens of this server: issuing and verifying them, the discovery document and the key set. `logins` verifies
//! tokens of other issuers.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use memchr::memmem::Finder;
use serde_json::Value;

use self::reuse::IssuedTokens;
use crate::blocking::{BlockingPool, PoolFull};
use crate::model::json;

mod claims;
mod discovery;
mod reuse;
mod signing_key;

pub use claims::{OwnToken, TokenClaims};
pub use signing_key::{NewSigningKey, SigningKey, SigningKeyError};

/// The longest token that is read, in characters.
const LONGEST: usize = 20_000;

/// Issues OpenID tokens and verifies its own.
pub struct Tokens {
    issuer: String,
    keys: ArcSwap<SigningKeys>,
    issued: IssuedTokens,
    pool: Arc<BlockingPool>,
    /// The issuers of this server and of the real service, to search for.
    own_issuers: [Finder<'static>; 2],
}

/// The issuer of the real service.
const REAL_ISSUER: &str = "https://cognito-identity.amazonaws.com";

/// The current, the next and the retired signing keys, in the order of the key set.
pub struct SigningKeys {
    /// The key that signs tokens now.
    pub current: SigningKey,
    /// The key that replaces the current one at the next rotation.
    pub next: SigningKey,
    /// Retired keys, and the end of trust in each.
    pub retired: Vec<(SigningKey, Timestamp)>,
}

impl SigningKeys {
    fn trusted(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        let retired = self.retired.iter().filter(move |(_, until)| now < *until);
        [&self.current, &self.next]
            .into_iter()
            .chain(retired.map(|(key, _)| key))
    }
}

/// Why a token isn't a valid token of this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OwnTokenError {
    /// The token isn't a JWT in this issuer's form.
    #[error("not a token of this server")]
    Malformed,
    /// The token names another issuer.
    #[error("a token of another issuer")]
    Issuer,
    /// No trusted key of this server verifies the signature.
    #[error("the signature is not this server's")]
    Signature,
    /// Too many signatures wait for a turn.
    #[error(transparent)]
    Overloaded(#[from] PoolFull),
    /// The token has expired.
    #[error("expired: {now} >= {expires}")]
    Expired {
        /// The call's time, in seconds since 1970.
        now: i64,
        /// The claim `exp`.
        expires: i64,
    },
}

impl Tokens {
    /// Starts with these keys as `issuer` (this server's public URL); [`Tokens::use_keys`] replaces the keys. The keys sign and
    /// verify on the threads of `pool`.
    pub fn new(issuer: String, keys: SigningKeys, pool: Arc<BlockingPool>) -> Self {
        let own_issuers = [issuer.as_str(), REAL_ISSUER];
        Self {
            own_issuers: own_issuers.map(|issuer| Finder::new(issuer).into_owned()),
            keys: ArcSwap::from_pointee(keys),
            issued: IssuedTokens::new(),
            pool,
            issuer,
        }
    }

    /// Replaces the keys from now on.
    pub fn use_keys(&self, keys: SigningKeys) {
        self.keys.store(Arc::new(keys));
    }

    /// The issuer, the claim `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs a token (RS512) with these claims, which costs an RSA signature.
    pub async fn issue(&self, claims: &TokenClaims<'_>) -> Result<String, PoolFull> {
        self.sign(self.keys.load_full(), claims).await
    }

    async fn sign(
        &self,
        keys: Arc<SigningKeys>,
        claims: &TokenClaims<'_>,
    ) -> Result<String, PoolFull> {
        let text = claims.text(&self.issuer);
        self.pool.run(move || keys.current.sign(&text)).await
    }

    /// A token with these claims that was issued before and has more than half of its life left, or a new one. The caller
    /// checks that the identity may have it, each time.
    pub async fn issue_or_reuse(&self, claims: &TokenClaims<'_>) -> Result<String, PoolFull> {
        let keys = self.keys.load_full();
        let hash = reuse::hash(&keys.current, claims, &self.issuer);
        if let Some(token) = self.issued.find(&hash, claims) {
            return Ok(token);
        }
        let token = self.sign(keys, claims).await?;
        self.issued.keep(hash, token.clone(), claims);
        Ok(token)
    }

    /// Whether `token` names this server or the real service as its issuer; nothing is verified.
    pub fn claims_to_be_own(&self, token: &str) -> bool {
        // A search of the text rules out nearly every other issuer's token without parsing: JSON without escapes
        // contains each of its strings literally.
        let may_name = |text: &[u8]| {
            let mut issuers = self.own_issuers.iter();
            text.contains(&b'\\') || issuers.any(|issuer| issuer.find(text).is_some())
        };
        if !payload_text(token).is_ok_and(|text| may_name(&text)) {
            return false;
        }
        unverified_issuer(token)
            .is_some_and(|issuer| issuer == self.issuer || issuer == REAL_ISSUER)
    }

    /// Verifies a token of this server at `now`.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<OwnToken, OwnTokenError> {
        let payload = payload(token)?;
        if payload.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(OwnTokenError::Issuer);
        }
        let own = OwnToken::read(&payload).ok_or(OwnTokenError::Malformed)?;
        let (message, signature) = token.rsplit_once('.').ok_or(OwnTokenError::Malformed)?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| OwnTokenError::Malformed)?;
        let keys = self.keys.load_full();
        if !keys.trusted(now).any(|key| key.made_header_of(message)) {
            return Err(OwnTokenError::Signature);
        }
        let message = message.to_owned();
        let verify = move || {
            let key = keys.trusted(now).find(|key| key.made_header_of(&message));
            key.is_some_and(|key| key.verifies(message.as_bytes(), &signature))
        };
        if !self.pool.run(verify).await? {
            return Err(OwnTokenError::Signature);
        }
        if now >= own.expires {
            return Err(OwnTokenError::Expired {
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

    /// The key set at `now`, as JSON: the current key, the next key, then retired keys.
    pub fn key_set(&self, now: Timestamp) -> Value {
        let keys = self.keys.load();
        serde_json::json!({ "keys": keys.trusted(now).map(SigningKey::jwk).collect::<Vec<_>>() })
    }
}

/// Reads the claim `iss` of a token; nothing is verified.
pub fn unverified_issuer(token: &str) -> Option<String> {
    match payload(token).ok()?.get_mut("iss")?.take() {
        Value::String(issuer) => Some(issuer),
        _ => None,
    }
}

fn payload(token: &str) -> Result<Value, OwnTokenError> {
    match json::read(&payload_text(token)?) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(OwnTokenError::Malformed),
    }
}

fn payload_text(token: &str) -> Result<Vec<u8>, OwnTokenError> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(OwnTokenError::Malformed);
    };
    if token.len() > LONGEST {
        return Err(OwnTokenError::Malformed);
    }
    URL_SAFE_NO_PAD
        .decode(payload)
        .map_err(|_| OwnTokenError::Malformed)
}

#[cfg(test)]
mod tests;
