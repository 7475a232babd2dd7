//! `cognate root-key`: the access key that may do everything.

use std::sync::Arc;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result};
use serde_json::json;

use super::arguments::StoreFlags;
use super::client::ServerArguments;
use super::confirm::ConfirmArguments;
use super::output::text;
use crate::ambient::Real;
use crate::app::keys::recovery;
use crate::config::Config;

/// The subcommands of `cognate root-key`.
#[derive(Debug, Subcommand)]
pub enum RootKeyCommand {
    /// Replace the root key with a new one; the old key stops working at once
    Rotate(RotateRootKeyArguments),
    /// Make a new root key if it was lost: needs the master key, and stops the old key
    ///
    /// Stop the server of an embedded store first. Writes the new key to root-credentials in the data directory.
    Recover(RecoverRootKeyArguments),
}

#[derive(Debug, Args)]
pub struct RecoverRootKeyArguments {
    #[command(flatten)]
    pub(super) confirm: ConfirmArguments,
    #[command(flatten)]
    pub(super) location: StoreFlags,
}

#[derive(Debug, Args)]
pub struct RotateRootKeyArguments {
    #[command(flatten)]
    confirm: ConfirmArguments,
    #[command(flatten)]
    server: ServerArguments,
}

/// Rotates the root key of a running server, and prints where the new key is.
pub(super) async fn rotate(rotate: RotateRootKeyArguments) -> Result<()> {
    let question = "Replace the root key? The present one stops working at once.";
    rotate.confirm.ask(question)?;
    let answer = rotate.server.call("RotateRootKey", &json!({})).await?;
    rotate.server.output.print(&answer, |answer| {
        format!(
            "The root key is now {}; its secret is in {} on the server.\n",
            text(&answer["AccessKeyId"]),
            text(&answer["CredentialsFile"])
        )
    });
    Ok(())
}

/// Makes a new root key in the store of this configuration, and prints where it is.
pub(super) async fn recover(config: Config, confirm: ConfirmArguments) -> Result<()> {
    confirm.ask("Make a new root key? The present one stops working.")?;
    let (id, file) = recovery::recover(&config, Arc::new(Real))
        .await
        .into_diagnostic()?;
    println!(
        "The root key is now {id}; its secret is in {}. The old key has stopped working.",
        file.display()
    );
    Ok(())
}
