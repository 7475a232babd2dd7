//! `cognate audit`: reading the audit log.

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, miette};

use super::arguments::StoreFlags;
use crate::app::audit;
use crate::config::Config;

/// The subcommands of `cognate audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print the handle that the audit log has instead of a guest's id
    ///
    /// Needs the master key of the server, and no running server.
    Handle(HandleArguments),
}

#[derive(Debug, Args)]
pub struct HandleArguments {
    /// The identity's id: REGION:UUID
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    pub(super) location: StoreFlags,
}

/// Prints the handle of an identity.
pub(super) fn print_handle(config: &Config, id: &str) -> Result<()> {
    let handle = audit::handle_of(config, id).into_diagnostic()?;
    let handle =
        handle.ok_or_else(|| miette!("{id} is not an identity's id: write REGION:UUID"))?;
    println!("{handle}");
    Ok(())
}

impl HandleArguments {
    /// The flags of the configuration, and the identity's id.
    pub(super) fn into_parts(self) -> (StoreFlags, String) {
        (self.location, self.id)
    }
}
