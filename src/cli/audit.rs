//! `cognate audit`: reading the audit log.

use clap::{Args, Subcommand};
use miette::Result;
use serde_json::json;

use super::client::ServerArguments;
use super::output::text;

/// The subcommands of `cognate audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Print the handle that the audit log has instead of a guest's id
    Handle(HandleArguments),
}

#[derive(Debug, Args)]
pub struct HandleArguments {
    /// The identity's id, REGION:UUID, which may be deleted
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerArguments,
}

/// Runs the subcommand.
pub(super) async fn run(command: AuditCommand) -> Result<()> {
    let AuditCommand::Handle(arguments) = command;
    let server = arguments.server.in_region_of(&arguments.id);
    let input = json!({ "IdentityId": arguments.id });
    let answer = server.call("GetIdentityHandle", &input).await?;
    let output = server.output;
    output.print(&answer, |answer| text(&answer["Handle"]) + "\n");
    Ok(())
}
