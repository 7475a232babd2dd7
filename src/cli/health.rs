//! `cognate health`: whether a server is ready, for the health check of a container.

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use super::client::{EndpointArguments, unanswered};

#[derive(Debug, Args)]
pub struct HealthArguments {
    #[command(flatten)]
    endpoint: EndpointArguments,
}

/// Asks the server whether it is ready.
pub(super) async fn run(arguments: HealthArguments) -> Result<()> {
    let (endpoint, url) = (&arguments.endpoint, arguments.endpoint.url("/health")?);
    let client = endpoint.client()?;
    let response = client
        .get(url)
        .await
        .into_diagnostic()
        .wrap_err_with(|| unanswered(endpoint.as_str()))?;
    let text = String::from_utf8_lossy(&response.body);
    let text = text
        .trim_end()
        .escape_debug()
        .to_string()
        .replace("\\n", "\n");
    if response.status.is_success() {
        println!("{text}");
        return Ok(());
    }
    Err(miette!(
        "the server isn't ready: {} {text}",
        response.status
    ))
}
