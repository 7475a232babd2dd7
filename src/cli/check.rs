//! `cognate check`: whether the stored data are as they were written.

use std::path::PathBuf;

use clap::Args;
use miette::{IntoDiagnostic, Result, miette};

use crate::app::offline_store::StoreLocation;
use crate::app::store_check;
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
    print!("{report}");
    if report.faults.is_empty() {
        return Ok(());
    }
    Err(miette!(
        "the store is damaged: stop the server, and restore a backup"
    ))
}
