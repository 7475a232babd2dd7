//! Existing data under another account or another public URL, and a file with root credentials that isn't the server's.

use std::fs;

use super::{Data, failed};
use crate::world::{Ended, Start};

const ONE: &str = "111111111111";
const OTHER: &str = "222222222222";

fn start(data: &Data, flags: &[(&str, &str)]) -> Start {
    let start = Start::keyless(&data.path());
    flags
        .iter()
        .fold(start, |start, (name, value)| start.flag(name, value))
}

async fn serves(start: Start) -> Ended {
    let ended = start.up().await.stop().await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    ended
}

/// Changes `flag` from `one` to `other`, which is refused until `accept` is there.
async fn changed(flag: &str, one: &str, other: &str, accept: &str) {
    let data = Data::new();
    serves(start(&data, &[(flag, one)])).await;
    serves(start(&data, &[(flag, one)])).await;
    let before = data.contents();
    for _ in 0..2 {
        let ended = start(&data, &[(flag, other)]).run().await;
        failed(&ended, &[one, other, accept]);
        assert!(!ended.err.contains("panicked"), "{}", ended.err);
    }
    let unchanged =
        |(path, what): (&_, &_)| data.contents().get::<std::path::PathBuf>(path) == Some(what);
    assert!(
        before.iter().all(unchanged),
        "a refused start changes nothing"
    );
    let ended = serves(start(&data, &[(flag, other)]).word(accept)).await;
    assert!(
        ended.err.contains("this is the deployment of the store"),
        "{}",
        ended.err
    );
    // From now on, the other one is the one of the data.
    serves(start(&data, &[(flag, other)])).await;
    failed(
        &start(&data, &[(flag, one)]).run().await,
        &[one, other, accept],
    );
}

#[tokio::test]
async fn another_account_over_existing_data_is_refused_until_it_is_accepted() {
    changed("--account-id", ONE, OTHER, "--accept-changed-account-id").await;
}

#[tokio::test]
async fn another_public_url_over_existing_data_is_refused_until_it_is_accepted() {
    let (one, other) = ("https://one.example.com", "https://one.example.com/id");
    changed("--public-url", one, other, "--accept-changed-public-url").await;
}

#[tokio::test]
async fn a_public_url_that_was_not_set_is_no_changed_one() {
    let data = Data::new();
    serves(start(&data, &[])).await;
    let url = ("--public-url", "https://id.example.com");
    serves(start(&data, &[url])).await;
    // A start without a URL, for example to look at the data, changes nothing.
    serves(start(&data, &[])).await;
    let other = ("--public-url", "https://other.example.com");
    let words = ["https://id.example.com", "https://other.example.com"];
    failed(&start(&data, &[other]).run().await, &words);
    // Accepting one change doesn't accept the other.
    let both = start(&data, &[other, ("--account-id", ONE)]).word("--accept-changed-public-url");
    failed(&both.run().await, &["--accept-changed-account-id"]);
}

#[tokio::test]
async fn a_file_with_other_root_credentials_is_kept() {
    let data = Data::used().await;
    let file = data.file("root-credentials");
    let own = fs::read_to_string(&file).unwrap();
    let recover = || Start::command(&["root-key", "recover"]).flag("--data-dir", data.path());
    // The server's own file is replaced, because its key has stopped working.
    assert_eq!(recover().run().await.status.code(), Some(0));
    assert!(!data.file("root-credentials.kept-1").exists());
    let with_lines = format!(
        "{}[prod]\naws_access_key_id = AKIAPROD\n",
        fs::read_to_string(&file).unwrap()
    );
    for (number, other) in [own.as_str(), &with_lines].into_iter().enumerate() {
        fs::write(&file, other).unwrap();
        assert_eq!(recover().run().await.status.code(), Some(0));
        let name = format!("root-credentials.kept-{}", number + 1);
        assert_eq!(fs::read_to_string(data.file(&name)).unwrap(), other);
        assert_eq!(data.mode(&name), 0o600);
        assert_ne!(fs::read_to_string(&file).unwrap(), other);
    }
    serves(start(&data, &[])).await;
}
