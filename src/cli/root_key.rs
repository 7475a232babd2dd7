//! `cognate root-key`: the access key that may do everything.

use clap::{Args, Subcommand};
use miette::Result;
use serde_json::json;

use super::client::Server;

/// What is to be done with the root key.
#[derive(Debug, Subcommand)]
pub enum RootKey {
    /// Make a new one; the old one is dead at once
    Rotate(Rotate),
}

#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    server: Server,
}

/// Does it, and says where the new key is.
pub(super) async fn run(command: RootKey) -> Result<()> {
    let RootKey::Rotate(rotate) = command;
    let answer = rotate.server.ask("RotateRootKey", &json!({})).await?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default();
    println!(
        "The root key is now {}; its secret is in {} on the server.",
        text("AccessKeyId"),
        text("CredentialsFile")
    );
    Ok(())
}
