//! Starting: what is said, what is made and who may read it, and starts that were cut short.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use cognate::ambient::{Ambient, Real};
use tokio::time::sleep;

use super::{Data, may_administrate, root_key};
use crate::world::{Credentials, Running, Start};

#[tokio::test]
async fn the_first_lines_say_what_is_served_where() {
    let data = Data::new();
    let first = Start::keyless(&data.path())
        .flag("--region", "eu-west-1")
        .flag("--account-id", "999988887777")
        .up()
        .await;
    let (folder, address) = (data.path(), first.address().to_owned());
    let folder = folder.display();
    for line in [
        format!(
            "Created a master key: {folder}/master.key. Backups don't contain it; store it separately."
        ),
        format!("Created a root access key: {folder}/root-credentials (AWS credentials file)."),
        format!(
            "Cognate {} serves on http://{address}",
            env!("CARGO_PKG_VERSION")
        ),
        "  Cognito Identity, STS and IAM for account 999988887777, eu-west-1".to_owned(),
        format!("  Issuer http://{address}"),
        format!("  Data   {folder}"),
    ] {
        assert!(first.out().contains(&format!("{line}\n")), "{line}");
    }
    let secret = data.root_key().secret;
    let ended = first.stop().await;
    assert!(!(ended.out + &ended.err).contains(&secret));

    let second = Start::keyless(&data.path())
        .flag("--account-id", "999988887777")
        .up()
        .await;
    assert!(!second.out().contains("Made"), "{}", second.out());
    assert!(second.out().contains(", any region\n"));
}

#[tokio::test]
async fn only_the_owner_may_read_what_is_made() {
    let data = Data::new();
    let server = Start::keyless(&data.path()).up().await;
    assert_eq!(fs::metadata(data.path()).unwrap().mode() & 0o7777, 0o700);
    for name in [
        "master.key",
        "root-credentials",
        "lock",
        "cognate.sqlite",
        "cognate.sqlite-wal",
        "cognate.sqlite-shm",
    ] {
        assert_eq!(data.mode(name), 0o600, "{name}");
    }
    server.stop().await;
    let names: Vec<_> = data.contents().into_keys().collect();
    let expected = ["cognate.sqlite", "lock", "master.key", "root-credentials"];
    assert_eq!(names, expected.map(|name| data.file(name)));
}

#[tokio::test]
async fn the_root_key_that_was_made_signs() {
    let data = Data::new();
    let server = Start::keyless(&data.path()).up().await;
    let key = data.root_key();
    assert!(key.id.starts_with("AKIA") && key.id.len() == 20);
    assert_eq!(key.secret.len(), 40);
    assert!(may_administrate(&server, &key).await);
    assert!(!may_administrate(&server, &Credentials::root()).await);
}

#[tokio::test]
async fn a_root_key_from_the_environment_takes_the_place_of_the_one_that_is_kept() {
    let data = Data::used().await;
    let server = Start::serve(&data.path()).up().await;
    assert!(may_administrate(&server, &Credentials::root()).await);
    assert!(!may_administrate(&server, &data.root_key()).await);
    server.stop().await;
    let server = Start::keyless(&data.path()).up().await;
    assert!(may_administrate(&server, &data.root_key()).await);
}

#[tokio::test]
async fn a_root_key_from_the_environment_is_written_nowhere() {
    let data = Data::new();
    let server = Start::serve(&data.path()).up().await;
    assert!(!data.file("root-credentials").exists());
    server.stop().await;
    let secret = Credentials::root().secret;
    for (path, (_, bytes)) in data.contents() {
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

#[tokio::test]
async fn a_disabled_root_key_signs_nothing() {
    let data = Data::used().await;
    let config = data.beside("cognate.toml", "root.enabled = false\n");
    let server = Start::serve(&data.path())
        .flag("--config", config)
        .up()
        .await;
    assert!(!may_administrate(&server, &data.root_key()).await);
    assert!(!may_administrate(&server, &Credentials::root()).await);
}

/// Kills it a moment after its start.
async fn kill_early(server: Start, milliseconds: u64) {
    let mut child = server.spawn();
    sleep(Duration::from_millis(milliseconds)).await;
    child.kill().await.unwrap();
}

async fn works(server: &Running, data: &Data) {
    assert_eq!(server.get("/health").await.status, 200);
    assert!(may_administrate(server, &data.root_key()).await);
    assert_eq!(data.mode("root-credentials"), 0o600);
}

#[tokio::test]
async fn a_first_start_that_was_killed_is_begun_again() {
    for _ in 0..5 {
        let data = Data::new();
        for _ in 0..3 {
            let mut moment = [0; 1];
            Real.fill(&mut moment);
            kill_early(Start::keyless(&data.path()), u64::from(moment[0])).await;
        }
        let server = Start::keyless(&data.path()).up().await;
        works(&server, &data).await;
        assert!(!data.file("root-credentials.new").exists());
    }
}

fn write_secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_new_root_key_that_a_crash_left_aside_is_put_in_its_place() {
    let data = Data::used().await;
    let (kept, aside) = (
        data.file("root-credentials"),
        data.file("root-credentials.new"),
    );
    // As a crash leaves it that comes after the store has the new key, and before the file has its name.
    let key = root_key(&kept);
    fs::rename(&kept, &aside).unwrap();
    let old = "[default]\naws_access_key_id = AKIAOLD\naws_secret_access_key = old\n";
    write_secret(&kept, old);
    let server = Start::keyless(&data.path()).up().await;
    assert_eq!(data.root_key().id, key.id);
    assert!(!aside.exists());
    works(&server, &data).await;
}

#[tokio::test]
async fn a_root_key_that_never_came_into_use_is_removed() {
    let data = Data::used().await;
    let key = data.root_key();
    let aside = data.file("root-credentials.new");
    let others = [
        "[default]\naws_access_key_id = AKIANEVERUSED\naws_secret_access_key = never\n".to_owned(),
        // The right id alone doesn't make it the key in the store.
        format!(
            "[default]\naws_access_key_id = {}\naws_secret_access_key = never\n",
            key.id
        ),
        String::new(),
    ];
    for text in others {
        write_secret(&aside, &text);
        let server = Start::keyless(&data.path()).up().await;
        assert!(!aside.exists());
        assert_eq!(data.root_key().secret, key.secret);
        works(&server, &data).await;
        server.stop().await;
    }
}
