//! `cognate provider`: the OpenID Connect and SAML providers of the account.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::{Value, json};

use super::client::ServerArguments;
use super::confirm::ConfirmArguments;
use super::output::{members, table, text};

/// The subcommands of `cognate provider`.
#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// List the OpenID Connect and SAML providers
    List(ListProvidersArguments),
    /// Show a provider
    Show(ProviderArguments),
    /// Create a provider, and print its ARN
    Create(CreateProviderArguments),
    /// Delete a provider: its users can't sign in any more
    Delete {
        #[command(flatten)]
        provider: ProviderArguments,
        #[command(flatten)]
        confirm: ConfirmArguments,
    },
}

#[derive(Debug, Args)]
pub struct ListProvidersArguments {
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct ProviderArguments {
    /// The provider's ARN
    #[arg(value_name = "ARN")]
    arn: String,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct CreateProviderArguments {
    /// The URL of an OpenID Connect issuer
    #[arg(
        long,
        value_name = "ISSUER",
        required_unless_present = "saml",
        requires = "client_ids"
    )]
    oidc: Option<String>,
    /// A client id (audience) of the OpenID Connect provider; repeat the flag for more
    #[arg(long = "client-id", value_name = "ID", requires = "oidc")]
    client_ids: Vec<String>,
    /// The name of a SAML provider
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "oidc",
        requires = "metadata"
    )]
    saml: Option<String>,
    /// The file with the metadata of the SAML provider
    #[arg(long, value_name = "FILE", requires = "saml")]
    metadata: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArguments,
}

/// What the operations of a kind of provider are named after, what their ARNs have, and the members of their inputs and outputs.
struct ProviderOperations {
    name: &'static str,
    in_arn: &'static str,
    arn: &'static str,
    list: &'static str,
}

const KINDS: [ProviderOperations; 2] = [
    ProviderOperations {
        name: "OpenIDConnectProvider",
        in_arn: ":oidc-provider/",
        arn: "OpenIDConnectProviderArn",
        list: "OpenIDConnectProviderList",
    },
    ProviderOperations {
        name: "SAMLProvider",
        in_arn: ":saml-provider/",
        arn: "SAMLProviderArn",
        list: "SAMLProviderList",
    },
];

/// Runs the subcommand.
pub(super) async fn run(command: ProviderCommand) -> Result<()> {
    match command {
        ProviderCommand::List(arguments) => list(arguments.server).await,
        ProviderCommand::Show(arguments) => {
            let (kind, input) = arguments.target()?;
            let server = arguments.server;
            let mut shown = server
                .call_iam(&format!("Get{}", kind.name), &input)
                .await?;
            shown[kind.arn] = json!(arguments.arn);
            server.output.print(&shown, members);
            Ok(())
        }
        ProviderCommand::Create(arguments) => create(arguments).await,
        ProviderCommand::Delete { provider, confirm } => {
            let (kind, input) = provider.target()?;
            confirm.ask(&format!(
                "Delete {}? Its users can't sign in until it is created again.",
                provider.arn
            ))?;
            let operation = format!("Delete{}", kind.name);
            provider.server.call_iam(&operation, &input).await.map(drop)
        }
    }
}

impl ProviderArguments {
    /// The kind of the provider, and the input that names it.
    fn target(&self) -> Result<(&'static ProviderOperations, Value)> {
        let kind = KINDS.iter().find(|kind| self.arn.contains(kind.in_arn));
        let kind = kind.ok_or_else(|| {
            miette!("write the ARN of a provider, as `cognate provider list` prints it")
        })?;
        Ok((kind, json!({ kind.arn: self.arn })))
    }
}

async fn list(server: ServerArguments) -> Result<()> {
    let mut shown = json!({});
    for kind in &KINDS {
        let operation = format!("List{}s", kind.name);
        let listed = server.call_iam(&operation, &json!({})).await?[kind.list].take();
        shown[kind.list] = if listed.is_array() { listed } else { json!([]) };
    }
    server.output.print(&shown, |shown| {
        let rows = KINDS.iter().flat_map(|kind| {
            let providers = shown[kind.list].as_array().into_iter().flatten();
            providers.map(|provider| [text(&provider["Arn"])])
        });
        table(["ARN"], rows)
    });
    Ok(())
}

async fn create(arguments: CreateProviderArguments) -> Result<()> {
    let server = arguments.server;
    let created = match (arguments.oidc, arguments.saml, arguments.metadata) {
        (Some(issuer), ..) => {
            let input = json!({ "Url": issuer, "ClientIDList": arguments.client_ids });
            server
                .call_iam("CreateOpenIDConnectProvider", &input)
                .await?
        }
        (None, Some(name), Some(file)) => {
            let metadata = std::fs::read_to_string(&file).into_diagnostic();
            let metadata =
                metadata.wrap_err_with(|| format!("{} can't be read", file.display()))?;
            let input = json!({ "Name": name, "SAMLMetadataDocument": metadata });
            server.call_iam("CreateSAMLProvider", &input).await?
        }
        _ => {
            return Err(miette!(
                "pass --oidc with --client-id, or --saml with --metadata"
            ));
        }
    };
    server.output.print(&created, members);
    Ok(())
}
