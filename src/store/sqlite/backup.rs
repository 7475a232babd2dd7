//! Backing up the file of an embedded store while a server uses it, and checking a backup before it is restored.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::lock;
use super::migrate::{self, Found, MIGRATIONS, beside};
use super::open::{DATABASE, OpenError, connect_reader};

/// How long a backup waits before it tries again to read a database that is locked.
const PAUSE: Duration = Duration::from_millis(50);

/// How many times a backup waits.
const TRIES: u32 = 200;

/// Why a backup is not made, or not restored, in a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The directory has no store.
    #[error("there is no store in {}: name the server's directory with --data-dir", .0.display())]
    NoStore(PathBuf),
    /// The target of a backup exists.
    #[error("{} exists and is not overwritten: choose another name, or a directory", .0.display())]
    Exists(PathBuf),
    /// The data directory that a backup is to be restored to has a store.
    #[error("{} exists and is not overwritten: move it away, or restore to another --data-dir", .0.display())]
    StoreExists(PathBuf),
    /// The file is not a whole database of this program.
    #[error("{} is not a backup that can be restored: {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The copy of the store is damaged, although it was just made.
    #[error(
        "the backup doesn't verify, so it was removed: the store in {} is damaged, or the disk of the backup is: {problem}",
        folder.display()
    )]
    Damaged {
        /// The data directory.
        folder: PathBuf,
        /// The first problem that SQLite found.
        problem: String,
    },
    /// The file system reports an error.
    #[error("{} can't be used: see that its disk has space and that this user may write there", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// SQLite reports an error while it copies.
    #[error("the store in {} can't be copied: see that the disk of the backup has space", folder.display())]
    Sqlite {
        /// The data directory.
        folder: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The data directory is in use.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Copies the store in `folder` to the new file `target`, verified and synced, in one snapshot of its commits; returns its
/// size in bytes. A server may have the store open: its lock isn't needed, and its log isn't changed.
pub fn back_up(folder: &Path, target: &Path) -> Result<u64, BackupError> {
    let source = folder.join(DATABASE);
    if !source.exists() {
        return Err(BackupError::NoStore(folder.to_owned()));
    }
    if target.exists() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    let partial = beside(target, ".partial");
    let file = new_private(&partial)?;
    let made = copy(folder, &source, &partial)
        .and_then(|()| file.sync_all().map_err(io_error(&partial)))
        .and_then(|()| put_in_force(&partial, target));
    if made.is_err() {
        remove(&partial);
    }
    made?;
    let size = fs::metadata(target).map_err(io_error(target))?.len();
    Ok(size)
}

fn copy(folder: &Path, source: &Path, target: &Path) -> Result<(), BackupError> {
    let sqlite = |source| BackupError::Sqlite {
        folder: folder.to_owned(),
        source,
    };
    let from = connect_reader(source).map_err(sqlite)?;
    if !matches!(migrate::find(&from).map_err(sqlite)?, Found::Ours(version) if version > 0) {
        return Err(BackupError::NoStore(folder.to_owned()));
    }
    let mut to = Connection::open_with_flags(
        target,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(sqlite)?;
    to.pragma_update(None, "synchronous", "OFF")
        .map_err(sqlite)?;
    let backup = Backup::new(&from, &mut to).map_err(sqlite)?;
    let mut tries = 0;
    // All pages in one step are one snapshot: with several steps, each commit of the server would start the copy again.
    loop {
        match backup.step(-1).map_err(sqlite)? {
            StepResult::Done => break,
            _ if tries == TRIES => {
                let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(sqlite(rusqlite::Error::SqliteFailure(busy, None)));
            }
            _ => {
                tries += 1;
                #[expect(clippy::disallowed_methods, reason = "a command without a server")]
                std::thread::sleep(PAUSE);
            }
        }
    }
    drop(backup);
    // Without a write-ahead log, the backup is one file.
    to.pragma_update(None, "journal_mode", "DELETE")
        .map_err(sqlite)?;
    match first_problem(&to).map_err(sqlite)? {
        None => Ok(()),
        Some(problem) => Err(BackupError::Damaged {
            folder: folder.to_owned(),
            problem,
        }),
    }
}

/// The first problem of the database's structure.
fn first_problem(db: &Connection) -> rusqlite::Result<Option<String>> {
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

/// A backup that is being restored: a copy of it in a directory of its own, next to where the store will be. Dropping it
/// removes the copy.
#[derive(Debug)]
pub struct Staged {
    folder: PathBuf,
    staging: PathBuf,
    _lock: File,
}

impl Staged {
    /// Copies the backup `file` next to the store that `folder`, which is there, is to have, and verifies the copy.
    pub fn copy(file: &Path, folder: &Path) -> Result<Self, BackupError> {
        let lock = lock::take(folder)?;
        for suffix in ["", "-wal", "-shm"] {
            let existing = beside(&folder.join(DATABASE), suffix);
            if existing.exists() {
                return Err(BackupError::StoreExists(existing));
            }
        }
        let log = beside(file, "-wal");
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            return Err(unusable(
                file,
                format!(
                    "{} is next to it, so a server may be using it: make the backup with `cognate backup`",
                    log.display()
                ),
            ));
        }
        let staging = folder.join("restore.partial");
        remove_folder(&staging)?;
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&staging).map_err(io_error(&staging))?;
        let staged = Self {
            folder: folder.to_owned(),
            staging,
            _lock: lock,
        };
        let copy = staged.staging.join(DATABASE);
        let mut from = File::open(file).map_err(io_error(file))?;
        let mut to = new_private(&copy)?;
        io::copy(&mut from, &mut to).map_err(io_error(&copy))?;
        to.sync_all().map_err(io_error(&copy))?;
        verify(&copy, file)?;
        Ok(staged)
    }

    /// The directory with the copy, to be opened as a store.
    pub fn directory(&self) -> &Path {
        &self.staging
    }

    /// Makes the copy, which must be closed, the store of the directory.
    pub fn put_in_force(self) -> Result<(), BackupError> {
        let copy = self.staging.join(DATABASE);
        put_in_force(&copy, &self.folder.join(DATABASE))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.staging) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a copy of the backup is left"
            );
        }
    }
}

/// Checks that `copy`, a copy of the backup `file`, is a whole database that this program can open.
fn verify(copy: &Path, file: &Path) -> Result<(), BackupError> {
    let unreadable = |error: rusqlite::Error| unusable(file, error.to_string());
    let db =
        Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(unreadable)?;
    db.pragma_update(None, "trusted_schema", false)
        .map_err(unreadable)?;
    match migrate::find(&db).map_err(unreadable)? {
        Found::Foreign => return Err(unusable(file, "it belongs to another program".to_owned())),
        Found::Ours(0) => return Err(unusable(file, "it is empty".to_owned())),
        Found::Ours(version) if version > MIGRATIONS.len() => {
            let known = MIGRATIONS.len();
            return Err(unusable(
                file,
                format!(
                    "it has version {version} and this cognate knows versions up to {known}; use the cognate that made it"
                ),
            ));
        }
        Found::Ours(_) => {}
    }
    match first_problem(&db).map_err(unreadable)? {
        None => Ok(()),
        Some(problem) => Err(unusable(file, format!("it is damaged: {problem}"))),
    }
}

fn unusable(path: &Path, problem: String) -> BackupError {
    BackupError::Unusable {
        path: path.to_owned(),
        problem,
    }
}

fn new_private(path: &Path) -> Result<File, BackupError> {
    remove(path);
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.map_err(io_error(path))
}

/// Gives a complete and synced file its name.
fn put_in_force(partial: &Path, target: &Path) -> Result<(), BackupError> {
    fs::rename(partial, target).map_err(io_error(target))?;
    let parent = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = parent.unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(io_error(folder))
}

/// Removes what an interrupted or failed backup left.
fn remove(partial: &Path) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        fs::remove_file(beside(partial, suffix)).ok();
    }
}

fn remove_folder(path: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(path)(error)),
        _ => Ok(()),
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { path, source }
}
