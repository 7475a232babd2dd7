//! For tests: keys that sign tokens, and an issuer that publishes them.

#[expect(unreachable_pub, reason = "the tests over HTTP include the same file")]
pub(in crate::logins) mod identity_provider;
mod issuer;
mod key;
#[expect(unreachable_pub, reason = "the tests over HTTP include the same file")]
pub(in crate::logins) mod service_key;

use std::num::NonZero;
use std::sync::Arc;

use serde_json::{Value, json};

pub(super) use self::issuer::FakeIssuer;
pub(super) use self::key::TestKey;
use crate::blocking::{BlockingPool, WorkPools, WorkThread};
use crate::logins::jwks::JwkSet;
use crate::outgoing::{Outgoing, OutgoingSettings};

/// The key set of `keys`, as a document.
pub(super) fn key_set_document<'k>(keys: impl IntoIterator<Item = &'k TestKey>) -> Value {
    let keys: Vec<Value> = keys.into_iter().map(TestKey::jwk).collect();
    json!({ "keys": keys })
}

/// The key set of `keys`.
pub(super) fn key_set<'k>(keys: impl IntoIterator<Item = &'k TestKey>) -> JwkSet {
    JwkSet::parse(key_set_document(keys).to_string().as_bytes()).unwrap()
}

/// Pools for one piece of work at a time.
pub(super) fn pools() -> WorkPools {
    let pool = |thread| {
        Arc::new(BlockingPool::new(
            "work",
            thread,
            NonZero::<usize>::MIN,
            2048,
        ))
    };
    WorkPools {
        expensive: pool(WorkThread::Own),
        handshakes: pool(WorkThread::Own),
        signatures: pool(WorkThread::Callers),
    }
}

/// A client that may go to loopback, and to the fakes instead of `upstreams`.
pub(super) fn outgoing(upstreams: &[(&str, &str)]) -> Arc<Outgoing> {
    // Another test may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let upstreams = upstreams
        .iter()
        .map(|(host, base)| ((*host).to_owned(), base.parse().unwrap()));
    let settings = OutgoingSettings {
        upstreams: upstreams.collect(),
        allow_http_loopback: true,
        ..OutgoingSettings::default()
    };
    Arc::new(Outgoing::new(settings).unwrap())
}
