//! `cognate access-key`: access keys other than the root key, each with a policy.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, WrapErr};
use serde_json::json;

use super::client::ServerArguments;

/// The subcommands of `cognate access-key`.
#[derive(Debug, Subcommand)]
pub enum AccessKeyCommand {
    /// Create an access key with a policy, and print it as an AWS credentials file
    Create(CreateArguments),
    /// List the access keys, without their secrets
    List(ListArguments),
    /// Disable an access key: requests that it signs are refused
    Disable(AccessKeyArguments),
    /// Enable a disabled access key again
    Enable(AccessKeyArguments),
    /// Delete an access key
    Delete(AccessKeyArguments),
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
        AccessKeyCommand::List(list) => self::list(list).await,
        AccessKeyCommand::Disable(one) => update(one, "Inactive").await,
        AccessKeyCommand::Enable(one) => update(one, "Active").await,
        AccessKeyCommand::Delete(one) => {
            let input = json!({ "AccessKeyId": one.id });
            one.server.call("DeleteAccessKey", &input).await.map(drop)
        }
    }
}

async fn create(create: CreateArguments) -> Result<()> {
    let policy = std::fs::read_to_string(&create.policy)
        .into_diagnostic()
        .wrap_err_with(|| format!("{} can't be read", create.policy.display()))?;
    let input = json!({ "Name": create.name, "Policy": policy });
    let answer = create.server.call("CreateAccessKey", &input).await?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default();
    println!("[{}]", create.name);
    println!("aws_access_key_id = {}", text("AccessKeyId"));
    println!("aws_secret_access_key = {}", text("SecretAccessKey"));
    Ok(())
}

async fn list(list: ListArguments) -> Result<()> {
    let answer = list.server.call("ListAccessKeys", &json!({})).await?;
    for key in answer["AccessKeys"].as_array().into_iter().flatten() {
        let text = |name: &str| key[name].as_str().unwrap_or_default();
        println!(
            "{}  {:<8}  {}",
            text("AccessKeyId"),
            text("Status"),
            text("Name")
        );
    }
    Ok(())
}

async fn update(one: AccessKeyArguments, status: &str) -> Result<()> {
    let input = json!({ "AccessKeyId": one.id, "Status": status });
    one.server.call("UpdateAccessKey", &input).await.map(drop)
}
