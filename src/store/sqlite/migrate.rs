//! Brings the schema to the newest version, one numbered file after the other. A file that was released is never
//! edited: the next one changes what it made.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::lock::private;

/// The schema's history: the file at index `n` leads from version `n` to `n + 1`.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/sqlite/0001_first.sql"),
    include_str!("../migrations/sqlite/0002_saml_providers.sql"),
    include_str!("../migrations/sqlite/0003_roles.sql"),
    include_str!("../migrations/sqlite/0004_revoked.sql"),
    include_str!("../migrations/sqlite/0005_records.sql"),
    include_str!("../migrations/sqlite/0006_revoked_in_one_pool.sql"),
    include_str!("../migrations/sqlite/0007_transfer.sql"),
    include_str!("../migrations/sqlite/0008_generation.sql"),
    include_str!("../migrations/sqlite/0009_probe.sql"),
    include_str!("../migrations/sqlite/0010_checksums.sql"),
];

/// Marks a database file as ours: "Cgnt".
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"Cgnt");

/// What a database file is, before anything in it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Ours, with this version of the schema; 0 where nothing was ever made in it.
    Ours(usize),
    /// The file belongs to another program.
    Foreign,
}

/// Finds out whether `db` is a database of this program.
pub(super) fn find(db: &Connection) -> rusqlite::Result<Found> {
    let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application = number("application_id")?;
    let version = number("user_version")?;
    let count = "SELECT count(*) FROM sqlite_schema";
    let empty = db.query_row(count, [], |row| row.get::<_, i64>(0))? == 0;
    // The file is marked in the transaction of the first migration, so a start that was cut short leaves it empty.
    let fresh = empty && application == 0 && version == 0;
    Ok(match usize::try_from(version) {
        Ok(version) if fresh || application == APPLICATION_ID => Found::Ours(version),
        _ => Found::Foreign,
    })
}

/// Why a database was not migrated.
#[derive(Debug)]
pub(super) enum MigrationError {
    /// The database can't be copied first.
    NotCopied {
        /// How many bytes the copy and the migration need.
        needed: u64,
        /// SQLite's error, where the space was enough.
        source: Option<rusqlite::Error>,
    },
    /// SQLite reports this error.
    Sqlite(rusqlite::Error),
}

/// Copies the database file `database` at `version` to a file next to it and takes it to the end of `migrations`.
pub(super) fn bring_up(
    db: &mut Connection,
    database: &Path,
    version: usize,
    migrations: &[&str],
) -> Result<(), MigrationError> {
    if (1..migrations.len()).contains(&version) {
        let needed = space_needed(database);
        copy(db, database, version, needed)
            .map_err(|source| MigrationError::NotCopied { needed, source })?;
    }
    migrate(db, version, migrations).map_err(MigrationError::Sqlite)
}

/// The size of the copy and of what the migration writes, each as large as the database at most.
fn space_needed(database: &Path) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    2 * (size(database) + size(&beside(database, "-wal"))) + 16 * 1024 * 1024
}

/// Where the copy of the database at `version` is.
pub(super) fn copy_of(database: &Path, version: usize) -> PathBuf {
    beside(database, &format!(".before-{}", version + 1))
}

pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

/// Copies the database, what its write-ahead log holds included. `None` is a want of space.
fn copy(
    db: &Connection,
    database: &Path,
    version: usize,
    needed: u64,
) -> Result<(), Option<rusqlite::Error>> {
    let folder = database.parent().unwrap_or(Path::new("."));
    let free = rustix::fs::statvfs(folder).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    if free.is_ok_and(|free| free < needed) {
        return Err(None);
    }
    let io = |error: std::io::Error| {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
        Some(rusqlite::Error::SqliteFailure(
            code,
            Some(error.to_string()),
        ))
    };
    let (copy, partial) = (copy_of(database, version), beside(database, ".copy"));
    // A copy that was cut short is worthless, and a complete one of this version is made again.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let file = private(&partial).map_err(io)?;
    let target = partial.to_str().ok_or(None)?;
    db.execute("VACUUM INTO ?1", [target]).map_err(Some)?;
    file.sync_all().map_err(io)?;
    fs::rename(&partial, &copy).map_err(io)?;
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io)
}

/// Takes a database at `version` to the end of `migrations`, each in a transaction of its own.
pub(super) fn migrate(
    db: &mut Connection,
    version: usize,
    migrations: &[&str],
) -> rusqlite::Result<()> {
    for (at, step) in migrations.iter().enumerate().skip(version) {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", at + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: &[&str] = &[
        "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);",
        "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;",
    ];

    fn fresh() -> Connection {
        Connection::open_in_memory().unwrap()
    }

    #[test]
    fn an_empty_database_gets_the_whole_history() {
        let mut db = fresh();
        assert_eq!(find(&db).unwrap(), Found::Ours(0));
        migrate(&mut db, 0, HISTORY).unwrap();
        assert_eq!(find(&db).unwrap(), Found::Ours(2));
        let y: i64 = db.query_row("SELECT y FROM a", [], |r| r.get(0)).unwrap();
        assert_eq!(y, 2);
    }

    #[test]
    fn an_old_database_gets_only_what_it_lacks() {
        let mut db = fresh();
        migrate(&mut db, 0, &HISTORY[..1]).unwrap();
        db.execute("UPDATE a SET x = 7", []).unwrap();
        migrate(&mut db, 1, HISTORY).unwrap();
        assert_eq!(find(&db).unwrap(), Found::Ours(2));
        let y: i64 = db.query_row("SELECT y FROM a", [], |r| r.get(0)).unwrap();
        assert_eq!(y, 8);
    }

    #[test]
    fn each_released_version_leads_to_the_newest() {
        for version in 0..=MIGRATIONS.len() {
            let mut db = fresh();
            migrate(&mut db, 0, &MIGRATIONS[..version]).unwrap();
            migrate(&mut db, version, MIGRATIONS).unwrap();
            assert_eq!(find(&db).unwrap(), Found::Ours(MIGRATIONS.len()));
            let count = "SELECT count(*) FROM record";
            let rows: i64 = db.query_row(count, [], |r| r.get(0)).unwrap();
            assert_eq!(rows, 0, "from version {version}");
        }
    }

    #[test]
    fn a_migration_that_fails_leaves_the_version_before_it() {
        let mut db = fresh();
        let broken = &[
            HISTORY[0],
            "INSERT INTO a VALUES (2); INSERT INTO b VALUES (1);",
        ];
        assert!(migrate(&mut db, 0, broken).is_err());
        assert_eq!(find(&db).unwrap(), Found::Ours(1));
        let rows: i64 = db
            .query_row("SELECT count(*) FROM a", [], |r| r.get(0))
            .unwrap();
        assert_eq!(rows, 1);
    }

    #[test]
    fn a_database_of_somebody_else_is_foreign() {
        let db = fresh();
        db.execute_batch("CREATE TABLE a (x)").unwrap();
        assert_eq!(find(&db).unwrap(), Found::Foreign);
        let db = fresh();
        db.pragma_update(None, "application_id", 7).unwrap();
        assert_eq!(find(&db).unwrap(), Found::Foreign);
        db.pragma_update(None, "application_id", APPLICATION_ID)
            .unwrap();
        db.pragma_update(None, "user_version", -1).unwrap();
        assert_eq!(find(&db).unwrap(), Found::Foreign);
    }
}
