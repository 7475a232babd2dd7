//! `cognate root-key`: the access key that may do everything.

use clap::{Args, Subcommand};
use miette::Result;
use serde_json::json;

use super::client::ServerArguments;

/// The subcommands of `cognate root-key`.
#[derive(Debug, Subcommand)]
pub enum RootKeyCommand {
    /// Replace the root key with a new one; the old key stops working at once
    Rotate(RotateRootKeyArguments),
}

#[derive(Debug, Args)]
pub struct RotateRootKeyArguments {
    #[command(flatten)]
    server: ServerArguments,
}

/// Runs the subcommand, and prints where the new key is.
pub(super) async fn run(command: RootKeyCommand) -> Result<()> {
    let RootKeyCommand::Rotate(rotate) = command;
    let answer = rotate.server.call("RotateRootKey", &json!({})).await?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default();
    println!(
        "The root key is now {}; its secret is in {} on the server.",
        text("AccessKeyId"),
        text("CredentialsFile")
    );
    Ok(())
}
