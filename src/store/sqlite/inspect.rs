//! The check of a whole database: its structure, and the checksum of each row. It only reads, and a server may have the
//! database open meanwhile.

use std::fmt;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::migrate::{self, Found, MIGRATIONS};
use super::open::{self, DATABASE, OpenError};
use super::tables::{RowValues, SummedTable, TABLES};
use super::{lock, log_file};

/// How many faults are listed.
const LISTED: usize = 100;

/// What a check found.
#[derive(Debug, Default)]
pub struct StoreReport {
    /// The tables with their rows.
    pub tables: Vec<TableReport>,
    /// What is damaged, in sentences without secrets; 100 of them at most.
    pub faults: Vec<String>,
    /// How many faults aren't listed.
    pub further_faults: usize,
    /// Whether the data file is of an earlier version, without checksums.
    pub is_earlier: bool,
}

/// What a check found in a table.
#[derive(Debug)]
pub struct TableReport {
    /// The name of the table.
    pub name: &'static str,
    /// How many rows can be read.
    pub rows: u64,
    /// How many of them have no checksum yet.
    pub unsummed: u64,
}

impl fmt::Display for StoreReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.tables {
            write!(out, "{:<9} {:>10} rows", table.name, table.rows)?;
            if table.unsummed > 0 {
                write!(out, ", {} without a checksum yet", table.unsummed)?;
            }
            writeln!(out)?;
        }
        for fault in &self.faults {
            writeln!(out, "DAMAGED   {fault}")?;
        }
        if self.further_faults > 0 {
            writeln!(out, "DAMAGED   {} more", self.further_faults)?;
        }
        out.write_str(match (self.faults.is_empty(), self.is_earlier) {
            (false, _) => "",
            (true, false) => "The structure of the database and all rows are as they were written.\n",
            (true, true) => {
                "The structure of the database is as it was written. Its rows have no checksums: an earlier version wrote it.\n"
            }
        })
    }
}

impl StoreReport {
    fn add(&mut self, fault: String) {
        if self.faults.len() < LISTED {
            self.faults.push(fault);
        } else {
            self.further_faults += 1;
        }
    }
}

/// Checks the database in `folder`.
pub(super) fn inspect(folder: &Path) -> Result<StoreReport, OpenError> {
    let path = folder.join(DATABASE);
    if !path.exists() {
        let folder = folder.to_owned();
        return Err(OpenError::NoStore { folder });
    }
    let mut report = StoreReport::default();
    let log = migrate::beside(&path, "-wal");
    // Keeps servers out while the files are read as they are.
    let lock = match lock::take(folder) {
        Ok(lock) => Some(lock),
        Err(OpenError::InUse { .. }) => None,
        Err(other) => return Err(other),
    };
    let has_log = std::fs::metadata(&log).is_ok_and(|log| log.len() > 0);
    if lock.is_some() {
        let content = log_file::examine(&log).map_err(|source| open::io_error(&log, source))?;
        if content.is_damaged {
            report.add(OpenError::DamagedLog { log }.to_string());
        }
        match open::check_length(&path, &content) {
            Err(short @ OpenError::Short { .. }) => report.add(short.to_string()),
            other => other?,
        }
    }
    let sqlite = |source: rusqlite::Error| {
        let database = path.clone();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::Foreign { database },
            _ => OpenError::Sqlite { database, source },
        }
    };
    let db = if lock.is_some() && !has_log {
        connect_to_file(&path)
    } else {
        open::connect_reader(&path)
    };
    let db = db.map_err(sqlite)?;
    match migrate::find(&db) {
        Ok(Found::Foreign) => return Err(OpenError::Foreign { database: path }),
        Ok(Found::Ours(found)) if found > MIGRATIONS.len() => {
            let known = MIGRATIONS.len();
            return Err(OpenError::Newer {
                database: path,
                found,
                known,
            });
        }
        Ok(Found::Ours(version)) => report.is_earlier = version < MIGRATIONS.len(),
        Err(error) if is_damage(&error) => report.add(error.to_string()),
        Err(error) => return Err(sqlite(error)),
    }
    check_structure(&db, &mut report).map_err(sqlite)?;
    if !report.is_earlier {
        for table in TABLES {
            check_rows(&db, table, &mut report).map_err(sqlite)?;
        }
    }
    drop(lock);
    Ok(report)
}

/// Opens a file that nothing writes, and makes no files beside it.
fn connect_to_file(path: &Path) -> rusqlite::Result<Connection> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let Ok(mut url) = url::Url::from_file_path(absolute) else {
        return open::connect_reader(path);
    };
    url.set_query(Some("immutable=1"));
    let db = Connection::open_with_flags(
        url.as_str(),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI,
    )?;
    open::prepare(&db, open::WRITER_PATIENCE)?;
    Ok(db)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::SystemIoFailure)
    )
}

fn check_structure(db: &Connection, report: &mut StoreReport) -> rusqlite::Result<()> {
    let mut statement = db.prepare("PRAGMA integrity_check(1000)")?;
    let mut rows = statement.query([])?;
    loop {
        match rows.next() {
            Ok(None) => return Ok(()),
            Ok(Some(row)) => {
                let found: String = row.get(0)?;
                if found != "ok" {
                    report.add(found);
                }
            }
            Err(error) if is_damage(&error) => {
                report.add(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Verifies all rows of a table in the order of its pages.
fn check_rows(
    db: &Connection,
    table: &'static SummedTable,
    report: &mut StoreReport,
) -> rusqlite::Result<()> {
    let (columns, name) = (table.select(), table.name);
    let (mut count, mut unsummed) = (0, 0);
    let scanned = (|| {
        let mut statement = db.prepare(&format!("SELECT {columns} FROM {name} NOT INDEXED"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            count += 1;
            let values = RowValues::of(table, row)?;
            unsummed += u64::from(!values.has_checksum());
            if let Some(damaged) = table.damage(&values) {
                report.add(damaged.fault());
            }
        }
        Ok(())
    })();
    match scanned {
        Err(error) if is_damage(&error) => report.add(format!("the table {name}: {error}")),
        other => other?,
    }
    report.tables.push(TableReport {
        name,
        rows: count,
        unsummed,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_the_rows_without_a_checksum_and_what_is_damaged() {
        let mut report = StoreReport {
            tables: vec![TableReport {
                name: "login",
                rows: 12,
                unsummed: 3,
            }],
            ..StoreReport::default()
        };
        let sound = report.to_string();
        assert!(
            sound.contains("login             12 rows, 3 without a checksum yet\n"),
            "{sound}"
        );
        assert!(sound.contains("as they were written"), "{sound}");
        report
            .faults
            .push("the row 1 of the table login".to_owned());
        report.further_faults = 7;
        let damaged = report.to_string();
        assert!(
            damaged.contains("DAMAGED   the row 1 of the table login\nDAMAGED   7 more\n"),
            "{damaged}"
        );
        assert!(!damaged.contains("as they were written"), "{damaged}");
    }
}
