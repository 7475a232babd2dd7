//! The certificate of the listener is replaced while clients connect, and SIGHUP reports what it can't apply.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::connections::secure;
use super::{Data, until};
use crate::world::Start;

struct Made {
    pem: String,
    key: String,
    root: reqwest::Certificate,
}

fn made() -> Made {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = made.cert.pem();
    Made {
        root: reqwest::Certificate::from_pem(pem.as_bytes()).unwrap(),
        key: made.signing_key.serialize_pem(),
        pem,
    }
}

/// A client that connects for every request and trusts these certificates.
#[expect(
    clippy::disallowed_methods,
    reason = "the tests' own client has no fences"
)]
fn connecting(roots: impl IntoIterator<Item = reqwest::Certificate>) -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .tls_certs_only(roots)
        .build()
        .unwrap()
}

/// Replaces a file as tools for certificates do.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&new, private).unwrap();
    fs::rename(new, path).unwrap();
}

#[tokio::test]
async fn a_certificate_is_replaced_without_a_failed_handshake() {
    let data = Data::new();
    let (start, client) = secure(&data, "").await;
    let server = start.up_with(client).await;
    let path = |name: &str| data.path().parent().unwrap().join(name);
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let old = reqwest::Certificate::from_pem(&fs::read(&certificate).unwrap()).unwrap();
    let new = made();
    let health = format!("{}/health", server.base);
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let client = connecting([old.clone(), new.root.clone()]);
        let (health, stop) = (health.clone(), Arc::clone(&stop));
        clients.spawn(async move {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) || count < 250 {
                let answer = client.get(&health).send().await.expect("a handshake");
                assert_eq!(answer.status(), 200);
                count += 1;
            }
            count
        });
    }
    sleep(Duration::from_millis(200)).await;
    // The pair doesn't match for a moment.
    replace(&certificate, &new.pem);
    sleep(Duration::from_millis(300)).await;
    replace(&key, &new.key);
    let began = Instant::now();
    let only_new = connecting([new.root.clone()]);
    until(async || only_new.get(&health).send().await.is_ok()).await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    stop.store(true, Ordering::Relaxed);
    let mut handshakes = 0;
    while let Some(ended) = clients.join_next().await {
        handshakes += ended.expect("every handshake succeeds");
    }
    assert!(handshakes >= 1000, "{handshakes}");
    println!("{handshakes} handshakes, none failed");

    // Another certificate's key changes nothing, and the log says so.
    replace(&key, &made().key);
    sleep(Duration::from_millis(1500)).await;
    assert!(only_new.get(&health).send().await.is_ok());
    let ended = server.stop().await;
    for words in [
        "a new certificate is in use",
        "nothing was reloaded",
        "can't be used for TLS",
    ] {
        assert!(ended.err.contains(words), "no {words:?} in: {}", ended.err);
    }
}

#[tokio::test]
async fn a_hangup_reports_mistakes_and_changes_and_ends_nothing() {
    let data = Data::new();
    let config = data.beside("cognate.toml", "drain_delay = 0\n");
    let server = Start::serve(&data.path())
        .flag("--config", &config)
        .up()
        .await;
    let pool = server.pool(serde_json::json!({})).await;
    let text = |text: &str| fs::write(&config, text).unwrap();
    text("drain_delya = 0\n");
    server.signal(Signal::HUP);
    sleep(Duration::from_millis(300)).await;
    text("[limits]\npools_per_region = 7\n[events]\nkeep_days = 9\n");
    server.signal(Signal::HUP);
    sleep(Duration::from_millis(300)).await;
    text("drain_delay = 0\n");
    server.signal(Signal::HUP);
    sleep(Duration::from_millis(300)).await;
    server.identity(&pool, serde_json::json!({})).await;
    let ended = server.stop().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    for words in [
        "drain_delya",
        "the configuration has mistakes: nothing was reloaded",
        "need a restart",
        "events.keep_days",
        "limits.pools_per_region",
        "nothing was reloaded: nothing changed",
    ] {
        assert!(ended.err.contains(words), "no {words:?} in: {}", ended.err);
    }
}
