//! `cognate master-key`: the key that encrypts the secrets of a store.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result};
use serde_json::{Value, json};

use super::client::ServerArguments;
use super::output::text;
use crate::ambient::Real;
use crate::app::maintenance;

/// What a leak of the old key has opened, together with the database or a backup.
const AFTER_A_LEAK: &str = "\
The old key and an earlier copy of the database together give every secret. If the old key has leaked, do this, too:
  cognate keys rotate --purpose signing --compromised    (tokens that were signed before are refused)
  cognate keys rotate --purpose sealing --compromised    (sessions from before are refused)
  cognate root-key rotate                                (or another key in the configuration)
  a new access key for each of `cognate access-key list`, and the old ones deleted
  new consumer secrets at Twitter and Digits";

/// The subcommands of `cognate master-key`.
#[derive(Debug, Subcommand)]
pub enum MasterKeyCommand {
    /// Make a master key in a new file that only this user may read
    ///
    /// Servers that share a database share one master key: make it once, and copy the file to each server.
    Make(MakeMasterKeyArguments),
    /// Seal every stored secret again under the first key of the master key's file
    ///
    /// The file may hold several keys, one in each line: the first seals, and all open. Put the new key into the line before the
    /// old one on every server, rotate, and then remove the old line. Calls are served meanwhile, and a rotation that was
    /// interrupted is continued by the next one. It is refused until every server has the same keys.
    Rotate(RotateMasterKeyArguments),
}

#[derive(Debug, Args)]
pub struct MakeMasterKeyArguments {
    /// The file, which must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub struct RotateMasterKeyArguments {
    #[command(flatten)]
    server: ServerArguments,
}

/// Runs the subcommand.
pub(super) async fn run(command: MasterKeyCommand) -> Result<()> {
    match command {
        MasterKeyCommand::Make(make) => {
            maintenance::make_master_key(&make.file, &Real).into_diagnostic()?;
            println!(
                "Made a master key: {}. Copy it to each server of the database, and keep a copy apart from backups: without it, \
                 a backup can't be read.",
                make.file.display()
            );
        }
        MasterKeyCommand::Rotate(rotate) => {
            let answer = rotate.server.call("RotateMasterKey", &json!({})).await?;
            rotate.server.output.print(&answer, printed);
        }
    }
    Ok(())
}

/// The outcome of a rotation, and what must follow.
fn printed(answer: &Value) -> String {
    let keys = answer["MasterKeys"].as_array().map(Vec::as_slice);
    let keys = keys.unwrap_or_default();
    let sealed = format!(
        "Everything is sealed under the master key {} now; {} records were written.",
        keys.first().map(text).unwrap_or_default(),
        answer["Records"]
    );
    if keys.len() < 2 {
        let next = "The file has one key. To replace it, put a new key into the line before it, and run this again.";
        format!("{sealed}\n{next}\n")
    } else {
        let next = "Remove the other keys from the file of each server. Backups from before need the old key: keep a copy with them.";
        format!("{sealed}\n{next}\n{AFTER_A_LEAK}\n")
    }
}
