//! `cognate identity`: lists, shows, revokes, restores and deletes identities.

use clap::{Args, Subcommand};
use miette::{Result, miette};
use serde_json::{Value, json};

use super::client::ServerArguments;
use super::confirm::ConfirmArguments;
use super::moment::moment;
use super::output::{members, table, text};

/// How many identities a page of a list looks at.
const PAGE: u32 = 500;

/// The subcommands of `cognate identity`.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// List the identities of a pool with their status
    List(ListIdentitiesArguments),
    /// Show an identity: its pool, its logins and its status
    Show(IdentityArguments),
    /// Revoke an identity: it gets no tokens or credentials, and this server refuses its existing ones at once
    Revoke(RevokeArguments),
    /// Restore a revoked identity, so that it can sign in again
    Restore(IdentityArguments),
    /// Delete an identity: its user gets a new id at the next sign-in
    Delete {
        #[command(flatten)]
        identity: IdentityArguments,
        #[command(flatten)]
        confirm: ConfirmArguments,
    },
}

#[derive(Debug, Args)]
pub struct ListIdentitiesArguments {
    /// The identity pool's id
    #[arg(value_name = "POOL_ID")]
    pool: String,
    /// List only revoked identities
    #[arg(long)]
    revoked: bool,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct IdentityArguments {
    /// The identity's id: REGION:UUID
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct RevokeArguments {
    /// Leave the STS out: the identity's logins still open roles there
    #[arg(long)]
    only_this_pool: bool,
    #[command(flatten)]
    identity: IdentityArguments,
}

/// Runs the subcommand.
pub(super) async fn run(command: IdentityCommand) -> Result<()> {
    match command {
        IdentityCommand::List(list) => self::list(list).await,
        IdentityCommand::Show(one) => show(one).await,
        IdentityCommand::Revoke(one) => {
            let mut input = json!({ "IdentityId": one.identity.id });
            if one.only_this_pool {
                input["OnlyThisPool"] = json!(true);
            }
            ask(one.identity, "RevokeIdentity", &input).await
        }
        IdentityCommand::Restore(one) => {
            let input = json!({ "IdentityId": one.id });
            ask(one, "RestoreIdentity", &input).await
        }
        IdentityCommand::Delete { identity, confirm } => delete(identity, confirm).await,
    }
}

async fn list(arguments: ListIdentitiesArguments) -> Result<()> {
    let server = arguments.server.in_region_of(&arguments.pool);
    let mut input = json!({ "IdentityPoolId": arguments.pool, "MaxResults": PAGE });
    if arguments.revoked {
        input["OnlyRevoked"] = json!(true);
    }
    let mut identities = Vec::new();
    loop {
        let page = server.call("ListIdentityStatuses", &input).await?;
        identities.extend(page["Identities"].as_array().cloned().unwrap_or_default());
        match &page["NextToken"] {
            Value::Null => break,
            next => input["NextToken"] = next.clone(),
        }
    }
    server
        .output
        .print(&json!({ "Identities": identities }), |_| {
            let row = |identity: &Value| {
                let logins = identity["Logins"].as_array().into_iter().flatten();
                let logins: Vec<_> = logins.map(text).collect();
                let modified = moment(&identity["LastModifiedDate"]);
                let (id, status) = (text(&identity["IdentityId"]), text(&identity["Status"]));
                [id, status, modified, logins.join(" ")]
            };
            table(
                ["ID", "STATUS", "MODIFIED", "LOGINS"],
                identities.iter().map(row),
            )
        });
    Ok(())
}

async fn show(one: IdentityArguments) -> Result<()> {
    let server = one.server.in_region_of(&one.id);
    let input = json!({ "IdentityId": one.id });
    let shown = server.call("GetIdentityStatus", &input).await?;
    server.output.print(&shown, |shown| {
        let mut shown = shown.clone();
        for name in ["CreationDate", "LastModifiedDate"] {
            shown[name] = json!(moment(&shown[name]));
        }
        members(&shown)
    });
    Ok(())
}

async fn delete(one: IdentityArguments, confirm: ConfirmArguments) -> Result<()> {
    let server = one.server.in_region_of(&one.id);
    confirm.ask(&format!(
        "Delete the identity {}? Its user gets a new id at the next sign-in; `revoke` can be undone.",
        one.id
    ))?;
    let input = json!({ "IdentityIdsToDelete": [one.id] });
    let answer = server.call_pools("DeleteIdentities", &input).await?;
    match answer["UnprocessedIdentityIds"].get(0) {
        None => Ok(()),
        Some(kept) => Err(miette!(
            "the identity was not deleted ({}): a revoked identity must be restored first, because its logins would become free",
            text(&kept["ErrorCode"])
        )),
    }
}

async fn ask(one: IdentityArguments, operation: &str, input: &Value) -> Result<()> {
    // A request about an identity is signed for its region.
    let server = one.server.in_region_of(&one.id);
    let answer = server.call(operation, input).await?;
    server.output.print(&answer, |answer| {
        let now = answer["IdentityId"].as_str();
        now.filter(|now| *now != one.id)
            .map(|now| {
                format!(
                    "{} was merged into {now}; the command changed {now}\n",
                    one.id
                )
            })
            .unwrap_or_default()
    });
    Ok(())
}
