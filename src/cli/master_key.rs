//! `cognate master-key`: the key that encrypts the secrets of a store.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result};

use crate::ambient::Real;
use crate::app::maintenance;

/// The subcommands of `cognate master-key`.
#[derive(Debug, Subcommand)]
pub enum MasterKeyCommand {
    /// Make a master key in a new file that only this user may read
    ///
    /// Servers that share a database share one master key: make it once, and copy the file to each server.
    Make(MakeMasterKeyArguments),
}

#[derive(Debug, Args)]
pub struct MakeMasterKeyArguments {
    /// The file, which must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the subcommand.
pub(super) fn run(command: MasterKeyCommand) -> Result<()> {
    let MasterKeyCommand::Make(make) = command;
    maintenance::make_master_key(&make.file, &Real).into_diagnostic()?;
    println!(
        "Made a master key: {}. Copy it to each server of the database, and keep a copy apart from backups: without it, \
         a backup can't be read.",
        make.file.display()
    );
    Ok(())
}
