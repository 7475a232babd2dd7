//! A data directory that has been opened once, kept in memory: a world that begins with a copy need not make RSA keys of
//! its own. So the worlds of one process share keys, and nothing else.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use cognate::ambient::Still;
use cognate::app::{self, maintenance};
use tokio::sync::OnceCell;

use super::{beginning, client, config};

static FILES: OnceCell<Vec<(String, Vec<u8>)>> = OnceCell::const_new();

/// Fills an empty folder with the data directory of a house that has just been built.
pub async fn furnish(folder: &Path) {
    let files = FILES.get_or_init(build).await;
    let data = folder.join("data");
    let made = fs::DirBuilder::new().mode(0o700).create(&data);
    made.expect("a data directory");
    for (name, bytes) in files {
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(data.join(name));
        file.and_then(|mut file| file.write_all(bytes))
            .expect("a file of a data directory");
    }
}

async fn build() -> Vec<(String, Vec<u8>)> {
    client();
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(Still::at(beginning()));
    let config = config(folder.path(), |_| {});
    let opened = app::open(config, clock, "http://127.0.0.1".to_owned()).await;
    let house = opened.expect("a house that opens").app;
    maintenance::close(&house).await;
    drop(house);
    let entries = fs::read_dir(folder.path().join("data")).expect("a data directory");
    entries
        .map(|entry| {
            let entry = entry.expect("a file");
            let name = entry.file_name().into_string().expect("a name");
            (name, fs::read(entry.path()).expect("its bytes"))
        })
        .collect()
}
