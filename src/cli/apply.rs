//! `cognate apply`: makes a running server's pools, providers, roles and access keys as files describe them.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use miette::Result;
use serde_json::{Value, json};

use super::access_key::credentials_section;
use super::client::ServerArguments;
use super::confirm::ConfirmArguments;
use super::output::text;
use super::seed_files;
use crate::config::Environment;

/// The exit status of a dry run that found differences.
const DIFFERENT: u8 = 2;

#[derive(Debug, Args)]
pub struct ApplyArguments {
    /// The seed files (TOML or JSON), which are applied as one seed; the output of `aws cognito-identity
    /// describe-identity-pool` is one, too
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print the differences and change nothing; the exit status is 2 if there are any
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    confirm: ConfirmArguments,
    /// Delete what the same seed made and no longer has
    #[arg(long)]
    prune: bool,
    /// The id of a pool that --prune may delete with its identities; repeat the flag for more
    #[arg(long = "delete-pool", value_name = "POOL_ID")]
    delete_pools: Vec<String>,
    /// The id of a deleted pool that a new pool may have; repeat the flag for more
    #[arg(long = "reuse-pool-id", value_name = "POOL_ID")]
    reuse_pool_ids: Vec<String>,
    #[command(flatten)]
    server: ServerArguments,
}

/// Shows the differences, asks, and applies them as they were shown.
pub(super) async fn run(arguments: ApplyArguments) -> Result<ExitCode> {
    let document = seed_files::read(&arguments.files, &Environment::of_the_process())?;
    let mut input = json!({
        "Document": document.to_json().to_string(),
        "DryRun": true,
        "Prune": arguments.prune,
        "DeletePoolIds": arguments.delete_pools,
        "ReusePoolIds": arguments.reuse_pool_ids,
    });
    let planned = arguments.server.call("ApplyConfiguration", &input).await?;
    let changes = planned["Changes"].as_array().cloned().unwrap_or_default();
    let output = arguments.server.output;
    // With `--output json`, one document is printed: that of the last call.
    if arguments.dry_run || changes.is_empty() || !output.is_json() {
        output.print(&planned, |_| match changes.as_slice() {
            [] => "Nothing to change.\n".to_owned(),
            changes => changes.iter().map(shown).collect(),
        });
    }
    if changes.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.dry_run {
        return Ok(ExitCode::from(DIFFERENT));
    }
    let question = format!("Apply {}?", counted(changes.len()));
    arguments.confirm.require(&question)?;
    input["DryRun"] = json!(false);
    input["Plan"] = planned["Plan"].clone();
    let applied = arguments.server.call("ApplyConfiguration", &input).await?;
    output.print(&applied, |applied| {
        let keys = applied["AccessKeys"].as_array().into_iter().flatten();
        let keys = keys.map(|key| {
            let section = credentials_section(&text(&key["Name"]), key);
            format!("\n{section}")
        });
        format!("Applied {}.\n", counted(changes.len())) + &keys.collect::<String>()
    });
    Ok(ExitCode::SUCCESS)
}

fn counted(changes: usize) -> String {
    if changes == 1 {
        "1 change".to_owned()
    } else {
        format!("{changes} changes")
    }
}

/// A change, for people.
fn shown(change: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (sign, is_new) = match change["Action"].as_str() {
        Some("Create") => ('+', true),
        Some("Delete") => ('-', false),
        _ => ('~', false),
    };
    let title = format!("{sign} {} {}", text(&change["Kind"]), text(&change["Name"]));
    let mut lines = vec![title];
    for member in change["Members"].as_array().into_iter().flatten() {
        let name = text(&member["Member"]);
        if is_new {
            lines.push(format!("    {name} = {}", text(&member["After"])));
            continue;
        }
        lines.push(format!("    {name}"));
        for (sign, value) in [('-', &member["Before"]), ('+', &member["After"])] {
            if value.is_string() {
                lines.push(format!("      {sign} {}", text(value)));
            }
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_shows_both_values_of_each_member() {
        let change = json!({
            "Action": "Update", "Kind": "Role", "Name": "app",
            "Members": [{ "Member": "MaxSessionDuration", "Before": "3600", "After": "7200" }],
        });
        let text = "~ Role app\n    MaxSessionDuration\n      - 3600\n      + 7200\n";
        assert_eq!(shown(&change), text);
        let change = json!({
            "Action": "Create", "Kind": "Role", "Name": "app",
            "Members": [{ "Member": "Path", "After": "\"/\"" }],
        });
        assert_eq!(shown(&change), "+ Role app\n    Path = \"/\"\n");
        let change = json!({ "Action": "Delete", "Kind": "Role", "Name": "app", "Members": [] });
        assert_eq!(shown(&change), "- Role app\n");
    }
}
