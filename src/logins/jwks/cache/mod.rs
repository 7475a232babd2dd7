//! The JWKS cache: the keys of all issuers that logins came from. It holds registered issuers only, at most [`MOST`] of
//! them; the issuer that was unused for longest is evicted.

mod issuer;
mod state;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use jiff::Timestamp;

use self::issuer::IssuerKeys;
pub use self::issuer::JwksError;
pub(in crate::logins) use self::issuer::SignatureCheckError;
use super::fetch::{JwksFetcher, JwksSource};
use super::verified::VerifiedSignatures;
use crate::blocking::WorkPools;
use crate::logins::id_token::jws::Jws;
use crate::logins::jwks::JwsAlgorithm;
use crate::outgoing::Outgoing;

/// The number of issuers with cached keys.
const MOST: usize = 1000;

/// The cached keys of all issuers.
#[derive(Debug)]
pub(in crate::logins) struct JwksCache {
    outgoing: Arc<Outgoing>,
    pools: WorkPools,
    verified: Arc<VerifiedSignatures>,
    /// The key files of issuers that can't be reached, by the issuer's URL.
    files: HashMap<String, PathBuf>,
    /// The key sets of issuers of this process, by the issuer's URL.
    own: HashMap<String, Arc<[u8]>>,
    issuers: RwLock<HashMap<JwksSource, Arc<IssuerKeys<JwksFetcher>>>>,
}

impl JwksCache {
    pub(in crate::logins) fn new(outgoing: Arc<Outgoing>, pools: WorkPools) -> Self {
        Self {
            outgoing,
            pools,
            verified: Arc::new(VerifiedSignatures::new()),
            files: HashMap::new(),
            own: HashMap::new(),
            issuers: RwLock::default(),
        }
    }

    pub(in crate::logins) fn use_files(&mut self, files: HashMap<String, PathBuf>) {
        self.files = files;
    }

    pub(in crate::logins) fn use_own(&mut self, issuer: String, key_set: Arc<[u8]>) {
        self.own.insert(issuer, key_set);
    }

    /// Measures how many issuers have keys here, and the age of the oldest keys in use.
    #[expect(clippy::cast_precision_loss, reason = "a number of issuers")]
    pub(in crate::logins) fn measure(&self, now: Timestamp) {
        let issuers = self.issuers.read().expect("no holder of the map panics");
        let ages = issuers.values().filter_map(|keys| keys.age_in_use(now));
        let oldest = ages.max().unwrap_or_default();
        metrics::gauge!("cognate_issuers").set(issuers.len() as f64);
        metrics::gauge!("cognate_issuer_oldest_keys_seconds").set(oldest.as_secs_f64());
    }

    /// Verifies that a key of `source` signed `jws` with one of the algorithms `allowed`.
    pub(in crate::logins) async fn verify(
        &self,
        source: JwksSource,
        jws: &Jws<'_>,
        allowed: &'static [JwsAlgorithm],
        now: Timestamp,
    ) -> Result<(), SignatureCheckError> {
        let issuer = source.issuer();
        let own = issuer.and_then(|issuer| self.own.get(issuer));
        let file = issuer.and_then(|issuer| self.files.get(issuer));
        let source = match (own, file) {
            (Some(key_set), _) => JwksSource::OfProcess {
                key_set: Arc::clone(key_set),
            },
            (None, Some(path)) => JwksSource::File { path: path.clone() },
            (None, None) => source,
        };
        self.issuer(source).verify(jws, allowed, now).await
    }

    fn issuer(&self, source: JwksSource) -> Arc<IssuerKeys<JwksFetcher>> {
        let cached = self.issuers.read().expect("no holder of the map panics");
        if let Some(issuer) = cached.get(&source) {
            return Arc::clone(issuer);
        }
        drop(cached);
        let mut issuers = self.issuers.write().expect("no holder of the map panics");
        if issuers.len() >= MOST && !issuers.contains_key(&source) {
            let longest_unused = issuers.iter().min_by_key(|(_, keys)| keys.last_used());
            if let Some(source) = longest_unused.map(|(source, _)| source.clone()) {
                issuers.remove(&source);
            }
        }
        let fetcher = JwksFetcher {
            source: source.clone(),
            outgoing: Arc::clone(&self.outgoing),
        };
        let issuer = issuers.entry(source).or_insert_with(|| {
            let (pools, verified) = (self.pools.clone(), Arc::clone(&self.verified));
            Arc::new(IssuerKeys::new(fetcher, pools, verified))
        });
        Arc::clone(issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logins::fake::{outgoing, pools};

    #[test]
    fn an_issuers_keys_are_kept_and_the_number_of_issuers_is_bounded() {
        let cache = JwksCache::new(outgoing(&[]), pools());
        let source = |n: usize| JwksSource::Url { url: n.to_string() };
        let first = cache.issuer(source(0));
        assert!(Arc::ptr_eq(&first, &cache.issuer(source(0))));
        for n in 0..MOST + 100 {
            cache.issuer(source(n));
        }
        assert_eq!(cache.issuers.read().unwrap().len(), MOST);
    }
}
