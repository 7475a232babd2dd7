//! Opening the embedded store: the lock, the checks, the settings of a connection, and the errors for the operator.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::lock::{self, private};
use super::migrate::{self, Found, MIGRATIONS, MigrationError};
use super::readers::Readers;
use super::writer::Writer;
use super::{SqliteStore, copy};
use crate::store::copy::{OpenPurpose, TransferError};

pub(super) const DATABASE: &str = "cognate.sqlite";

/// SQLite before 3.51.3 can lose a committed change when a write races a checkpoint.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Why the embedded store doesn't open, in a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the lock.
    #[error(
        "the data directory {} is in use by another cognate process: stop that one, or choose \
         another directory with --data-dir",
        folder.display()
    )]
    InUse {
        /// The data directory.
        folder: PathBuf,
    },
    /// The directory has no store.
    #[error("there is no store in {}", folder.display())]
    NoStore {
        /// The data directory.
        folder: PathBuf,
    },
    /// The SQLite library that this program runs with.
    #[error(
        "SQLite {version} can lose changes: use a build of cognate with SQLite 3.51.3 or newer"
    )]
    OldSqlite {
        /// Its version.
        version: &'static str,
    },
    /// The database has another owner, or isn't one.
    #[error(
        "{} isn't a database of cognate: move it away, or choose another directory with --data-dir",
        database.display()
    )]
    Foreign {
        /// The database file.
        database: PathBuf,
    },
    /// The database was migrated by a later release.
    #[error(
        "{} has version {found} and this cognate knows versions up to {known}: run the \
         newer cognate that wrote it, or restore a backup made before",
        database.display()
    )]
    Newer {
        /// The database file.
        database: PathBuf,
        /// Its version.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
    /// The store is an unfinished copy, or was moved.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The file system has no write-ahead log for it, as network file systems may not.
    #[error(
        "{} can't keep a write-ahead log here: put the data directory on a local disk",
        database.display()
    )]
    NoLog {
        /// The database file.
        database: PathBuf,
    },
    /// The operating system says no.
    #[error(
        "{} can't be opened: see that the directory is there, and that it and its \
         files belong to the user that runs cognate",
        path.display()
    )]
    Io {
        /// What was to be opened.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// SQLite says no.
    #[error(
        "{} can't be opened: see that its disk has room and its files belong to the \
         user that runs cognate; if it is damaged, restore a backup",
        database.display()
    )]
    Sqlite {
        /// The database file.
        database: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// The database of an earlier version can't be copied before it is migrated.
    #[error(
        "{} has to be migrated, and is copied first, but the copy failed: see that the disk of the data \
         directory has {} MiB free; nothing was changed",
        database.display(), needed.div_ceil(1024 * 1024)
    )]
    NotCopied {
        /// The database file.
        database: PathBuf,
        /// How many bytes the migration needs.
        needed: u64,
        /// Why not, where it isn't the space.
        #[source]
        source: Option<rusqlite::Error>,
    },
}

/// Opens the store in `folder` for `purpose`: lock, checks, migrations, readers, writer.
pub(super) fn open(folder: &Path, purpose: OpenPurpose) -> Result<SqliteStore, OpenError> {
    if !is_recent(rusqlite::version_number()) {
        let version = rusqlite::version();
        return Err(OpenError::OldSqlite { version });
    }
    let path = folder.join(DATABASE);
    let is_missing = purpose == OpenPurpose::Existing && !path.exists();
    let no_store = || OpenError::NoStore {
        folder: folder.to_owned(),
    };
    if is_missing {
        return Err(no_store());
    }
    let lock = lock::take(folder)?;
    private(&path).map_err(|source| io_error(&path, source))?;
    let sqlite = |source: rusqlite::Error| {
        let database = path.clone();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::Foreign { database },
            _ => OpenError::Sqlite { database, source },
        }
    };
    let mut db = connect_writer(&path).map_err(sqlite)?;
    let version = match migrate::find(&db).map_err(sqlite)? {
        Found::Foreign => return Err(OpenError::Foreign { database: path }),
        Found::Ours(0) if purpose == OpenPurpose::Existing => return Err(no_store()),
        Found::Ours(version) => version,
    };
    if version > MIGRATIONS.len() {
        return Err(OpenError::Newer {
            database: path,
            found: version,
            known: MIGRATIONS.len(),
        });
    }
    #[cfg(unix)]
    restrict(&path).map_err(|source| io_error(&path, source))?;
    if !set_log(&db).map_err(sqlite)? {
        return Err(OpenError::NoLog { database: path });
    }
    migrate::bring_up(&mut db, &path, version, MIGRATIONS).map_err(|error| match error {
        MigrationError::Sqlite(source) => sqlite(source),
        MigrationError::NotCopied { needed, source } => {
            let database = path.clone();
            OpenError::NotCopied {
                database,
                needed,
                source,
            }
        }
    })?;
    if purpose == OpenPurpose::Serve
        && let Some(mark) = copy::transfer(&db).map_err(sqlite)?
    {
        return Err(mark.refusal().into());
    }
    let readers = Arc::new(Readers::open(&path).map_err(sqlite)?);
    let writer =
        Writer::start(db, Arc::clone(&readers), lock).map_err(|source| io_error(&path, source))?;
    Ok(SqliteStore { readers, writer })
}

/// Whether `folder` has the lock of a store but no database, or an empty one.
pub(super) fn is_gone(folder: &Path) -> bool {
    let has_database = std::fs::metadata(folder.join(DATABASE)).is_ok_and(|file| file.len() > 0);
    lock::exists(folder) && !has_database
}

fn is_recent(version: i32) -> bool {
    version >= OLDEST_SQLITE
}

pub(super) fn io_error(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    OpenError::Io { path, source }
}

/// Removes the rights of other users to an older file; SQLite gives the files beside it the same mode. By its path:
/// closing a second handle of the file would end SQLite's locks on it.
#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, owner_only)
}

fn connect_writer(database: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    prepare(&db, Duration::from_secs(5))?;
    // FULL syncs the log at every COMMIT; fullfsync does on macOS what a sync does elsewhere.
    db.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA wal_autocheckpoint = 1000;
         PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(db)
}

/// A read-only connection to a database that the writer has set up.
pub(super) fn connect_reader(database: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // A write-ahead log doesn't lock readers out; only the recovery of a crashed log could, and that is over.
    prepare(&db, Duration::from_secs(1))?;
    Ok(db)
}

fn prepare(db: &Connection, patience: Duration) -> rusqlite::Result<()> {
    db.busy_timeout(patience)?;
    db.set_prepared_statement_cache_capacity(64);
    // A doctored file shall not run what its schema says, nor shall SQL write to the file's own structures.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.execute_batch(
        "PRAGMA trusted_schema = OFF;
         PRAGMA foreign_keys = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -8192;",
    )
}

/// Turns the write-ahead log on. `false` where it can't be had.
fn set_log(db: &Connection) -> rusqlite::Result<bool> {
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    Ok(mode == "wal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_that_can_lose_changes_is_too_old() {
        assert!(!is_recent(3_051_002));
        assert!(!is_recent(3_050_099));
        assert!(is_recent(3_051_003));
        assert!(is_recent(3_054_001));
        assert!(is_recent(rusqlite::version_number()));
    }
}
