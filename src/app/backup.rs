//! Backups of an embedded store: made next to a running server, and restored to a new generation.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::missing_changes::{self, MissingChangesError, RepeatedChanges};
use super::new_generation::{self, NewGenerationError};
use super::offline_store::StoreLocation;
use super::open::{StartError, make_data_directory};
use crate::ambient::Ambient;
use crate::config::Config;
use crate::store::sqlite;
use crate::store::sqlite::backup::{BackupError, Staged, back_up};

const PREFIX: &str = "cognate-";
const SUFFIX: &str = ".sqlite";

/// A backup that was made.
#[derive(Debug)]
pub struct MadeBackup {
    /// The file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Older backups that were removed.
    pub removed: Vec<PathBuf>,
}

/// Backs up the store in `folder` to `target`: a new file, or a directory, where the backup is named after the time. Then
/// removes all but the newest `keep` backups of that directory.
pub fn make(
    folder: &Path,
    target: &Path,
    keep: Option<usize>,
    ambient: &dyn Ambient,
) -> Result<MadeBackup, BackupError> {
    let into = target.is_dir();
    let file = if into {
        let time = ambient.now().strftime("%Y%m%dT%H%M%SZ");
        target.join(format!("{PREFIX}{time}{SUFFIX}"))
    } else {
        target.to_owned()
    };
    let size = back_up(folder, &file)?;
    let removed = match keep {
        Some(keep) if into => remove_older(target, keep).map_err(|source| BackupError::Io {
            path: target.to_owned(),
            source,
        })?,
        _ => Vec::new(),
    };
    Ok(MadeBackup {
        file,
        size,
        removed,
    })
}

/// Removes all but the newest `keep` backups of a directory. Their names are in the order of time.
fn remove_older(folder: &Path, keep: usize) -> io::Result<Vec<PathBuf>> {
    let mut backups = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(is_backup)
        {
            backups.push(path);
        }
    }
    backups.sort();
    backups.truncate(backups.len().saturating_sub(keep));
    for path in &backups {
        fs::remove_file(path)?;
    }
    Ok(backups)
}

/// Whether a file has the name of a backup: `cognate-20261128T183000Z.sqlite`.
fn is_backup(name: &str) -> bool {
    let time = name
        .strip_prefix(PREFIX)
        .and_then(|name| name.strip_suffix(SUFFIX));
    time.is_some_and(|time| {
        time.len() == 16
            && time.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            })
    })
}

/// Why a backup is not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The data directory can't be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The backup can't be used, or the store exists.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The audit log can't be applied.
    #[error(transparent)]
    MissingChanges(#[from] MissingChangesError),
    /// The backup can't begin a new generation.
    #[error(transparent)]
    NewGeneration(#[from] NewGenerationError),
}

/// A backup that was restored.
#[derive(Debug)]
pub struct RestoredBackup {
    /// When the new generation began.
    pub began: Timestamp,
    /// The time of the newest change in the backup.
    pub newest: Option<Timestamp>,
    /// What was repeated of an audit log, if there is one.
    pub repeated: Option<RepeatedChanges>,
}

/// Restores the backup `file` to the data directory of `config`, which must have no store, as a new generation, and repeats
/// what `audit_log` has and the backup lacks. Where it fails, the directory has no store afterwards.
pub async fn restore(
    file: &Path,
    audit_log: Option<&Path>,
    config: &Config,
    ambient: Arc<dyn Ambient>,
) -> Result<RestoredBackup, RestoreError> {
    let folder = &config.data_dir;
    make_data_directory(folder)?;
    let staged = Staged::copy(file, folder)?;
    let report = sqlite::inspect(staged.directory()).map_err(StartError::from)?;
    if let Some(fault) = report.faults.first() {
        return Err(RestoreError::Backup(BackupError::Unusable {
            path: file.to_owned(),
            problem: format!("it is damaged: {fault}"),
        }));
    }
    let location = StoreLocation::Directory(staged.directory().to_owned());
    let (began, newest) = new_generation::begin(&location, Arc::clone(&ambient)).await?;
    let repeated = match audit_log {
        None => None,
        Some(path) => {
            let changes = missing_changes::read(path, newest)?;
            let folder = staged.directory();
            Some(missing_changes::repeat(changes, folder, config, &ambient).await?)
        }
    };
    staged.put_in_force()?;
    Ok(RestoredBackup {
        began,
        newest,
        repeated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_backups_with_a_time_in_their_names_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let times = ["20261128T183000Z", "20261127T183000Z", "20251128T183000Z"];
        let mine = times.map(|time| folder.path().join(format!("cognate-{time}.sqlite")));
        let others = [
            "cognate.sqlite",
            "cognate-mine.sqlite",
            "cognate-20240101T000000Z.sqlite.partial",
            "cognate-20240101T00000éZ.sqlite",
            "cognate-2024010100000000.sqlite",
        ];
        for name in mine
            .iter()
            .cloned()
            .chain(others.map(|name| folder.path().join(name)))
        {
            fs::write(name, "").unwrap();
        }
        assert_eq!(
            remove_older(folder.path(), 1).unwrap(),
            [mine[2].clone(), mine[1].clone()]
        );
        assert!(mine[0].exists());
        assert!(others.iter().all(|name| folder.path().join(name).exists()));
        assert!(remove_older(folder.path(), 1).unwrap().is_empty());
    }
}
