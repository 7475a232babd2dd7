//! `cognate role`: the roles of the account, with their trust policies and inline policies.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, WrapErr};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::client::ServerArguments;
use super::confirm::ConfirmArguments;
use super::output::{members, table, text};
use crate::model::json;

/// The subcommands of `cognate role`.
#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// List the roles
    List(ListRolesArguments),
    /// Show a role with its trust policy and its policies
    Show(RoleArguments),
    /// Create a role, and print it
    Create(CreateRoleArguments),
    /// Delete a role with its inline policies, and detach its managed policies: its sessions are refused at once
    Delete {
        #[command(flatten)]
        role: RoleArguments,
        #[command(flatten)]
        confirm: ConfirmArguments,
    },
}

#[derive(Debug, Args)]
pub struct ListRolesArguments {
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct RoleArguments {
    /// The role's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct CreateRoleArguments {
    /// The role's name
    #[arg(value_name = "NAME")]
    name: String,
    /// A JSON file with the trust policy
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// A name and a JSON file with an inline policy; repeat the flag for more
    #[arg(long = "policy", value_name = "NAME=FILE", value_parser = policy_file)]
    policies: Vec<(String, PathBuf)>,
    /// The longest lifetime of the role's sessions in seconds: 3600 to 43200
    #[arg(long, value_name = "N")]
    max_session_duration: Option<u32>,
    #[command(flatten)]
    server: ServerArguments,
}

fn policy_file(text: &str) -> Result<(String, PathBuf), &'static str> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), file.into()))
        }
        _ => Err("write NAME=FILE"),
    }
}

/// Runs the subcommand.
pub(super) async fn run(command: RoleCommand) -> Result<()> {
    match command {
        RoleCommand::List(arguments) => list(arguments.server).await,
        RoleCommand::Show(arguments) => show(&arguments.server, &arguments.name).await,
        RoleCommand::Create(arguments) => create(arguments).await,
        RoleCommand::Delete { role, confirm } => delete(role, confirm).await,
    }
}

/// The items of all pages of a list.
async fn pages(
    server: &ServerArguments,
    operation: &str,
    mut input: Value,
    items: &str,
) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    loop {
        let mut page = server.call_iam(operation, &input).await?;
        if let Value::Array(listed) = page[items].take() {
            found.extend(listed);
        }
        if page["IsTruncated"] != "true" {
            return Ok(found);
        }
        input["Marker"] = page["Marker"].take();
    }
}

async fn list(server: ServerArguments) -> Result<()> {
    let mut roles = pages(&server, "ListRoles", json!({}), "Roles").await?;
    for role in &mut roles {
        decode(&mut role["AssumeRolePolicyDocument"]);
    }
    server.output.print(&json!({ "Roles": roles }), |shown| {
        let roles = shown["Roles"].as_array().into_iter().flatten();
        let row = |role: &Value| {
            let part = |name: &str| text(&role[name]);
            [part("RoleName"), part("CreateDate"), part("Arn")]
        };
        table(["NAME", "CREATED", "ARN"], roles.map(row))
    });
    Ok(())
}

/// The names of a role's inline policies, and the ARNs of its managed policies.
async fn policies(server: &ServerArguments, of_role: &Value) -> Result<(Vec<Value>, Vec<Value>)> {
    let inline = pages(server, "ListRolePolicies", of_role.clone(), "PolicyNames").await?;
    let operation = "ListAttachedRolePolicies";
    let attached = pages(server, operation, of_role.clone(), "AttachedPolicies").await?;
    Ok((inline, attached))
}

async fn show(server: &ServerArguments, name: &str) -> Result<()> {
    let of_role = json!({ "RoleName": name });
    let mut shown = server.call_iam("GetRole", &of_role).await?["Role"].take();
    decode(&mut shown["AssumeRolePolicyDocument"]);
    let (inline, attached) = policies(server, &of_role).await?;
    let mut documents = json!({});
    for policy in inline {
        let input = json!({ "RoleName": name, "PolicyName": policy });
        let mut answer = server.call_iam("GetRolePolicy", &input).await?;
        decode(&mut answer["PolicyDocument"]);
        documents[text(&policy)] = answer["PolicyDocument"].take();
    }
    shown["Policies"] = documents;
    if !attached.is_empty() {
        shown["AttachedPolicies"] = attached.into();
    }
    server.output.print(&shown, members);
    Ok(())
}

/// Reads a document as IAM answers it, in URL encoding.
fn decode(document: &mut Value) {
    let text = document
        .as_str()
        .map(|text| percent_decode_str(text).decode_utf8_lossy());
    if let Some(decoded) = text.and_then(|text| json::read(text.as_bytes()).ok()) {
        *document = decoded;
    }
}

fn read(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).into_diagnostic();
    text.wrap_err_with(|| format!("{} can't be read", file.display()))
}

async fn create(arguments: CreateRoleArguments) -> Result<()> {
    let (name, server) = (arguments.name, arguments.server);
    let policies = arguments.policies.into_iter();
    let policies = policies.map(|(policy, file)| Ok((policy, read(&file)?)));
    let policies = policies.collect::<Result<Vec<_>>>()?;
    let input = json!({
        "RoleName": name, "AssumeRolePolicyDocument": read(&arguments.trust)?,
        "MaxSessionDuration": arguments.max_session_duration,
    });
    server.call_iam("CreateRole", &input).await?;
    for (policy, document) in policies {
        let input = json!({
            "RoleName": name, "PolicyName": policy, "PolicyDocument": document,
        });
        let put = server.call_iam("PutRolePolicy", &input).await;
        put.wrap_err_with(|| {
            format!("the role {name} was created, and its policy {policy} was refused")
        })?;
    }
    show(&server, &name).await
}

async fn delete(arguments: RoleArguments, confirm: ConfirmArguments) -> Result<()> {
    let RoleArguments { name, server } = arguments;
    let of_role = json!({ "RoleName": name });
    let (inline, attached) = policies(&server, &of_role).await?;
    confirm.ask(&format!(
        "Delete the role {name} with its {} policies, and detach {}? Its sessions are refused at once.",
        inline.len(),
        attached.len()
    ))?;
    for policy in inline {
        let input = json!({ "RoleName": name, "PolicyName": policy });
        server.call_iam("DeleteRolePolicy", &input).await?;
    }
    for policy in attached {
        let input = json!({ "RoleName": name, "PolicyArn": policy["PolicyArn"] });
        server.call_iam("DetachRolePolicy", &input).await?;
    }
    server.call_iam("DeleteRole", &of_role).await.map(drop)
}
