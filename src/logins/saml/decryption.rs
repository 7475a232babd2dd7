//! The private keys of a provider's registration, and decryption with them. What is decrypted proves nothing: anybody can
//! encrypt for a public key.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey,
    PrivateDecryptingKey,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::encrypted::{ContentEncryption, EncryptedAssertion, KeyTransport, NONCE};

/// The private keys that a provider may have: the one in use and the next one.
pub const MOST_KEYS: usize = 2;

/// The size of a key's modulus, in bits. A larger one would make each response expensive.
const BITS: RangeInclusive<usize> = 2048..=4096;

/// Why a string is no private key for assertions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// The string isn't one private key in PEM.
    #[error("it must be one private key in PEM, PKCS #8 or PKCS #1, and nothing else")]
    Malformed,
    /// The key is protected by a passphrase.
    #[error("it is protected by a passphrase: remove it with `openssl pkey`")]
    Protected,
    /// The key isn't RSA, or has an unsupported size.
    #[error("it must be an RSA key of 2048 to 4096 bits")]
    Kind,
}

/// A private key that decrypts assertions. It isn't printed, and is wiped from memory when dropped.
#[derive(Clone)]
pub struct DecryptionKey(Arc<Zeroizing<Vec<u8>>>);

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DecryptionKey")
    }
}

impl DecryptionKey {
    /// The key of a PEM file.
    pub fn from_pem(pem: &str) -> Result<Self, PrivateKeyError> {
        let pem = pem.trim();
        if pem.contains(" ENCRYPTED ") || pem.contains(",ENCRYPTED") {
            return Err(PrivateKeyError::Protected);
        }
        let is_alone = pem.starts_with("-----BEGIN ")
            && pem.matches("-----BEGIN ").count() == 1
            && pem.ends_with("PRIVATE KEY-----");
        if !is_alone {
            return Err(PrivateKeyError::Malformed);
        }
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
        let key = Zeroizing::new(key.map_err(|_| PrivateKeyError::Malformed)?);
        let der = match &*key {
            PrivateKeyDer::Pkcs8(key) => Zeroizing::new(key.secret_pkcs8_der().to_vec()),
            PrivateKeyDer::Pkcs1(key) => {
                let pair = KeyPair::from_der(key.secret_pkcs1_der());
                let pair = pair.map_err(|_| PrivateKeyError::Kind)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| PrivateKeyError::Kind)?;
                Zeroizing::new(der.as_ref().to_vec())
            }
            _ => return Err(PrivateKeyError::Kind),
        };
        let key = PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| PrivateKeyError::Kind)?;
        if !BITS.contains(&key.key_size_bits()) {
            return Err(PrivateKeyError::Kind);
        }
        Ok(Self(Arc::new(der)))
    }

    /// The key with these bytes, which are those of [`DecryptionKey::bytes`].
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }

    /// The key's bytes, for sealing them: DER of PKCS #8.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are the same key, in constant time.
    pub fn is(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.bytes(), other.bytes()).is_ok()
    }

    /// The content of `assertion`, if it was encrypted for this key. A wrapped key that doesn't open costs as much as one
    /// that does: the content is opened with another key, and refused.
    fn decrypt(&self, assertion: &EncryptedAssertion<'_>) -> Option<String> {
        let algorithm = match assertion.content {
            ContentEncryption::Aes128Gcm => &AES_128_GCM,
            ContentEncryption::Aes256Gcm => &AES_256_GCM,
        };
        let key = self.unwrap(assertion);
        let key = key.filter(|key| key.len() == algorithm.key_len());
        let no_key = [0; 32];
        let is_unwrapped = key.is_some();
        let bytes = key
            .as_deref()
            .map_or(&no_key[..algorithm.key_len()], |key| key);
        let content_key = UnboundKey::new(algorithm, bytes).ok()?;
        let (nonce, sealed) = assertion.sealed.split_first_chunk::<NONCE>()?;
        let mut content = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = LessSafeKey::new(content_key).open_in_place(nonce, Aad::empty(), &mut content);
        let length = opened.ok().filter(|_| is_unwrapped)?.len();
        content.truncate(length);
        String::from_utf8(content).ok()
    }

    /// The key of the content.
    fn unwrap(&self, assertion: &EncryptedAssertion<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let key = PrivateDecryptingKey::from_pkcs8(&self.0).ok()?;
        let key = OaepPrivateDecryptingKey::new(key).ok()?;
        if assertion.wrapped_key.len() != key.key_size_bytes() {
            return None;
        }
        let algorithm = match assertion.transport {
            KeyTransport::OaepSha1 => &OAEP_SHA1_MGF1SHA1,
            KeyTransport::OaepSha256 => &OAEP_SHA256_MGF1SHA256,
        };
        let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
        let unwrapped = key.decrypt(algorithm, &assertion.wrapped_key, &mut buffer, None);
        let length = unwrapped.ok()?.len();
        buffer.truncate(length);
        Some(buffer)
    }
}

/// The text of `assertion`, if it was encrypted for one of `keys`. All of them are tried.
pub(super) fn decrypt(
    assertion: &EncryptedAssertion<'_>,
    keys: &[DecryptionKey],
) -> Option<String> {
    let tried = keys
        .iter()
        .take(MOST_KEYS)
        .map(|key| key.decrypt(assertion));
    tried.fold(None, Option::or)
}
