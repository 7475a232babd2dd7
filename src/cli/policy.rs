//! `cognate policy`: tests the policies of roles and access keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, WrapErr};
use serde_json::{Map, Value, json};

use super::client::ServerArguments;

/// The subcommands of `cognate policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show whether sessions of a role may do something, and which statement decides
    Simulate(SimulateArguments),
    /// List the stored statements with condition keys that the server never knows
    Check(CheckArguments),
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct SimulateArguments {
    /// The name of a role that was created on the server
    #[arg(long, value_name = "NAME")]
    role: String,
    /// The action, for example s3:GetObject; repeat the flag for more
    #[arg(long = "action", value_name = "SERVICE:NAME", required = true)]
    actions: Vec<String>,
    /// The resource's ARN; repeat the flag for more. Without it, the resource is `*`
    #[arg(long = "resource", value_name = "ARN")]
    resources: Vec<String>,
    /// A condition key with its value, for example cognito-identity.amazonaws.com:sub=ID; repeat the flag for more
    #[arg(long = "context", value_name = "KEY=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
    /// A file with a session policy
    #[arg(long, value_name = "FILE")]
    session_policy: Option<PathBuf>,
    /// Apply the session policies that every guest of the enhanced flow has
    #[arg(long)]
    guest: bool,
    #[command(flatten)]
    server: ServerArguments,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE"),
    }
}

/// Runs the subcommand, and prints a line for each action and resource.
pub(super) async fn run(command: PolicyCommand) -> Result<()> {
    let simulate = match command {
        PolicyCommand::Simulate(simulate) => simulate,
        PolicyCommand::Check(check) => return list_findings(check).await,
    };
    let context: Map<String, Value> = simulate
        .context
        .into_iter()
        .map(|(key, value)| (key, json!(value)))
        .collect();
    let mut input = json!({
        "RoleName": simulate.role, "Actions": simulate.actions, "Resources": simulate.resources,
        "Context": context, "Guest": simulate.guest,
    });
    if let Some(path) = &simulate.session_policy {
        let text = std::fs::read_to_string(path).into_diagnostic();
        let text = text.wrap_err_with(|| format!("{} can't be read", path.display()))?;
        input["SessionPolicy"] = json!(text);
    }
    let answer = simulate.server.call("SimulatePolicy", &input).await?;
    simulate.server.output.print(&answer, |answer| {
        let results = answer["Results"].as_array().into_iter().flatten();
        results.map(|one| line(one) + "\n").collect()
    });
    Ok(())
}

/// Prints a line for each finding about the stored policies.
async fn list_findings(check: CheckArguments) -> Result<()> {
    let answer = check.server.call("CheckPolicies", &json!({})).await?;
    check.server.output.print(&answer, |answer| {
        let findings = answer["Findings"].as_array().map(Vec::as_slice);
        match findings.unwrap_or_default() {
            [] => "no stored policy depends on a condition key that this server never knows\n"
                .to_owned(),
            findings => findings.iter().map(finding).collect(),
        }
    });
    Ok(())
}

fn finding(one: &Value) -> String {
    let text = |name: &str| one[name].as_str().unwrap_or_default();
    format!(
        "statement {} of {}: this server never knows {}; {}\n",
        one["Statement"],
        text("Policy"),
        text("Key"),
        text("Consequence")
    )
}

/// `allowed       s3:GetObject on arn:…   statement 2 (Sid) of policy NAME`
fn line(one: &Value) -> String {
    let text = |name: &str| one[name].as_str().unwrap_or_default();
    let why = match (one["Statement"].as_u64(), one["WithinBounds"].as_bool()) {
        (Some(number), _) => {
            let sid = match text("Sid") {
                "" => String::new(),
                sid => format!(" ({sid})"),
            };
            format!("statement {number}{sid} of {}", text("Policy"))
        }
        (None, Some(false)) => "the session policies don't allow it".to_owned(),
        (None, _) => "no statement allows it".to_owned(),
    };
    let missing: Vec<&str> = one["MissingKeys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let missing = if missing.is_empty() {
        String::new()
    } else {
        format!("; missing condition keys: {}", missing.join(", "))
    };
    format!(
        "{:<13} {} on {}: {why}{missing}",
        text("Decision"),
        text("Action"),
        text("Resource")
    )
}
