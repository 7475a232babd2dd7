//! `cognate identity`: revokes and restores an identity.

use clap::{Args, Subcommand};
use miette::Result;
use serde_json::json;

use super::client::ServerArguments;

/// The subcommands of `cognate identity`.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Revoke an identity: it gets no tokens or credentials, and this server refuses its existing ones at once
    Revoke(IdentityArguments),
    /// Restore a revoked identity, so that it can sign in again
    Restore(IdentityArguments),
}

#[derive(Debug, Args)]
pub struct IdentityArguments {
    /// The identity's id: REGION:UUID
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerArguments,
}

/// Runs the subcommand.
pub(super) async fn run(command: IdentityCommand) -> Result<()> {
    match command {
        IdentityCommand::Revoke(one) => ask(one, "RevokeIdentity").await,
        IdentityCommand::Restore(one) => ask(one, "RestoreIdentity").await,
    }
}

async fn ask(one: IdentityArguments, operation: &str) -> Result<()> {
    let input = json!({ "IdentityId": one.id });
    // A request about an identity is signed for its region.
    let server = match one.id.split_once(':') {
        Some((region, _)) => one.server.in_region(region),
        None => one.server,
    };
    let answer = server.call(operation, &input).await?;
    if let Some(now) = answer["IdentityId"].as_str().filter(|now| *now != one.id) {
        println!(
            "{} was merged into {now}; the command changed {now}",
            one.id
        );
    }
    Ok(())
}
