//! `cognate export-config`: writes a running server's pools, providers, roles and access keys as a seed.

use clap::Args;
use miette::{IntoDiagnostic, Result, miette};
use serde_json::{Value, json};

use super::client::ServerArguments;
use crate::model::json;

#[derive(Debug, Args)]
pub struct ExportArguments {
    /// A name for the seed, so that a later `cognate apply --prune` knows what it made
    #[arg(long, value_name = "NAME")]
    seed: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
}

/// Prints the seed as JSON.
pub(super) async fn run(arguments: ExportArguments) -> Result<()> {
    let server = &arguments.server;
    let answer = server.call("ExportConfiguration", &json!({})).await?;
    let text = answer["Document"].as_str().unwrap_or_default();
    let document = json::read(text.as_bytes()).into_diagnostic()?;
    let Value::Object(members) = document else {
        return Err(miette!(
            "the server's answer has no document: check that --endpoint is a Cognate server"
        ));
    };
    let mut seed = serde_json::Map::new();
    if let Some(name) = arguments.seed {
        seed.insert("seed".to_owned(), Value::from(name));
    }
    seed.extend(members);
    println!("{}", serde_json::to_string_pretty(&seed).into_diagnostic()?);
    Ok(())
}
