//! Opening the embedded store: the lock, the checks, the settings of a connection, and the errors for the operator.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::condition::DiskCondition;
use super::lock::{self, private};
use super::log::Log;
use super::log_file::{self, LogContent};
use super::migrate::{self, Found, MIGRATIONS, MigrationError};
use super::readers::Readers;
use super::tables::REVISION;
use super::writer::Writer;
use super::{SqliteStore, copy};
use crate::store::copy::{OpenPurpose, TransferError};

pub(super) const DATABASE: &str = "cognate.sqlite";

/// The size of the write-ahead log, in bytes, at which changes are refused by default.
pub(super) const LOG_LIMIT: u64 = 1 << 30;

/// The position of SQLite's locks in the file.
const LOCK_BYTE: u64 = 1 << 30;

/// How long the writing connection waits for others.
pub(super) const WRITER_PATIENCE: Duration = Duration::from_secs(5);

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
    /// The write-ahead log of a process that was killed has lost changes that were answered.
    #[error(
        "{} is damaged: changes that were answered can't be read. Restore a backup. To go on without these changes, run \
         `cognate new-generation`",
        log.display()
    )]
    DamagedLog {
        /// The file of the log.
        log: PathBuf,
    },
    /// The database file has lost its end.
    #[error(
        "{} has {found} bytes and should have {expected}: restore a backup",
        database.display()
    )]
    Short {
        /// The database file.
        database: PathBuf,
        /// How many bytes it has.
        found: u64,
        /// How many bytes its header and its log ask for.
        expected: u64,
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

/// Opens the store in `folder` for `purpose`: lock, checks, migrations, log, readers, writer. Changes are refused while the
/// write-ahead log has `log_limit` bytes.
pub(super) fn open(
    folder: &Path,
    purpose: OpenPurpose,
    log_limit: u64,
) -> Result<SqliteStore, OpenError> {
    if !is_recent(rusqlite::version_number()) {
        let version = rusqlite::version();
        return Err(OpenError::OldSqlite { version });
    }
    let path = folder.join(DATABASE);
    let is_missing = purpose.needs_store() && !path.exists();
    let no_store = || OpenError::NoStore {
        folder: folder.to_owned(),
    };
    if is_missing {
        return Err(no_store());
    }
    let lock = lock::take(folder)?;
    private(&path).map_err(|source| io_error(&path, source))?;
    let log_path = migrate::beside(&path, "-wal");
    let content = log_file::examine(&log_path).map_err(|source| io_error(&log_path, source))?;
    // SQLite removes what is behind the damage.
    if content.is_damaged && purpose != OpenPurpose::Recovered {
        return Err(OpenError::DamagedLog { log: log_path });
    }
    check_length(&path, &content)?;
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
        Found::Ours(0) if purpose.needs_store() => return Err(no_store()),
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
    REVISION.fill(&db, 1).map_err(sqlite)?;
    let condition = Arc::new(DiskCondition::default());
    let log = Log::open(&mut db, log_path, log_limit, Arc::clone(&condition)).map_err(sqlite)?;
    let readers = Arc::new(Readers::open(&path).map_err(sqlite)?);
    let writer = Writer::start(db, log, Arc::clone(&condition), Arc::clone(&readers), lock)
        .map_err(|source| io_error(&path, source))?;
    Ok(SqliteStore {
        readers,
        writer,
        condition,
    })
}

/// Checks that each page of the database is in its file or in the log. Read before SQLite has the file open: closing another
/// handle of it would end SQLite's locks.
pub(super) fn check_length(database: &Path, log: &LogContent) -> Result<(), OpenError> {
    let failed = |source| io_error(database, source);
    let mut file = File::open(database).map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    let mut header = [0; 100];
    if found < 100 {
        // An empty file is a new database, and SQLite refuses any other.
        return Ok(());
    }
    file.read_exact(&mut header).map_err(failed)?;
    let number = |at: usize| {
        let bytes = header[at..at + 4]
            .try_into()
            .expect("a number has four bytes");
        u64::from(u32::from_be_bytes(bytes))
    };
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 1 << 16,
        size => u64::from(size),
    };
    // Versions of SQLite that don't count pages leave another number of changes here.
    let is_counted = header.starts_with(b"SQLite format 3\0") && number(24) == number(92);
    let pages = match log.frames {
        0 if is_counted => number(28),
        0 => return Ok(()),
        _ => log.database_pages,
    };
    // SQLite never writes the page that has its locks.
    let lock_page = LOCK_BYTE / page.max(512) + 1;
    let mut missing = found / page.max(512) + 1..=pages;
    let is_there =
        |at: u64| at == lock_page || u32::try_from(at).is_ok_and(|at| log.pages.contains(&at));
    if missing.all(is_there) {
        return Ok(());
    }
    Err(OpenError::Short {
        database: database.to_owned(),
        found,
        expected: pages * page,
    })
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
    prepare(&db, WRITER_PATIENCE)?;
    // FULL syncs the log at every COMMIT; fullfsync does on macOS what a sync does elsewhere.
    db.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA wal_autocheckpoint = 0;
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

pub(super) fn prepare(db: &Connection, patience: Duration) -> rusqlite::Result<()> {
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
