//! `cognate identity`: revokes and restores an identity.

use clap::{Args, Subcommand};
use miette::Result;
use serde_json::{Value, json};

use super::client::ServerArguments;

/// The subcommands of `cognate identity`.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Revoke an identity: it gets no tokens or credentials, and this server refuses its existing ones at once
    Revoke(RevokeArguments),
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

#[derive(Debug, Args)]
pub struct RevokeArguments {
    /// Leave the STS out: the identity's logins still open roles there
    #[arg(long)]
    only_this_pool: bool,
    #[command(flatten)]
    identity: IdentityArguments,
}

/// Runs the subcommand.
pub(super) async fn run(command: IdentityCommand) -> Result<()> {
    match command {
        IdentityCommand::Revoke(one) => {
            let mut input = json!({ "IdentityId": one.identity.id });
            if one.only_this_pool {
                input["OnlyThisPool"] = json!(true);
            }
            ask(one.identity, "RevokeIdentity", &input).await
        }
        IdentityCommand::Restore(one) => {
            let input = json!({ "IdentityId": one.id });
            ask(one, "RestoreIdentity", &input).await
        }
    }
}

async fn ask(one: IdentityArguments, operation: &str, input: &Value) -> Result<()> {
    // A request about an identity is signed for its region.
    let server = match one.id.split_once(':') {
        Some((region, _)) => one.server.in_region(region),
        None => one.server,
    };
    let answer = server.call(operation, input).await?;
    if let Some(now) = answer["IdentityId"].as_str().filter(|now| *now != one.id) {
        println!(
            "{} was merged into {now}; the command changed {now}",
            one.id
        );
    }
    Ok(())
}
