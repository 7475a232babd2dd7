//! `cognate pool`: identity pools, their roles, and their settings that AWS's tools don't have.

mod records;
mod settings;

use clap::Subcommand;
use miette::Result;

use self::records::{CreatePoolArguments, ListPoolsArguments, PoolArguments, PoolRolesArguments};
use self::settings::{CredentialsArguments, PoolSettingsArguments};
use super::confirm::ConfirmArguments;

/// The subcommands of `cognate pool`.
#[derive(Debug, Subcommand)]
pub enum PoolCommand {
    /// List the identity pools of a region
    List(ListPoolsArguments),
    /// Show an identity pool and its roles
    Show(PoolArguments),
    /// Create an identity pool, and print it
    Create(CreatePoolArguments),
    /// Delete an identity pool with all its identities
    Delete {
        #[command(flatten)]
        pool: PoolArguments,
        #[command(flatten)]
        confirm: ConfirmArguments,
    },
    /// Show or change the roles of a pool
    ///
    /// A change keeps the other role and the role mappings.
    Roles(PoolRolesArguments),
    /// Show or change how long the credentials of identities last
    ///
    /// A change applies to new credentials. They never last longer than the maximum of a role that was created on the
    /// server.
    Credentials(CredentialsArguments),
    /// Show or change all settings of a pool that are Cognate's own
    ///
    /// A change keeps the settings that aren't named. It is refused if another change came between.
    Settings(PoolSettingsArguments),
}

/// Runs the subcommand.
pub(super) async fn run(command: PoolCommand) -> Result<()> {
    match command {
        PoolCommand::List(list) => records::list(list).await,
        PoolCommand::Show(pool) => records::show(pool).await,
        PoolCommand::Create(create) => records::create(create).await,
        PoolCommand::Delete { pool, confirm } => records::delete(pool, confirm).await,
        PoolCommand::Roles(roles) => records::roles(roles).await,
        PoolCommand::Credentials(credentials) => settings::credentials(credentials).await,
        PoolCommand::Settings(settings) => settings::settings(settings).await,
    }
}
