//! Listing, showing, creating and deleting identity pools.

use clap::Args;
use miette::Result;
use serde_json::{Map, Value, json};

use super::settings::member;
use crate::cli::client::ServerArguments;
use crate::cli::confirm::ConfirmArguments;
use crate::cli::output::{members, table, text};

/// How many pools a page of a list has.
const PAGE: u32 = 60;

#[derive(Debug, Args)]
pub struct ListPoolsArguments {
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct PoolArguments {
    /// The identity pool's id
    #[arg(value_name = "POOL_ID")]
    pool: String,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct CreatePoolArguments {
    /// The pool's name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Let guests have identities
    #[arg(long)]
    allow_guests: bool,
    /// A further member of CreateIdentityPool and its value in JSON, for example
    /// `OpenIdConnectProviderARNs=["arn:aws:iam::123456789012:oidc-provider/login.example.com"]`; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = member)]
    set: Vec<(String, Value)>,
    #[command(flatten)]
    server: ServerArguments,
}

#[derive(Debug, Args)]
pub struct PoolRolesArguments {
    /// The identity pool's id
    #[arg(value_name = "POOL_ID")]
    pool: String,
    /// The ARN of the role for identities with logins
    #[arg(long, value_name = "ARN")]
    authenticated: Option<String>,
    /// The ARN of the role for guests
    #[arg(long, value_name = "ARN")]
    guests: Option<String>,
    #[command(flatten)]
    server: ServerArguments,
}

/// Prints the pools of the region.
pub(super) async fn list(arguments: ListPoolsArguments) -> Result<()> {
    let server = arguments.server;
    let input = json!({ "MaxResults": PAGE });
    let pools = server.list_pools("ListIdentityPools", input, "IdentityPools");
    let rows = |value: &Value| {
        let pools = value["IdentityPools"].as_array().into_iter().flatten();
        let row = |pool: &Value| {
            [
                text(&pool["IdentityPoolId"]),
                text(&pool["IdentityPoolName"]),
            ]
        };
        table(["ID", "NAME"], pools.map(row))
    };
    server
        .output
        .print(&json!({ "IdentityPools": pools.await? }), rows);
    Ok(())
}

/// Prints a pool and its roles.
pub(super) async fn show(arguments: PoolArguments) -> Result<()> {
    let PoolArguments { pool, server } = arguments;
    let server = server.in_region_of(&pool);
    let input = json!({ "IdentityPoolId": pool });
    let mut shown = server.call_pools("DescribeIdentityPool", &input).await?;
    let roles = server.call_pools("GetIdentityPoolRoles", &input).await?;
    for name in ["Roles", "RoleMappings"] {
        if !roles[name].is_null() {
            shown[name] = roles[name].clone();
        }
    }
    server.output.print(&shown, members);
    Ok(())
}

/// Creates a pool and prints it.
pub(super) async fn create(arguments: CreatePoolArguments) -> Result<()> {
    let mut input = Map::from_iter(arguments.set);
    input.insert("IdentityPoolName".to_owned(), json!(arguments.name));
    let guests = "AllowUnauthenticatedIdentities".to_owned();
    if arguments.allow_guests {
        input.insert(guests, json!(true));
    } else {
        input.entry(guests).or_insert(json!(false));
    }
    let server = arguments.server;
    let input = Value::from(input);
    let made = server.call_pools("CreateIdentityPool", &input).await?;
    server.output.print(&made, members);
    Ok(())
}

/// Deletes a pool.
pub(super) async fn delete(arguments: PoolArguments, confirm: ConfirmArguments) -> Result<()> {
    let PoolArguments { pool, server } = arguments;
    let server = server.in_region_of(&pool);
    let input = json!({ "IdentityPoolId": pool });
    let found = server.call_pools("DescribeIdentityPool", &input).await?;
    let name = text(&found["IdentityPoolName"]);
    confirm.ask(&format!(
        "Delete the pool {pool} ({}) with all its identities? Their users get new ids if they sign in elsewhere.",
        name.escape_debug()
    ))?;
    let deleted = server.call_pools("DeleteIdentityPool", &input);
    deleted.await.map(drop)
}

/// Changes the roles that are named, and prints all.
pub(super) async fn roles(arguments: PoolRolesArguments) -> Result<()> {
    let PoolRolesArguments {
        pool,
        authenticated,
        guests,
        server,
    } = arguments;
    let server = server.in_region_of(&pool);
    let input = json!({ "IdentityPoolId": pool });
    let mut shown = server.call_pools("GetIdentityPoolRoles", &input).await?;
    if shown["Roles"].is_null() {
        shown["Roles"] = json!({});
    }
    if authenticated.is_some() || guests.is_some() {
        let named = [
            ("authenticated", authenticated),
            ("unauthenticated", guests),
        ];
        for (name, role) in named {
            if let Some(role) = role {
                shown["Roles"][name] = Value::from(role);
            }
        }
        server.call_pools("SetIdentityPoolRoles", &shown).await?;
    }
    server.output.print(&shown, |shown| {
        let mut text = members(&shown["Roles"]);
        if !shown["RoleMappings"].is_null() {
            text.push_str(&members(&json!({ "mappings": shown["RoleMappings"] })));
        }
        text
    });
    Ok(())
}
