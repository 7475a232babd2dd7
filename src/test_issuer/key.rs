//! The issuer's signing key: ECDSA on P-256 (ES256), made at the start and stored nowhere.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The key could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the key of the test issuer can't be made")]
pub struct TestKeyError;

/// The signing key.
#[derive(Debug)]
pub(super) struct TestKey {
    pair: EcdsaKeyPair,
    jwk: Value,
    /// The first part of its tokens.
    header: String,
}

impl TestKey {
    pub(super) fn make() -> Result<Self, TestKeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let pair = pair.map_err(|_| TestKeyError)?;
        // The point in uncompressed form: 4, and the coordinates of 32 bytes each.
        let point = pair.public_key().as_ref();
        let (x, y) = point
            .get(1..)
            .and_then(|coordinates| coordinates.split_at_checked(32))
            .ok_or(TestKeyError)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()));
        let header = format!(r#"{{"kid":"{kid}","typ":"JWT","alg":"ES256"}}"#);
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": kid,
        });
        Ok(Self {
            pair,
            jwk,
            header: URL_SAFE_NO_PAD.encode(header),
        })
    }

    /// Its entry in the key set.
    pub(super) fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// Signs claims as a compact JWS.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let mut token = format!(
            "{}.{}",
            self.header,
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self
            .pair
            .sign(&SystemRandom::new(), token.as_bytes())
            .expect("a key that was made can sign");
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut token);
        token
    }
}
