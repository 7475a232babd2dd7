//! `cognate policy`: what policies say.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, WrapErr};
use serde_json::{Map, Value, json};

use super::client::Server;

/// What of policies is to be known.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// What sessions of a role may do, and which statement of which policy decides
    Simulate(Simulate),
}

#[derive(Debug, Args)]
pub struct Simulate {
    /// The name of a role that is made on the server
    #[arg(long, value_name = "NAME")]
    role: String,
    /// What is to be done, as s3:GetObject; may be given again
    #[arg(long = "action", value_name = "SERVICE:NAME", required = true)]
    actions: Vec<String>,
    /// To what, an ARN; may be given again. Without one, to nothing in particular
    #[arg(long = "resource", value_name = "ARN")]
    resources: Vec<String>,
    /// A condition key and its value, as cognito-identity.amazonaws.com:sub=ID; may be given again
    #[arg(long = "context", value_name = "KEY=VALUE", value_parser = pair)]
    context: Vec<(String, String)>,
    /// A file with a session policy, which narrows the session
    #[arg(long, value_name = "FILE")]
    session_policy: Option<PathBuf>,
    /// As a guest of the enhanced flow, who is always narrowed to what guests may
    #[arg(long)]
    guest: bool,
    #[command(flatten)]
    server: Server,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE"),
    }
}

/// Asks, and prints a line for each action and resource.
pub(super) async fn run(command: Policy) -> Result<()> {
    let Policy::Simulate(simulate) = command;
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
    let answer = simulate.server.ask("SimulatePolicy", &input).await?;
    for one in answer["Results"].as_array().into_iter().flatten() {
        println!("{}", line(one));
    }
    Ok(())
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
        (None, Some(false)) => "nothing allows it within what narrows the session".to_owned(),
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
        format!("; not known: {}", missing.join(", "))
    };
    format!(
        "{:<13} {} on {}: {why}{missing}",
        text("Decision"),
        text("Action"),
        text("Resource")
    )
}
