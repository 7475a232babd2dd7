//! Secret keys, the signing keys derived from them, and the bounded cache of derived keys.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zeroize::Zeroizing;

use super::{TERMINATOR, hex};

/// A secret access key. Wiped from memory when dropped, and never printed.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<String>);

impl SecretKey {
    /// Takes a secret of any length; AWS's have 40 characters.
    pub fn new(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey(…)")
    }
}

/// A signing key: derived from a secret for one day, region and service.
#[derive(Clone)]
pub struct DerivedKey(Arc<hmac::Key>);

impl DerivedKey {
    /// Derives the key. `day` is `YYYYMMDD`.
    pub fn derive(secret: &SecretKey, day: &str, region: &str, service: &str) -> Self {
        #[cfg(test)]
        tests::DERIVATIONS.with(|count| count.set(count.get() + 1));
        let first = Zeroizing::new(format!("AWS4{}", *secret.0));
        let mut key = hmac::Key::new(HMAC_SHA256, first.as_bytes());
        for part in [day, region, service, TERMINATOR] {
            let mut next = Zeroizing::new([0; 32]);
            hmac::sign_to_buffer(&key, part.as_bytes(), &mut *next)
                .expect("32 bytes hold a SHA-256 tag");
            key = hmac::Key::new(HMAC_SHA256, &*next);
        }
        Self(Arc::new(key))
    }

    /// The signature of a string to sign: 64 lower-case hexadecimal digits.
    pub fn sign(&self, string_to_sign: &str) -> String {
        hex(hmac::sign(&self.0, string_to_sign.as_bytes()).as_ref())
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DerivedKey(…)")
    }
}

/// The size of a generation; there are two generations.
const GENERATION: usize = 1024;

/// A hash of the secret and everything else that a signing key is derived from.
type Fingerprint = [u8; 32];

/// The cache of recently used signing keys, at most 2,048. The secret is part of the cache's key, so a replaced secret is
/// simply not found, and nothing needs to expire.
#[derive(Default)]
pub struct KeyCache {
    generations: Mutex<Generations>,
}

/// The two generations (an approximate LRU): a full `young` becomes `old`, which drops unused keys.
#[derive(Default)]
struct Generations {
    young: HashMap<Fingerprint, DerivedKey>,
    old: HashMap<Fingerprint, DerivedKey>,
}

impl Generations {
    fn put(&mut self, fingerprint: Fingerprint, key: DerivedKey) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(fingerprint, key);
    }
}

impl KeyCache {
    /// Makes an empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn get(&self, fingerprint: &Fingerprint) -> Option<DerivedKey> {
        let mut generations = self.generations.lock().expect("no holder panics");
        if let Some(key) = generations.young.get(fingerprint) {
            return Some(key.clone());
        }
        let key = generations.old.remove(fingerprint)?;
        generations.put(*fingerprint, key.clone());
        Some(key)
    }

    pub(super) fn put(&self, fingerprint: Fingerprint, key: DerivedKey) {
        let mut generations = self.generations.lock().expect("no holder panics");
        generations.put(fingerprint, key);
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyCache(…)")
    }
}

/// The cache's key of a derived key.
pub(super) fn fingerprint(
    access_key_id: &str,
    secret: &SecretKey,
    day: &str,
    region: &str,
    service: &str,
) -> Fingerprint {
    let mut hash = Context::new(&SHA256);
    for part in [access_key_id, day, region, service, secret.0.as_str()] {
        // A length before each part makes the encoding unambiguous.
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(hash.finish().as_ref());
    fingerprint
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// How many keys this thread has derived.
        pub(in super::super) static DERIVATIONS: Cell<usize> = const { Cell::new(0) };
    }

    fn secret(text: &str) -> SecretKey {
        SecretKey::new(text.to_owned())
    }

    #[test]
    fn a_remembered_key_never_answers_for_another_secret_or_place() {
        let cache = KeyCache::new();
        let key = DerivedKey::derive(&secret("s"), "20150830", "us-east-1", "sts");
        let known = fingerprint("AKID", &secret("s"), "20150830", "us-east-1", "sts");
        cache.put(known, key);
        assert!(cache.get(&known).is_some());
        for (id, other, day, region, service) in [
            ("AKID", "t", "20150830", "us-east-1", "sts"),
            ("AKIE", "s", "20150830", "us-east-1", "sts"),
            ("AKID", "s", "20150831", "us-east-1", "sts"),
            ("AKID", "s", "20150830", "us-east-2", "sts"),
            ("AKID", "s", "20150830", "us-east-1", "iam"),
            ("AKID2", "s", "0150830", "us-east-1", "sts"),
            ("AKID", "s", "20150830", "us-east-1s", "ts"),
        ] {
            let other = fingerprint(id, &secret(other), day, region, service);
            assert!(cache.get(&other).is_none(), "{id} {day} {region} {service}");
        }
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_what_is_used() {
        let cache = KeyCache::new();
        let key = DerivedKey::derive(&secret("s"), "20150830", "us-east-1", "sts");
        let of = |number: usize| {
            let id = number.to_string();
            fingerprint(&id, &secret("s"), "20150830", "us-east-1", "sts")
        };
        for number in 0..5 * GENERATION {
            cache.put(of(number), key.clone());
            assert!(cache.get(&of(0)).is_some(), "{number}");
        }
        let generations = cache.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
        drop(generations);
        assert!(cache.get(&of(1)).is_none());
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", secret("hidden")), "SecretKey(…)");
    }
}
