//! The master key is replaced while the server runs, and no secret stays sealed under the old one.

use std::fs;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cognate::ambient::{Ambient, Real};
use rustix::process::Signal;
use serde_json::json;
use tokio::time::sleep;

use super::{Data, failed, until};
use crate::world::idp::{IdentityProvider, Says, encode};
use crate::world::service_key::ServiceKey;
use crate::world::{Credentials, Ended, Running, Start};

/// A key that no file has yet, as a line.
async fn new_key(data: &Data, name: &str) -> String {
    let path = data.path().parent().unwrap().join(name);
    let made = Start::command(&["master-key", "make", path.to_str().unwrap()]);
    assert_eq!(made.run().await.status.code(), Some(0));
    fs::read_to_string(path).unwrap()
}

async fn rotate(server: &Running, data: &Data) -> Ended {
    Start::command(&["master-key", "rotate"])
        .flag("--endpoint", &server.base)
        .flag("--data-dir", data.path())
        .run()
        .await
}

/// Replaces the file of the master key, as tools for secrets do.
fn replace(data: &Data, text: &str) {
    let new = data.path().parent().unwrap().join("new");
    fs::write(&new, text).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&new, private).unwrap();
    fs::rename(new, data.file("master.key")).unwrap();
}

/// Waits until the log has `words` after a reload of `text`.
async fn reloaded(server: &Running, data: &Data, text: &str, words: &str) {
    let before = server.err().len();
    replace(data, text);
    until(async || server.err()[before..].contains(words)).await;
}

struct Stored {
    root: Credentials,
    key: Credentials,
    disabled: String,
    pool: String,
    consumers: String,
    guest: String,
    /// A pool with a SAML provider, which encrypts.
    saml: String,
    arn: String,
    idp: IdentityProvider,
    saml_key: ServiceKey,
}

/// Everything that is sealed: the rings, the root key, access keys (one of them disabled), consumer secrets, and the private key
/// of a SAML provider.
async fn furnished(server: &Running, root: Credentials) -> Stored {
    let allow = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    let policy = json!({ "Version": "2012-10-17", "Statement": allow }).to_string();
    let make = async |name: &str| {
        let input = json!({ "Name": name, "Policy": policy });
        server.admin("Cognate.CreateAccessKey", input).await.ok()
    };
    let disabled = make("old").await["AccessKeyId"]
        .as_str()
        .unwrap()
        .to_owned();
    let off = json!({ "AccessKeyId": disabled, "Status": "Inactive" });
    server.admin("Cognate.UpdateAccessKey", off).await.ok();
    let apps = json!({ "api.twitter.com": "consumer-key;consumer-secret" });
    let pool = server.pool(json!({})).await;
    let (idp, saml_key) = (
        IdentityProvider::new("https://idp.example/metadata"),
        ServiceKey::new(),
    );
    let metadata = idp.metadata();
    let parameters = [
        ("Name", "corp"),
        ("SAMLMetadataDocument", metadata.as_str()),
        ("AddPrivateKey", saml_key.pem.as_str()),
    ];
    let arn = server.iam("CreateSAMLProvider", &parameters).await;
    let arn = arn.xml("SAMLProviderArn").unwrap();
    Stored {
        saml: server.pool(json!({ "SamlProviderARNs": [arn] })).await,
        arn,
        idp,
        saml_key,
        key: Credentials::of(&make("ci").await),
        disabled,
        consumers: server
            .pool(json!({ "SupportedLoginProviders": apps }))
            .await,
        guest: server.identity(&pool, json!({})).await,
        pool,
        root,
    }
}

impl Stored {
    /// That every secret opens, also that of the disabled key.
    async fn opens(&self, server: &Running) {
        for key in [&self.root, &self.key] {
            let input = json!({ "IdentityPoolId": self.consumers });
            let described = server.signed(key, "DescribeIdentityPool", input).await.ok();
            let apps = &described["SupportedLoginProviders"]["api.twitter.com"];
            assert_eq!(apps, "consumer-key;consumer-secret");
        }
        let on = json!({ "AccessKeyId": self.disabled, "Status": "Active" });
        server.admin("Cognate.UpdateAccessKey", on).await.ok();
        server.credentials(&self.guest, json!({})).await.ok();
        let mut says = Says::of(&self.idp, "ada", Real.now());
        says.assertion_id = format!("_{}", Real.uuid().simple());
        let assertion = self.idp.sign(&says.assertion(), &says.assertion_id);
        let response = encode(&says.around(&self.saml_key.encrypt(&assertion)));
        let logins = json!({ self.arn.as_str(): response });
        server.identity(&self.saml, logins).await;
    }
}

#[tokio::test]
async fn the_master_key_is_rotated_under_load_without_a_failed_call() {
    let data = Data::new();
    let server = Start::keyless(&data.path()).without_rates().up().await;
    let root = data.root_key();
    let server = Arc::new(server.with_root(root.clone()));
    let stored = furnished(&server, root).await;
    let old = fs::read_to_string(data.file("master.key")).unwrap();
    let new = new_key(&data, "new.key").await;

    let stop = Arc::new(AtomicBool::new(false));
    let load = async |number: usize| {
        let mut calls = 0;
        while !stop.load(Ordering::Relaxed) {
            let guest = server.identity(&stored.pool, json!({})).await;
            server.credentials(&guest, json!({})).await.ok();
            let key = [&stored.root, &stored.key][number % 2];
            let input = json!({ "IdentityPoolId": stored.consumers });
            let answer = server.signed(key, "DescribeIdentityPool", input).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            calls += 3;
        }
        calls
    };
    let rotation = async {
        let both = format!("{new}{old}");
        reloaded(&server, &data, &both, "reloaded the configuration").await;
        // The old key can't leave while something is sealed under it.
        reloaded(&server, &data, &new, "nothing was reloaded").await;
        reloaded(
            &server,
            &data,
            &both,
            "nothing was reloaded: nothing changed",
        )
        .await;
        let ended = rotate(&server, &data).await;
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(
            ended.out.contains("8 records were written"),
            "{}",
            ended.out
        );
        for next in ["--compromised", "root-key rotate", "access-key", "Backups"] {
            assert!(ended.out.contains(next), "no {next:?} in: {}", ended.out);
        }
        let again = rotate(&server, &data).await;
        assert!(
            again.out.contains("; 0 records were written"),
            "{}",
            again.out
        );
        reloaded(&server, &data, &new, "reloaded the configuration").await;
        sleep(Duration::from_millis(300)).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (calls, more, ()) = tokio::join!(load(0), load(1), rotation);
    assert!(calls > 30 && more > 30, "{calls} {more}");
    stored.opens(&server).await;
    let server = Arc::into_inner(server).unwrap();
    assert_eq!(server.stop().await.status.code(), Some(0));

    // Nothing needs the old key any more, and the old key opens nothing.
    replace(&data, &old);
    failed(&Start::keyless(&data.path()).run().await, &["master key"]);
    replace(&data, &new);
    let server = Start::keyless(&data.path()).up().await;
    let server = server.with_root(stored.root.clone());
    stored.opens(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_can_t_be_used_leaves_the_master_key_as_it_is() {
    let data = Data::new();
    let server = Start::keyless(&data.path()).up().await;
    let root = data.root_key();
    let server = server.with_root(root.clone());
    let stored = furnished(&server, root).await;
    let old = fs::read_to_string(data.file("master.key")).unwrap();
    let other = new_key(&data, "other.key").await;
    for text in [
        "",
        "no key\n",
        &other,
        &format!("{other}no key\n"),
        &old.repeat(2),
    ] {
        reloaded(&server, &data, text, "nothing was reloaded").await;
        stored.opens(&server).await;
    }
    replace(&data, &format!("{other}{old}"));
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(data.file("master.key"), open).unwrap();
    let before = server.err().len();
    server.signal(Signal::HUP);
    until(async || server.err()[before..].contains("chmod 600")).await;
    stored.opens(&server).await;
    // Without a second key, nothing is written.
    let ended = rotate(&server, &data).await;
    assert!(ended.out.contains("; 0 records were written"), "{ended:?}");
    assert!(ended.out.contains("The file has one key"), "{ended:?}");
    let log = server.stop().await.err;
    for line in [old.trim(), other.trim()] {
        assert!(!log.contains(line), "{log}");
    }
}
