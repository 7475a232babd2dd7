//! A key that signs OpenID tokens: RSA with 2,048 bits, RS512, published with its own certificate.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA512};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{CertificateParams, DistinguishedName, DnType, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// A new key, with everything that must be stored.
pub struct NewSigningKey {
    /// The RFC 7638 thumbprint: the `kid`.
    pub id: String,
    /// The private key, PKCS #8 DER.
    pub private: Zeroizing<Vec<u8>>,
    /// The self-signed certificate in DER: some verifiers (Ceph's STS) read keys only from certificates.
    pub certificate: Vec<u8>,
}

/// A signing key, ready for use.
pub struct SigningKey {
    pair: KeyPair,
    header: String,
    jwk: Value,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// Why a signing key can't be made or read.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The library can't generate a key.
    #[error("a signing key can't be made")]
    NotMade,
    /// The stored bytes aren't a key.
    #[error("a stored signing key can't be read")]
    Unreadable,
    /// The key's certificate can't be made.
    #[error("a signing key's certificate can't be made")]
    Certificate(#[source] rcgen::Error),
}

impl NewSigningKey {
    /// Generates a key, with a certificate that is valid from a day before `now` for ten years.
    pub fn make(now: Timestamp) -> Result<Self, SigningKeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| SigningKeyError::NotMade)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| SigningKeyError::NotMade)?;
        let private = Zeroizing::new(der.as_ref().to_vec());
        let certificate = certificate(&private, now).map_err(SigningKeyError::Certificate)?;
        let (modulus, exponent) = components(&pair);
        Ok(Self {
            id: thumbprint(&modulus, &exponent),
            private,
            certificate,
        })
    }
}

impl SigningKey {
    /// Reads a stored key.
    pub fn read(private: &[u8], certificate: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = KeyPair::from_pkcs8(private).map_err(|_| SigningKeyError::Unreadable)?;
        let (modulus, exponent) = components(&pair);
        let id = thumbprint(&modulus, &exponent);
        // The header has exactly these three members, in this order.
        let header = format!(r#"{{"kid":"{id}","typ":"JWS","alg":"RS512"}}"#);
        let jwk = json!({
            "kty": "RSA",
            "alg": "RS512",
            "use": "sig",
            "kid": id,
            "n": URL_SAFE_NO_PAD.encode(&modulus),
            "e": URL_SAFE_NO_PAD.encode(&exponent),
            "x5c": [STANDARD.encode(certificate)],
        });
        let header = URL_SAFE_NO_PAD.encode(header);
        Ok(Self {
            pair,
            header,
            jwk,
            modulus,
            exponent,
        })
    }

    /// The first part of the key's tokens, which has the key's id.
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    /// The key's entry in the key set.
    pub(super) fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// Signs the claims as a compact JWS.
    pub(super) fn sign(&self, claims: &[u8]) -> String {
        let mut token = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA512,
                &rand::SystemRandom::new(),
                token.as_bytes(),
                &mut signature,
            )
            .expect("a key that was read can sign");
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// Whether the header of `message` (`HEADER.PAYLOAD`) is this key's own, compared as bytes.
    pub(super) fn made_header_of(&self, message: &str) -> bool {
        message
            .split_once('.')
            .is_some_and(|(header, _)| header == self.header)
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        PublicKeyComponents {
            n: &self.modulus,
            e: &self.exponent,
        }
        .verify(&RSA_PKCS1_2048_8192_SHA512, message, signature)
        .is_ok()
    }
}

/// The modulus and the exponent, each in the minimal number of bytes (RFC 7518, section 6.3.1).
fn components(pair: &KeyPair) -> (Vec<u8>, Vec<u8>) {
    let public = pair.public_key();
    let modulus = public.modulus().big_endian_without_leading_zero().to_vec();
    let exponent = public.exponent().big_endian_without_leading_zero().to_vec();
    (modulus, exponent)
}

/// The key's thumbprint. <https://www.rfc-editor.org/rfc/rfc7638>
fn thumbprint(modulus: &[u8], exponent: &[u8]) -> String {
    let (n, e) = (
        URL_SAFE_NO_PAD.encode(modulus),
        URL_SAFE_NO_PAD.encode(exponent),
    );
    let text = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

fn certificate(private: &[u8], now: Timestamp) -> Result<Vec<u8>, rcgen::Error> {
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&private.into(), &PKCS_RSA_SHA256)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Cognate OpenID token signing");
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name;
    let date = |days: i32, years: i32| {
        let day = now.to_zoned(TimeZone::UTC).date();
        let (year, month) = (i32::from(day.year()) + years, day.month().unsigned_abs());
        let day = (i32::from(day.day()) + days).clamp(1, 28);
        rcgen::date_time_ymd(year, month, u8::try_from(day).unwrap_or(1))
    };
    parameters.not_before = date(-1, 0);
    parameters.not_after = date(0, 10);
    Ok(parameters.self_signed(&key)?.der().to_vec())
}
