//! `cognate check`: whether the stored data are as they were written.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use miette::{IntoDiagnostic, Result, miette};

use crate::app::offline_store::StoreLocation;
use crate::app::store_check::{self, StoreReport};
use crate::config::{Config, Flags};

/// The flags of `cognate check`: those of `cognate serve` that say where the embedded store is.
#[derive(Debug, Args)]
pub struct StoreCheckArguments {
    /// The configuration file of the server (TOML) [env: COGNATE_CONFIG] [default: not set]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory of the embedded store [env: COGNATE_DATA_DIR] [default: ./cognate-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl From<StoreCheckArguments> for Flags {
    fn from(arguments: StoreCheckArguments) -> Self {
        Self {
            config: arguments.config,
            data_dir: arguments.data_dir,
            ..Self::default()
        }
    }
}

/// Checks the store of this configuration, and prints what was found; an error where it is damaged.
pub(super) async fn run(config: Config) -> Result<()> {
    let location = StoreLocation::of_server(&config);
    let report = tokio::task::block_in_place(|| store_check::check(&location)).into_diagnostic()?;
    print!("{}", text(&report));
    if report.faults.is_empty() {
        return Ok(());
    }
    Err(miette!(
        "the store is damaged: stop the server, and restore a backup"
    ))
}

fn text(report: &StoreReport) -> String {
    let mut text = String::new();
    for table in &report.tables {
        let _ = write!(text, "{:<9} {:>10} rows", table.name, table.rows);
        if table.unsummed > 0 {
            let _ = write!(text, ", {} without a checksum yet", table.unsummed);
        }
        text.push('\n');
    }
    for fault in &report.faults {
        let _ = writeln!(text, "DAMAGED   {fault}");
    }
    if report.further_faults > 0 {
        let _ = writeln!(text, "DAMAGED   {} more", report.further_faults);
    }
    text.push_str(match (report.faults.is_empty(), report.is_earlier) {
        (false, _) => "",
        (true, false) => "The structure of the database and all rows are as they were written.\n",
        (true, true) => {
            "The structure of the database is as it was written. Its rows have no checksums: an earlier version wrote it.\n"
        }
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::store_check::TableReport;

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
        let sound = text(&report);
        assert!(
            sound.contains("login             12 rows, 3 without a checksum yet\n"),
            "{sound}"
        );
        assert!(sound.contains("as they were written"), "{sound}");
        report
            .faults
            .push("the row 1 of the table login".to_owned());
        report.further_faults = 7;
        let damaged = text(&report);
        assert!(
            damaged.contains("DAMAGED   the row 1 of the table login\nDAMAGED   7 more\n"),
            "{damaged}"
        );
        assert!(!damaged.contains("as they were written"), "{damaged}");
    }
}
