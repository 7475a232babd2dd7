//! The keys of all issuers that logins came from. Only registered issuers come here, and at most [`MOST`] of them stay.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use jsonwebtoken::Algorithm;

use super::issuer_keys::{IssuerKeys, NotVerified};
use super::jws::Jws;
use super::remote::{Place, Remote};
use crate::outgoing::Outgoing;

/// How many issuers' keys are kept.
const MOST: usize = 1000;

/// The keys of all issuers.
#[derive(Debug)]
pub(super) struct KeySets {
    outgoing: Arc<Outgoing>,
    /// By issuer's URL: the files that hold the keys of issuers that can't be reached.
    files: HashMap<String, PathBuf>,
    issuers: RwLock<HashMap<Place, Arc<IssuerKeys<Remote>>>>,
}

impl KeySets {
    pub(super) fn new(outgoing: Arc<Outgoing>) -> Self {
        Self {
            outgoing,
            files: HashMap::new(),
            issuers: RwLock::default(),
        }
    }

    pub(super) fn use_files(&mut self, files: HashMap<String, PathBuf>) {
        self.files = files;
    }

    /// Whether a key published at `place` signed `jws` with one of the algorithms `allowed`.
    pub(super) async fn verify(
        &self,
        place: Place,
        jws: &Jws<'_>,
        allowed: &[Algorithm],
        now: Timestamp,
    ) -> Result<(), NotVerified> {
        let file = place.issuer().and_then(|issuer| self.files.get(issuer));
        let place = match file {
            Some(path) => Place::File { path: path.clone() },
            None => place,
        };
        self.issuer(place).verify(jws, allowed, now).await
    }

    fn issuer(&self, place: Place) -> Arc<IssuerKeys<Remote>> {
        let known = self.issuers.read().expect("no holder of the map panics");
        if let Some(issuer) = known.get(&place) {
            return Arc::clone(issuer);
        }
        drop(known);
        let mut issuers = self.issuers.write().expect("no holder of the map panics");
        if issuers.len() >= MOST && !issuers.contains_key(&place) {
            let longest_unused = issuers.iter().min_by_key(|(_, keys)| keys.used());
            if let Some(place) = longest_unused.map(|(place, _)| place.clone()) {
                issuers.remove(&place);
            }
        }
        let remote = Remote {
            place: place.clone(),
            outgoing: Arc::clone(&self.outgoing),
        };
        let issuer = issuers
            .entry(place)
            .or_insert_with(|| Arc::new(IssuerKeys::of(remote)));
        Arc::clone(issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logins::fake::outgoing;

    #[test]
    fn an_issuers_keys_are_kept_and_the_number_of_issuers_is_bounded() {
        let key_sets = KeySets::new(outgoing(&[]));
        let place = |n: usize| Place::At { url: n.to_string() };
        let first = key_sets.issuer(place(0));
        assert!(Arc::ptr_eq(&first, &key_sets.issuer(place(0))));
        for n in 0..MOST + 100 {
            key_sets.issuer(place(n));
        }
        assert_eq!(key_sets.issuers.read().unwrap().len(), MOST);
    }
}
