//! `cognate identity`: what an administrator does about one identity.

use clap::{Args, Subcommand};
use miette::Result;
use serde_json::json;

use super::client::Server;

/// What is to be done about an identity.
#[derive(Debug, Subcommand)]
pub enum Identity {
    /// Let it have no token and no credentials until it is restored; what it was given is over on this server at once
    Revoke(One),
    /// Let it sign in again
    Restore(One),
}

#[derive(Debug, Args)]
pub struct One {
    /// The identity's id: REGION:UUID
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: Server,
}

/// Does it.
pub(super) async fn run(command: Identity) -> Result<()> {
    match command {
        Identity::Revoke(one) => ask(one, "RevokeIdentity").await,
        Identity::Restore(one) => ask(one, "RestoreIdentity").await,
    }
}

async fn ask(one: One, operation: &str) -> Result<()> {
    let input = json!({ "IdentityId": one.id });
    // An identity is reached in its own region.
    let server = match one.id.split_once(':') {
        Some((region, _)) => one.server.of_region(region),
        None => one.server,
    };
    let answer = server.ask(operation, &input).await?;
    if let Some(now) = answer["IdentityId"].as_str().filter(|now| *now != one.id) {
        println!("{} was merged into {now}, which this was done to", one.id);
    }
    Ok(())
}
