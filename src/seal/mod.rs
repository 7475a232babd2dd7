//! Encryption (AES-256-GCM): secrets at rest under the master key, session tokens under a sealing key. Callers store the
//! keys and interpret the bytes.
//!
//! Each box has its own key, derived from the stored key and a random salt (HKDF), so no nonce can repeat. It opens only
//! with the purpose and the name that it was sealed for (associated data).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{self, HKDF_SHA256, KeyType, Prk};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::ambient::Ambient;

pub mod master_key;
pub mod master_keys;

/// The bytes of salt before the sealed bytes.
pub const SALT: usize = 16;

/// The bytes of the tag behind the sealed bytes.
const TAG: usize = 16;

/// A key of 256 bits. It isn't printed, and is wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// Makes a key of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Generates a new key.
    pub fn random(ambient: &dyn Ambient) -> Self {
        let mut bytes = [0; 32];
        ambient.fill(&mut bytes);
        Self(bytes)
    }

    /// The key's bytes, for sealing them under another key.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals `secret` for `purpose` and `name`: [`SALT`] bytes of salt, then as many bytes as `secret` has and 16 more.
    pub fn seal(&self, purpose: &str, name: &str, secret: &[u8], ambient: &dyn Ambient) -> Vec<u8> {
        let mut salt = [0; SALT];
        ambient.fill(&mut salt);
        self.box_key(&salt).seal(purpose, name, secret)
    }

    /// Opens a box of `purpose` and `name`; `None` if it was sealed for others or under another key.
    pub fn open(&self, purpose: &str, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let salt = sealed.first_chunk::<SALT>()?;
        self.box_key(salt).open(purpose, name, sealed)
    }

    /// Derives 32 bytes from this key, `purpose` and `name`, independent of every box.
    pub fn derive(&self, purpose: &str, name: &str) -> [u8; 32] {
        extract(&self.0, b"").derive(purpose, name)
    }

    /// The key of one box, with this salt. Two boxes must not have the same salt.
    pub fn box_key(&self, salt: &[u8; SALT]) -> BoxKey {
        BoxKey {
            secret: extract(&self.0, salt),
            salt: *salt,
        }
    }
}

/// The key of one box, from which further secrets can be derived.
pub struct BoxKey {
    secret: ExtractedSecret,
    salt: [u8; SALT],
}

impl BoxKey {
    /// Seals `secret` for `purpose` and `name`: [`SALT`] bytes of salt, then as many bytes as `secret` has and 16 more.
    pub fn seal(&self, purpose: &str, name: &str, secret: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(SALT + secret.len() + TAG);
        sealed.extend_from_slice(&self.salt);
        sealed.extend_from_slice(secret);
        let tag = self
            .cipher()
            .seal_in_place_separate_tag(
                still_nonce(),
                associated(purpose, name),
                &mut sealed[SALT..],
            )
            .expect("a box far below the cipher's limit");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens the box with the salt of this key; `None` if it was sealed for another purpose or name, or under another key.
    pub fn open(&self, purpose: &str, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (salt, sealed) = sealed.split_first_chunk::<SALT>()?;
        if *salt != self.salt {
            return None;
        }
        let mut sealed = sealed.to_vec();
        let plain = self
            .cipher()
            .open_in_place(still_nonce(), associated(purpose, name), &mut sealed)
            .ok()?
            .len();
        sealed.truncate(plain);
        Some(sealed)
    }

    /// Derives 32 bytes for `purpose` and `name`, independent of the box.
    pub fn derive(&self, purpose: &str, name: &str) -> [u8; 32] {
        self.secret.derive(purpose, name)
    }

    fn cipher(&self) -> LessSafeKey {
        let bytes = Zeroizing::new(self.secret.expand(&[b"seal"]));
        let key = UnboundKey::new(&AES_256_GCM, &*bytes).expect("32 bytes make a key");
        LessSafeKey::new(key)
    }
}

/// The result of the first step of HKDF (RFC 5869), which several keys are expanded from.
struct ExtractedSecret(Prk);

/// Extracts a secret from `key` and `salt`. The library's own extraction would run again for each expansion.
fn extract(key: &[u8; 32], salt: &[u8]) -> ExtractedSecret {
    let extracted = hmac::sign(&hmac::Key::new(HMAC_SHA256, salt), key);
    ExtractedSecret(Prk::new_less_safe(HKDF_SHA256, extracted.as_ref()))
}

impl ExtractedSecret {
    fn derive(&self, purpose: &str, name: &str) -> [u8; 32] {
        let info = associated(purpose, name);
        self.expand(&[b"derive", info.as_ref()])
    }

    fn expand(&self, info: &[&[u8]]) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0
            .expand(info, Length)
            .and_then(|okm: hkdf::Okm<'_, Length>| okm.fill(&mut bytes))
            .expect("32 bytes are within what HKDF gives");
        bytes
    }
}

/// The nonce is constant, because the key of a box is used once.
fn still_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn associated(purpose: &str, name: &str) -> Aad<Vec<u8>> {
    let length = (purpose.len() as u64).to_be_bytes();
    Aad::from([&length, purpose.as_bytes(), name.as_bytes()].concat())
}

/// The length of every key in this module.
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Real;

    #[test]
    fn a_box_opens_only_for_what_it_was_sealed_for() {
        let key = SealKey::random(&Real);
        let sealed = key.seal("purpose", "name", b"secret", &Real);
        assert_eq!(key.open("purpose", "name", &sealed).unwrap(), b"secret");
        assert_eq!(key.open("purpos", "ename", &sealed), None);
        assert_eq!(key.open("purpose", "other", &sealed), None);
        assert_eq!(
            SealKey::random(&Real).open("purpose", "name", &sealed),
            None
        );
    }

    #[test]
    fn no_changed_box_opens() {
        let key = SealKey::random(&Real);
        let sealed = key.seal("purpose", "name", b"secret", &Real);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open("purpose", "name", &changed), None, "byte {at}");
            assert_eq!(
                key.open("purpose", "name", &sealed[..at]),
                None,
                "cut at {at}"
            );
        }
    }

    #[test]
    fn the_same_secret_never_seals_alike() {
        let key = SealKey::random(&Real);
        assert_ne!(
            key.seal("p", "n", b"s", &Real),
            key.seal("p", "n", b"s", &Real)
        );
    }

    #[test]
    fn what_is_derived_depends_on_everything() {
        let key = SealKey::new([7; 32]);
        let salt = [1; SALT];
        let derived = key.box_key(&salt).derive("p", "n");
        assert_eq!(derived, key.box_key(&salt).derive("p", "n"));
        let others = [
            key.box_key(&[2; SALT]).derive("p", "n"),
            key.box_key(&salt).derive("q", "n"),
            key.box_key(&salt).derive("p", "m"),
            key.derive("p", "n"),
            SealKey::new([8; 32]).box_key(&salt).derive("p", "n"),
        ];
        assert!(!others.contains(&derived));
    }

    #[test]
    fn the_extraction_is_that_of_hkdf() {
        for salt in [b"".as_slice(), &[7; SALT]] {
            let info: [&[u8]; 2] = [b"derive", &[3; 100]];
            let mut wanted = [0; 32];
            let prk = hkdf::Salt::new(HKDF_SHA256, salt).extract(&[9; 32]);
            let okm: hkdf::Okm<'_, Length> = prk.expand(&info, Length).unwrap();
            okm.fill(&mut wanted).unwrap();
            assert_eq!(extract(&[9; 32], salt).expand(&info), wanted);
        }
    }
}
