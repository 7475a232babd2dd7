//! The master keys in use: the first seals, and all open, so that the first can be replaced without an interruption.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::SealKey;
use crate::ambient::Ambient;

/// The most keys of a file.
pub(super) const MOST: usize = 16;

/// One or more master keys, shared by everything that seals and opens. A clone has the same keys, also after a replacement.
#[derive(Clone)]
pub struct MasterKeys(Arc<ArcSwap<Vec<SealKey>>>);

/// A box doesn't open under any of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret doesn't open under these master keys")]
pub struct Unopened;

impl MasterKeys {
    /// Keys in the order of their file; `None` for no keys and for more than 16.
    pub(super) fn new(keys: Vec<SealKey>) -> Option<Self> {
        let is_valid = (1..=MOST).contains(&keys.len());
        is_valid.then(|| Self(Arc::new(ArcSwap::from_pointee(keys))))
    }

    /// Uses the keys of `other` from now on.
    pub fn replace(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }

    /// Seals `secret` under the first key.
    pub fn seal(&self, purpose: &str, name: &str, secret: &[u8], ambient: &dyn Ambient) -> Vec<u8> {
        let keys = self.0.load();
        keys[0].seal(purpose, name, secret, ambient)
    }

    /// Opens a box under any key.
    pub fn open(&self, purpose: &str, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let keys = self.0.load();
        keys.iter().find_map(|key| key.open(purpose, name, sealed))
    }

    /// Seals again under the first key; `None` if the box is sealed under it.
    pub fn reseal(
        &self,
        purpose: &str,
        name: &str,
        sealed: &[u8],
        ambient: &dyn Ambient,
    ) -> Result<Option<Vec<u8>>, Unopened> {
        let keys = self.0.load();
        if keys[0].open(purpose, name, sealed).is_some() {
            return Ok(None);
        }
        let mut others = keys.iter().skip(1);
        let secret = others.find_map(|key| key.open(purpose, name, sealed));
        let secret = zeroize::Zeroizing::new(secret.ok_or(Unopened)?);
        Ok(Some(keys[0].seal(purpose, name, &secret, ambient)))
    }

    /// Derives 32 bytes from the last key, which stays the last while newer keys come before it.
    pub fn derive_from_oldest(&self, purpose: &str, name: &str) -> [u8; 32] {
        let keys = self.0.load();
        keys[keys.len() - 1].derive(purpose, name)
    }

    /// A name of each key, in their order, from which nothing follows about the key.
    pub fn fingerprints(&self) -> Vec<String> {
        let keys = self.0.load();
        let names = keys.iter().map(|key| {
            let bytes = key.derive("fingerprint of a master key", "");
            let number = bytes[..6]
                .iter()
                .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
            format!("{number:012x}")
        });
        names.collect()
    }
}

impl From<SealKey> for MasterKeys {
    fn from(key: SealKey) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(vec![key])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::Real;

    fn keys<const N: usize>(bytes: [u8; N]) -> MasterKeys {
        MasterKeys::new(bytes.map(|byte| SealKey::new([byte; 32])).into()).unwrap()
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let (old, both, new) = (keys([1]), keys([2, 1]), keys([2]));
        let before = old.seal("p", "n", b"secret", &Real);
        let after = both.seal("p", "n", b"secret", &Real);
        assert_eq!(both.open("p", "n", &before).unwrap(), b"secret");
        assert_eq!(both.open("p", "n", &after).unwrap(), b"secret");
        assert_eq!(new.open("p", "n", &after).unwrap(), b"secret");
        assert_eq!(new.open("p", "n", &before), None);
        assert_eq!(old.open("p", "n", &after), None);
        assert_eq!(both.open("p", "other", &before), None);
    }

    #[test]
    fn a_box_is_sealed_again_under_the_first_key_only_where_it_is_not() {
        let (old, both, new) = (keys([1]), keys([2, 1]), keys([2]));
        let before = old.seal("p", "n", b"secret", &Real);
        let after = both.reseal("p", "n", &before, &Real).unwrap().unwrap();
        assert_eq!(new.open("p", "n", &after).unwrap(), b"secret");
        assert_eq!(both.reseal("p", "n", &after, &Real), Ok(None));
        assert_eq!(keys([3, 4]).reseal("p", "n", &after, &Real), Err(Unopened));
        assert_eq!(both.reseal("q", "n", &before, &Real), Err(Unopened));
    }

    #[test]
    fn what_is_derived_stays_while_newer_keys_are_put_before() {
        let derived = keys([1]).derive_from_oldest("p", "n");
        assert_eq!(keys([3, 2, 1]).derive_from_oldest("p", "n"), derived);
        assert_ne!(keys([1, 2]).derive_from_oldest("p", "n"), derived);
    }

    #[test]
    fn a_replacement_is_in_use_in_every_clone() {
        let (one, other) = (keys([1]), keys([2]));
        let clone = one.clone();
        one.replace(&other);
        assert_eq!(clone.fingerprints(), other.fingerprints());
        assert_ne!(keys([1]).fingerprints(), other.fingerprints());
    }
}
