//! The binary as a process: how it starts, refuses to, serves, is administrated, and stops.

mod administration;
mod audit;
mod backups;
mod certificates;
mod commands;
mod connections;
mod deployment;
mod descriptors;
mod dev;
mod floods;
mod generations;
mod hosts;
mod lifetimes;
mod logging;
mod management;
mod master_keys;
mod proxies;
mod recovery;
mod refusals;
mod reloads;
mod seeds;
mod starts;
mod stops;
mod unread;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::world::{Credentials, Ended, Start};

/// A data directory that is not made yet.
pub struct Data(tempfile::TempDir);

impl Data {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// One that a server has made, served from and closed.
    pub async fn used() -> Self {
        let data = Self::new();
        let server = Start::keyless(&data.path()).up().await;
        assert!(server.stop().await.status.success());
        data
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// A file beside the data directory.
    pub fn beside(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("a file that can be written");
        path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.file(name)).expect("a file").mode() & 0o7777
    }

    /// All that is in it.
    pub fn contents(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(self.path()).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            let mode = fs::symlink_metadata(&path).expect("a file").mode();
            let bytes = fs::read(&path).expect("a file that can be read");
            all.insert(path, (mode, bytes));
        }
        all
    }

    /// The root key that the server wrote down.
    pub fn root_key(&self) -> Credentials {
        root_key(&self.file("root-credentials"))
    }
}

fn root_key(path: &Path) -> Credentials {
    let text = fs::read_to_string(path).expect("a file with a root key");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a line of the AWS credentials file").to_owned()
    };
    assert!(text.starts_with("[default]\n"));
    Credentials {
        id: value("aws_access_key_id = "),
        secret: value("aws_secret_access_key = "),
        session_token: None,
    }
}

/// That a start failed as it should, and said `words`.
#[track_caller]
pub fn failed(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(!ended.out.contains("serves on"), "{}", ended.out);
    for word in words {
        assert!(ended.err.contains(word), "no {word:?} in: {}", ended.err);
    }
}

/// Whether a key may administrate.
async fn may_administrate(server: &crate::world::Running, key: &Credentials) -> bool {
    let input = json!({ "MaxResults": 1 });
    let answer = server.signed(key, "ListIdentityPools", input).await;
    if answer.status != 200 {
        assert_eq!(answer.error().1, "UnrecognizedClientException");
    }
    answer.status == 200
}

/// Waits until `is_so`, for a minute.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..6000 {
        if is_so().await {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("it doesn't come to be");
}
