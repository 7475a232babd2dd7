//! `cognate access-key`: access keys other than the root key, each with a policy.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::{Value, json};

use super::client::ServerArguments;
use super::confirm::ConfirmArguments;
use super::moment::{age, moment};
use super::output::{members, table, text};
use crate::ambient::{Ambient, Real};
use crate::model::json;

/// The subcommands of `cognate access-key`.
#[derive(Debug, Subcommand)]
pub enum AccessKeyCommand {
    /// Create an access key with a policy, and print it as an AWS credentials file
    Create(CreateArguments),
    /// List the access keys, without their secrets
    List(ListArguments),
    /// Show an access key: its policy, its age and its last use
    Show(AccessKeyArguments),
    /// Disable an access key: requests that it signs are refused
    Disable(AccessKeyArguments),
    /// Enable a disabled access key again
    Enable(AccessKeyArguments),
    /// Delete an access key
    Delete {
        #[command(flatten)]
        key: AccessKeyArguments,
        #[command(flatten)]
        confirm: ConfirmArguments,
    },
}

#[derive(Debug, Args)]
pub struct CreateArguments {
    /// The key's name: 1 to 64 letters, digits and _ + = , . @ -
    #[arg(long)]
    name: String,
    /// A JSON file with the IAM policy of the key
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct ListArguments {
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct AccessKeyArguments {
    /// The access key's id, beginning with AKIA
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerArguments,
}

/// Runs the subcommand.
pub(super) async fn run(command: AccessKeyCommand) -> Result<()> {
    match command {
        AccessKeyCommand::Create(create) => self::create(create).await,
        AccessKeyCommand::List(list) => self::list(list.server).await,
        AccessKeyCommand::Show(one) => show(one).await,
        AccessKeyCommand::Disable(one) => update(one, "Inactive").await,
        AccessKeyCommand::Enable(one) => update(one, "Active").await,
        AccessKeyCommand::Delete { key, confirm } => {
            confirm.ask(&format!(
                "Delete the access key {}? It can't be restored; `disable` can be undone.",
                key.id
            ))?;
            let input = json!({ "AccessKeyId": key.id });
            key.server.call("DeleteAccessKey", &input).await.map(drop)
        }
    }
}

async fn create(create: CreateArguments) -> Result<()> {
    let policy = std::fs::read_to_string(&create.policy)
        .into_diagnostic()
        .wrap_err_with(|| format!("{} can't be read", create.policy.display()))?;
    let input = json!({ "Name": create.name, "Policy": policy });
    let answer = create.server.call("CreateAccessKey", &input).await?;
    let output = create.server.output;
    output.print(&answer, |answer| credentials_section(&create.name, answer));
    Ok(())
}

/// A new key as a section of an AWS credentials file.
pub(super) fn credentials_section(name: &str, key: &Value) -> String {
    format!(
        "[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        text(&key["AccessKeyId"]),
        text(&key["SecretAccessKey"])
    )
}

async fn list(server: ServerArguments) -> Result<()> {
    let answer = server.call("ListAccessKeys", &json!({})).await?;
    server.output.print(&answer, |answer| {
        let keys = answer["AccessKeys"].as_array().into_iter().flatten();
        let row = |key: &Value| {
            let part = |name: &str| text(&key[name]);
            let (status, name) = (part("Status"), part("Name"));
            [part("AccessKeyId"), status, name, last_use(key)]
        };
        table(["ID", "STATUS", "NAME", "LAST USE"], keys.map(row))
    });
    Ok(())
}

async fn show(one: AccessKeyArguments) -> Result<()> {
    let answer = one.server.call("ListAccessKeys", &json!({})).await?;
    let keys = answer["AccessKeys"].as_array().into_iter().flatten();
    let mut key = keys.filter(|key| key["AccessKeyId"] == one.id.as_str());
    let mut key = key.next().cloned().ok_or_else(|| {
        miette!(
            "no access key has the id {}: list them with `cognate access-key list`",
            one.id
        )
    })?;
    let policy = key["Policy"]
        .as_str()
        .map(|text| json::read(text.as_bytes()));
    if let Some(Ok(policy)) = policy {
        key["Policy"] = policy;
    }
    one.server.output.print(&key, |key| {
        let mut key = key.clone();
        let policy = format!("{:#}\n", key["Policy"].take());
        key["CreateDate"] = json!(age(&key["CreateDate"], Real.now()));
        key["LastUsedDate"] = json!(last_use(&key));
        members(&key) + &policy
    });
    Ok(())
}

/// When a key was used last, as far as it is known.
fn last_use(key: &Value) -> String {
    match &key["LastUsedDate"] {
        Value::Null => "never".to_owned(),
        seconds => moment(seconds),
    }
}

async fn update(one: AccessKeyArguments, status: &str) -> Result<()> {
    let input = json!({ "AccessKeyId": one.id, "Status": status });
    one.server.call("UpdateAccessKey", &input).await.map(drop)
}
