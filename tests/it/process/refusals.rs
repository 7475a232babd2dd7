//! Starts that must fail: each says what to do, and changes nothing.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{Data, failed};
use crate::world::{Ended, Start};

/// A start on `data`, which must fail with `words` and leave everything as it was.
async fn refused(data: &Data, start: Start, words: &[&str]) -> Ended {
    let before = data.contents();
    let ended = start.run().await;
    failed(&ended, words);
    let after = data.contents();
    for (path, what) in &before {
        assert!(
            after.get(path) == Some(what),
            "{} was changed",
            path.display()
        );
    }
    assert!(after.keys().eq(before.keys()), "{:?}", after.keys());
    ended
}

fn keyless(data: &Data) -> Start {
    Start::keyless(&data.path())
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused() {
    let data = Data::new();
    let server = keyless(&data).up().await;
    let ended = keyless(&data).run().await;
    let folder = data.path().display().to_string();
    let words = [&folder, "in use by another cognate process", "--data-dir"];
    failed(&ended, &words);
    assert_eq!(server.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_flag_that_is_not_one_is_told_with_what_was_meant() {
    let ended = Start::command(&["serve", "--lissen", "127.0.0.1:0"])
        .run()
        .await;
    assert_eq!(
        ended.status.code(),
        Some(2),
        "a mistake in usage: {ended:?}"
    );
    assert!(ended.err.contains("--listen"), "{}", ended.err);
}

#[tokio::test]
async fn a_value_that_is_none_is_told_with_its_flag() {
    let data = Data::new();
    let ended = keyless(&data).flag("--account-id", "12").run().await;
    failed(&ended, &["--account-id", "12 digits"]);
    assert!(!data.path().exists(), "nothing is made");
}

#[tokio::test]
async fn a_configuration_that_is_not_there_is_told_with_its_name() {
    let data = Data::new();
    let ended = keyless(&data).flag("--config", "/nowhere.toml").run().await;
    failed(&ended, &["--config", "/nowhere.toml can't be read"]);
    let config = data.beside("cognate.toml", "[log]\nfilter = \"cognate=loud\"\n");
    let ended = keyless(&data).flag("--config", config).run().await;
    failed(
        &ended,
        &[
            "log.filter: `cognate=loud` is not a log filter",
            "cognate.toml:2:10",
        ],
    );
    assert!(!data.path().exists(), "nothing is made");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let data = Data::used().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let start = Start::command(&["serve", "--listen", &address]).flag("--data-dir", data.path());
    let words = [&address, "can't be listened on", "--listen", "in use"];
    refused(&data, start, &words).await;
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_had_is_told() {
    let data = Data::new();
    let file = data.beside("file", "a file");
    for folder in [&file, &file.join("data")] {
        let ended = Start::keyless(folder).run().await;
        failed(&ended, &[&folder.display().to_string()]);
    }
    // Root may write everywhere.
    if !rustix::process::geteuid().is_root() {
        let data = Data::used().await;
        fs::set_permissions(data.path(), Permissions::from_mode(0o500)).unwrap();
        fs::remove_file(data.file("lock")).unwrap_err();
        fs::set_permissions(data.file("cognate.sqlite"), Permissions::from_mode(0o400)).unwrap();
        refused(&data, keyless(&data), &["can't be opened", "belong"]).await;
        fs::set_permissions(data.path(), Permissions::from_mode(0o700)).unwrap();
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_not_taken_for_the_database() {
    let data = Data::used().await;
    fs::write(data.file("cognate.sqlite"), "Dear diary").unwrap();
    let words = ["cognate.sqlite isn't a database of cognate"];
    refused(&data, keyless(&data), &words).await;
}

#[tokio::test]
async fn data_without_its_master_key_is_refused() {
    let data = Data::used().await;
    let key = fs::read(data.file("master.key")).unwrap();
    fs::remove_file(data.file("master.key")).unwrap();
    let words = ["master.key is missing", "put the file back", "backups"];
    refused(&data, keyless(&data), &words).await;
    // Nor does it help to give the root key by hand.
    refused(&data, keyless(&data).with_root(), &words).await;

    fs::write(data.file("master.key"), key).unwrap();
    fs::set_permissions(data.file("master.key"), Permissions::from_mode(0o600)).unwrap();
    keyless(&data).up().await;
}

#[tokio::test]
async fn the_master_key_of_other_data_is_refused() {
    let (data, other) = (Data::used().await, Data::used().await);
    let words = ["master key", "is it the master key of this data directory?"];
    let wrong = |start: Start| start.flag("--master-key-file", other.file("master.key"));
    refused(&data, wrong(keyless(&data)), &words).await;
    refused(&data, wrong(keyless(&data).with_root()), &words).await;
    keyless(&data).up().await;
}

#[tokio::test]
async fn nothing_is_made_under_the_master_key_of_other_data() {
    // Its root key was given by hand so far, so that there is none that could fail to open.
    let (data, other) = (Data::new(), Data::used().await);
    let server = keyless(&data).with_root().up().await;
    server.stop().await;
    let start = keyless(&data).flag("--master-key-file", other.file("master.key"));
    let words = ["is it the master key of this data directory?"];
    refused(&data, start, &words).await;
    let server = keyless(&data).up().await;
    assert!(super::may_administrate(&server, &data.root_key()).await);
}

#[tokio::test]
async fn a_master_key_that_others_can_read_or_change_is_refused() {
    let data = Data::used().await;
    let key = data.file("master.key");
    for mode in [0o644, 0o640, 0o602, 0o666] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let words = [
            "can be read by others",
            &format!("chmod 600 {}", key.display()),
        ];
        refused(&data, keyless(&data), &words).await;
    }
    let elsewhere = data.beside("elsewhere", fs::read(&key).unwrap());
    fs::set_permissions(&elsewhere, Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(&key).unwrap();
    symlink(&elsewhere, &key).unwrap();
    refused(&data, keyless(&data), &["is not a plain file", "link"]).await;
}

#[tokio::test]
async fn data_that_every_user_of_the_machine_may_change_or_read_the_root_key_of_is_refused() {
    let data = Data::used().await;
    for (name, mode, good, words) in [
        (
            "",
            0o777,
            0o700,
            ["is writable by every user", "chmod o-w "],
        ),
        (
            "cognate.sqlite",
            0o602,
            0o600,
            ["is writable by every user", "chmod o-w "],
        ),
        (
            "root-credentials",
            0o644,
            0o600,
            ["is readable by every user", "chmod o-rwx "],
        ),
    ] {
        let path = data.file(name);
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        refused(&data, keyless(&data), &words).await;
        fs::set_permissions(&path, Permissions::from_mode(good)).unwrap();
    }
    // A group may be meant to.
    fs::set_permissions(data.path(), Permissions::from_mode(0o770)).unwrap();
    let server = keyless(&data).up().await;
    let ended = server.stop().await;
    assert!(
        ended.err.contains("the group may use this"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn a_master_key_that_is_none_is_refused() {
    let data = Data::used().await;
    fs::write(data.file("master.key"), "swordfish\n").unwrap();
    let words = ["is not a master key", "openssl rand -base64 32"];
    refused(&data, keyless(&data), &words).await;
}

fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

async fn refused_tls(certificate: &str, key: &str, words: &[&str]) {
    let data = Data::new();
    let (certificate, key) = (
        data.beside("certificate.pem", certificate),
        data.beside("key.pem", key),
    );
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let text = |path: &Path| path.display().to_string();
    let config = format!(
        "[tls]\ncertificate_file = {:?}\nkey_file = {:?}\n",
        text(&certificate),
        text(&key)
    );
    let config = data.beside("cognate.toml", config);
    for start in [keyless(&data), Start::command(&["check-config"])] {
        let ended = start.flag("--config", &config).run().await;
        failed(&ended, words);
        assert!(!data.path().exists(), "nothing is made: {ended:?}");
    }
}

#[tokio::test]
async fn a_tls_certificate_that_is_none_is_refused() {
    let (certificate, key) = certificate();
    let words = ["tls.certificate_file", "no CERTIFICATE in PEM"];
    refused_tls("Certified by me.", &key, &words).await;
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let words = ["certificate.pem", "key.pem", "can't be used for TLS"];
    refused_tls(garbage, &key, &words).await;
    let (_, other) = self::certificate();
    refused_tls(&certificate, &other, &words).await;
}

#[tokio::test]
async fn what_is_for_this_machine_alone_is_refused_elsewhere() {
    let data = Data::new();
    let serve = |flags: &[&str]| {
        let words = [&["serve", "--listen", "0.0.0.0:0"], flags].concat();
        Start::command(&words).flag("--data-dir", data.path())
    };
    let https = ["--public-url", "https://id.example.com"];
    let cases: [(&[&str], &[&str]); 4] = [
        (&https, &["plain HTTP", "unsafe.http_listener = true"]),
        (
            &["--public-url", "http://id.example.com"],
            &["without TLS", "unsafe.http_public_url = true"],
        ),
        (
            &["--upstream", "a.example=http://127.0.0.1:1"],
            &["upstreams", "unsafe.upstreams = true"],
        ),
        (
            &["--allow-http-issuers"],
            &["http issuers", "unsafe.http_issuers = true"],
        ),
    ];
    for (flags, words) in cases {
        let ended = serve(&[&https, flags].concat());
        let ended = if flags.contains(&"--public-url") {
            serve(flags).run().await
        } else {
            ended.run().await
        };
        failed(&ended, words);
        failed(&ended, &["0.0.0.0:0 is not a loopback address"]);
    }
    let ended = Start::command(&["dev", "--listen", "0.0.0.0:0"])
        .flag("--data-dir", data.path())
        .run()
        .await;
    failed(&ended, &["cognate dev listens on loopback addresses only"]);
    assert!(!data.path().exists(), "nothing is made");
}
