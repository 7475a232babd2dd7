//! `cognate check`: whether the stored data are as they were written.

use miette::{IntoDiagnostic, Result, miette};

use crate::app::offline_store::StoreLocation;
use crate::app::store_check;
use crate::config::Config;

/// Checks the store of this configuration, and prints what was found; an error where it is damaged.
pub(super) async fn run(config: Config) -> Result<()> {
    let location = StoreLocation::of_server(&config);
    let report = tokio::task::block_in_place(|| store_check::check(&location)).into_diagnostic()?;
    print!("{report}");
    if report.faults.is_empty() {
        return Ok(());
    }
    Err(miette!(
        "the store is damaged: stop the server, and restore a backup"
    ))
}
