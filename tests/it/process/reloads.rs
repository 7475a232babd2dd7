//! The configuration is reloaded while the server runs: all of it or nothing, and what can't be is named.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tokio::time::sleep;

use super::{Data, until};
use crate::world::{Credentials, Running, Start};

const OTHER_ROLE: &str = "arn:aws:iam::999999999999:role/reader";
const ROUTE: &str = "[[credentials.route]]\nrole = 'arn:aws:iam::999999999999:role/*'\nendpoint = 'http://127.0.0.1:1'\n";
const SECRETS: [&str; 2] = ["0123456789abcdef0001", "0123456789abcdef0002"];

fn root(secret: &str) -> Credentials {
    Credentials {
        id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret: secret.to_owned(),
        session_token: None,
    }
}

fn config(secret: &Path, more: &str) -> String {
    format!(
        "allow_http_issuers = true\n{more}\n[root]\naccess_key_id = 'AKIAIOSFODNN7EXAMPLE'\nsecret_access_key_file = '{}'\n",
        secret.display()
    )
}

/// Whether this secret signs, and whether roles of the route may be named.
async fn in_use(server: &Running, secret: &str, pool: &str) -> (bool, bool) {
    let key = root(secret);
    let listed = server.signed(&key, "ListIdentityPools", json!({ "MaxResults": 1 }));
    let input = json!({ "IdentityPoolId": pool, "Roles": { "authenticated": OTHER_ROLE } });
    let named = server.signed(&key, "SetIdentityPoolRoles", input);
    (listed.await.status == 200, named.await.status == 200)
}

/// Changed settings with a mistake in each, and a word of its message. Each comes with a good route, which must not be taken over.
fn mistakes(data: &Data) -> Vec<(&'static str, String, &'static str)> {
    let (route, missing) = (ROUTE, data.path().join("missing"));
    [
        (
            "an unknown key",
            format!("trusted_proxy = []\n{route}"),
            "trusted_proxy",
        ),
        ("no TOML", format!("trusted_proxies = [\n{route}"), "TOML"),
        (
            "a proxy",
            format!("trusted_proxies = ['0.0.0.0/0']\n{route}"),
            "0.0.0.0/0",
        ),
        (
            "a header",
            format!("client_address_header = 'Forwarded'\n{route}"),
            "Forwarded",
        ),
        (
            "a filter",
            format!("log.filter = 'cognate=loud'\n{route}"),
            "cognate=loud",
        ),
        ("a format", format!("log.format = 'xml'\n{route}"), "xml"),
        (
            "a route",
            format!("{route}{}", route.replace("http:", "ftp:")),
            "endpoint",
        ),
        (
            "a seed",
            format!("seeds = ['{}']\n{route}", missing.display()),
            "missing",
        ),
        (
            "a certificate",
            format!(
                "{route}[tls]\ncertificate_file = '{0}'\nkey_file = '{0}'\n",
                missing.display()
            ),
            "certificate_file",
        ),
        (
            "a URL",
            format!("public_url = 'http://id.example.com/?a'\n{route}"),
            "id.example.com",
        ),
        (
            "a weakening",
            format!("{route}[unsafe]\nhttp_listener = true\n"),
            "unsafe.http_listener",
        ),
        (
            "another weakening",
            format!("sessions.administer_pools = true\n{route}"),
            "sessions.administer_pools",
        ),
    ]
    .to_vec()
}

#[tokio::test]
async fn a_mistake_in_any_file_changes_nothing_and_says_so() {
    let data = Data::new();
    let secret = data.beside("secret", SECRETS[0]);
    let file = data.beside("cognate.toml", config(&secret, ""));
    let server = Start::keyless(&data.path())
        .flag("--config", &file)
        .up()
        .await
        .with_root(root(SECRETS[0]));
    let pool = server.pool(json!({})).await;
    assert_eq!(in_use(&server, SECRETS[0], &pool).await, (true, false));

    let mistakes = mistakes(&data);
    // Each comes with a good secret as well.
    fs::write(&secret, SECRETS[1]).unwrap();
    for (name, more, word) in &mistakes {
        fs::write(&file, config(&secret, more)).unwrap();
        let before = server.err().len();
        server.signal(Signal::HUP);
        until(async || server.err()[before..].contains("nothing was reloaded")).await;
        let said = server.err()[before..].to_owned();
        assert!(said.contains(word), "{name}: {said}");
        assert_eq!(
            in_use(&server, SECRETS[0], &pool).await,
            (true, false),
            "{name}"
        );
        assert!(!in_use(&server, SECRETS[1], &pool).await.0, "{name}");
        for secret in SECRETS {
            assert!(!said.contains(secret), "{name}: {said}");
        }
    }

    // Without the mistake, both are taken over, and what can't be is named.
    let more = format!("drain_delay = 3\nlog.format = 'json'\n{ROUTE}");
    fs::write(&file, config(&secret, &more)).unwrap();
    server.signal(Signal::HUP);
    until(async || in_use(&server, SECRETS[1], &pool).await == (true, true)).await;
    assert!(!in_use(&server, SECRETS[0], &pool).await.0);
    let ended = server.stop().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let reloaded: Vec<_> = ended
        .err
        .lines()
        .filter(|line| line.starts_with('{'))
        .collect();
    let all = reloaded.concat();
    for word in [
        "credentials.route",
        "root.secret_access_key_file",
        "log.format",
        "reloaded the configuration",
    ] {
        assert!(all.contains(word), "no {word:?} in: {}", ended.err);
    }
    let waiting = reloaded
        .iter()
        .find(|line| line.contains("need a restart"))
        .unwrap();
    assert!(waiting.contains("\"drain_delay\""), "{waiting}");
}

#[tokio::test]
async fn files_are_followed_through_links_that_are_swapped() {
    let data = Data::new();
    let folder = data.path().parent().unwrap().join("mounted");
    let version = |name: &str, secret: &str, more: &str| {
        let version = folder.join(name);
        fs::create_dir_all(&version).unwrap();
        fs::write(version.join("secret"), secret).unwrap();
        fs::write(
            version.join("cognate.toml"),
            config(&folder.join("secret"), more),
        )
        .unwrap();
    };
    version("..1", SECRETS[0], "");
    symlink("..1", folder.join("..data")).unwrap();
    for name in ["secret", "cognate.toml"] {
        symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
    }
    let server = Start::keyless(&data.path())
        .flag("--config", folder.join("cognate.toml"))
        .up()
        .await
        .with_root(root(SECRETS[0]));
    let pool = server.pool(json!({})).await;
    version("..2", SECRETS[1], ROUTE);
    symlink("..2", folder.join("..new")).unwrap();
    fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    until(async || in_use(&server, SECRETS[1], &pool).await == (true, true)).await;
    assert!(!in_use(&server, SECRETS[0], &pool).await.0);

    // A file that is away for a moment, or for good, changes nothing.
    fs::remove_file(folder.join("..2/secret")).unwrap();
    sleep(Duration::from_millis(1600)).await;
    assert_eq!(in_use(&server, SECRETS[1], &pool).await, (true, true));
    fs::write(folder.join("..2/secret"), SECRETS[0]).unwrap();
    until(async || in_use(&server, SECRETS[0], &pool).await == (true, true)).await;
    let ended = server.stop().await;
    assert!(
        ended.err.contains("secret_access_key_file"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn a_certificate_can_be_replaced_and_not_begun_by_a_reload() {
    let data = Data::new();
    let file = data.beside("cognate.toml", "");
    let server = Start::serve(&data.path())
        .flag("--config", &file)
        .up()
        .await;
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = data.beside("certificate.pem", made.cert.pem());
    let key = data.beside("key.pem", made.signing_key.serialize_pem());
    let tls = format!("[tls]\ncertificate_file = {certificate:?}\nkey_file = {key:?}\n");
    fs::write(&file, tls).unwrap();
    server.signal(Signal::HUP);
    until(async || server.err().contains("need a restart")).await;
    assert_eq!(
        server.get("/health").await.status,
        200,
        "plain http as before"
    );
    let ended = server.stop().await;
    assert!(
        ended.err.contains("tls.certificate_file, tls.key_file"),
        "{}",
        ended.err
    );
}
