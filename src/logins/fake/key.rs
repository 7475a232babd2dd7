use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Making one takes a while, so all tests share it.
static RSA: LazyLock<rsa::KeyPair> =
    LazyLock::new(|| rsa::KeyPair::generate(KeySize::Rsa2048).unwrap());

/// A key that signs tokens.
pub(in crate::logins) struct TestKey {
    kid: Option<String>,
    pair: Pair,
}

enum Pair {
    Rsa,
    Elliptic(&'static str, EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

impl TestKey {
    /// The RSA key of all tests, under this id.
    pub(in crate::logins) fn rsa(kid: &str) -> Self {
        let pair = Pair::Rsa;
        let kid = Some(kid.to_owned());
        Self { kid, pair }
    }

    pub(in crate::logins) fn p256(kid: &str) -> Self {
        Self::elliptic(kid, "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    pub(in crate::logins) fn p384(kid: &str) -> Self {
        Self::elliptic(kid, "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING)
    }

    pub(in crate::logins) fn p521(kid: &str) -> Self {
        Self::elliptic(kid, "P-521", &ECDSA_P521_SHA512_FIXED_SIGNING)
    }

    fn elliptic(kid: &str, curve: &'static str, algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        let pair = Pair::Elliptic(curve, EcdsaKeyPair::generate(algorithm).unwrap());
        let kid = Some(kid.to_owned());
        Self { kid, pair }
    }

    /// An Ed25519 key of its own for each id: the cheapest kind.
    pub(in crate::logins) fn edwards(kid: &str) -> Self {
        let pair = Pair::Edwards(Ed25519KeyPair::generate().unwrap());
        let kid = Some(kid.to_owned());
        Self { kid, pair }
    }

    /// The same without an id.
    pub(in crate::logins) fn nameless(mut self) -> Self {
        self.kid = None;
        self
    }

    /// The algorithm that its tokens name unless told otherwise.
    pub(in crate::logins) fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Rsa => "RS256",
            Pair::Elliptic("P-256", _) => "ES256",
            Pair::Elliptic("P-384", _) => "ES384",
            Pair::Elliptic(..) => "ES512",
            Pair::Edwards(_) => "EdDSA",
        }
    }

    /// The public key, with `kid` and without `alg` and `use`.
    pub(in crate::logins) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rsa => {
                let public = RSA.public_key();
                json!({
                    "kty": "RSA",
                    "n": text(public.modulus().big_endian_without_leading_zero()),
                    "e": text(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Pair::Elliptic(curve, pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) })
            }
            Pair::Edwards(pair) => {
                let x = text(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
        };
        if let Some(kid) = &self.kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    /// A token with these claims and a usual header.
    pub(in crate::logins) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({}), claims)
    }

    /// A token with these claims and a usual header into which `more` is written; a null takes a member away.
    pub(in crate::logins) fn token_with(&self, more: &Value, claims: &Value) -> String {
        let mut header = json!({ "alg": self.algorithm(), "typ": "JWT" });
        if let Some(kid) = &self.kid {
            header["kid"] = json!(kid);
        }
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        header.as_object_mut().unwrap().retain(|_, v| !v.is_null());
        self.sign(header.to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A JWS with exactly this header and payload, signed as the header says where that can be done.
    pub(in crate::logins) fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let signed = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
        let signed = signed.join(".");
        let header: Value = crate::model::json::read(header).unwrap_or_default();
        let signature = self.signature(header["alg"].as_str(), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn signature(&self, algorithm: Option<&str>, signed: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa => {
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    Some("RS384") => &RSA_PKCS1_SHA384,
                    Some("RS512") => &RSA_PKCS1_SHA512,
                    Some("PS256") => &RSA_PSS_SHA256,
                    Some("PS384") => &RSA_PSS_SHA384,
                    Some("PS512") => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; RSA.public_modulus_len()];
                RSA.sign(encoding, &random, signed, &mut signature).unwrap();
                signature
            }
            Pair::Elliptic(_, pair) => pair.sign(&random, signed).unwrap().as_ref().to_vec(),
            Pair::Edwards(pair) => pair.sign(signed).as_ref().to_vec(),
        }
    }
}
