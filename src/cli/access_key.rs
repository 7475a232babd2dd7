//! `cognate access-key`: access keys beside the root key, each with a policy.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, WrapErr};
use serde_json::json;

use super::client::Server;

/// What is to be done with access keys.
#[derive(Debug, Subcommand)]
pub enum AccessKey {
    /// Make one that may do what a policy says, and print it as an AWS credentials file
    Create(Create),
    /// List them, without their secrets
    List(List),
    /// Let one sign no longer
    Disable(One),
    /// Let one sign again
    Enable(One),
    /// Forget one
    Delete(One),
}

#[derive(Debug, Args)]
pub struct Create {
    /// What to call it: 1 to 64 letters, digits and _ + = , . @ -
    #[arg(long)]
    name: String,
    /// The IAM policy of what it may do, a JSON file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub struct One {
    /// The access key's id, beginning with AKIA
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: Server,
}

/// Does it.
pub(super) async fn run(command: AccessKey) -> Result<()> {
    match command {
        AccessKey::Create(create) => self::create(create).await,
        AccessKey::List(list) => self::list(list).await,
        AccessKey::Disable(one) => update(one, "Inactive").await,
        AccessKey::Enable(one) => update(one, "Active").await,
        AccessKey::Delete(one) => {
            let input = json!({ "AccessKeyId": one.id });
            one.server.ask("DeleteAccessKey", &input).await.map(drop)
        }
    }
}

async fn create(create: Create) -> Result<()> {
    let policy = std::fs::read_to_string(&create.policy)
        .into_diagnostic()
        .wrap_err_with(|| format!("{} can't be read", create.policy.display()))?;
    let input = json!({ "Name": create.name, "Policy": policy });
    let answer = create.server.ask("CreateAccessKey", &input).await?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default();
    println!("[{}]", create.name);
    println!("aws_access_key_id = {}", text("AccessKeyId"));
    println!("aws_secret_access_key = {}", text("SecretAccessKey"));
    Ok(())
}

async fn list(list: List) -> Result<()> {
    let answer = list.server.ask("ListAccessKeys", &json!({})).await?;
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

async fn update(one: One, status: &str) -> Result<()> {
    let input = json!({ "AccessKeyId": one.id, "Status": status });
    one.server.ask("UpdateAccessKey", &input).await.map(drop)
}
