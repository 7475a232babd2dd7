//! Encryption (AES-256-GCM): secrets at rest under the master key, session tokens under a sealing key. Callers store the
//! keys and interpret the bytes.
//!
//! Each box has its own key, derived from the stored key and a random salt (HKDF), so no nonce can repeat. It opens only
//! with the purpose and the name that it was sealed for (associated data).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{self, HKDF_SHA256, KeyType, Salt};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::ambient::Ambient;

pub mod master_key;

/// The bytes of salt before the sealed bytes.
pub const SALT: usize = 16;

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
        let mut sealed = secret.to_vec();
        self.cipher(&salt)
            .seal_in_place_append_tag(still_nonce(), associated(purpose, name), &mut sealed)
            .expect("a box far below the cipher's limit");
        [&salt, sealed.as_slice()].concat()
    }

    /// Opens a box of `purpose` and `name`; `None` if it was sealed for others or under another key.
    pub fn open(&self, purpose: &str, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (salt, sealed) = sealed.split_first_chunk::<SALT>()?;
        let mut sealed = sealed.to_vec();
        let plain = self
            .cipher(salt)
            .open_in_place(still_nonce(), associated(purpose, name), &mut sealed)
            .ok()?
            .len();
        sealed.truncate(plain);
        Some(sealed)
    }

    /// Derives 32 bytes from this key, `salt`, `purpose` and `name`, independent of every box.
    pub fn derive(&self, salt: &[u8], purpose: &str, name: &str) -> [u8; 32] {
        let info = associated(purpose, name);
        self.expand(salt, &[b"derive", info.as_ref()])
    }

    fn cipher(&self, salt: &[u8]) -> LessSafeKey {
        let mut bytes = self.expand(salt, &[b"seal"]);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).expect("32 bytes make a key");
        bytes.zeroize();
        LessSafeKey::new(key)
    }

    fn expand(&self, salt: &[u8], info: &[&[u8]]) -> [u8; 32] {
        let secret = Salt::new(HKDF_SHA256, salt).extract(&self.0);
        let mut bytes = [0; 32];
        secret
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
        let derived = key.derive(b"salt", "p", "n");
        assert_eq!(derived, key.derive(b"salt", "p", "n"));
        let others = [
            key.derive(b"tlas", "p", "n"),
            key.derive(b"salt", "q", "n"),
            key.derive(b"salt", "p", "m"),
            SealKey::new([8; 32]).derive(b"salt", "p", "n"),
        ];
        assert!(!others.contains(&derived));
    }
}
