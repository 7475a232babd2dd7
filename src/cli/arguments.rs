//! The commands and their flags, as strings: `config` parses and checks the values, so that errors in flags are
//! reported together with all others.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::access_key::AccessKeyCommand;
use super::agent::AgentArguments;
use super::apply::ApplyArguments;
use super::audit::AuditCommand;
use super::backup::{BackupArguments, RestoreArguments};
use super::check_config::CheckConfigArguments;
use super::credentials::ProfileKeysArguments;
use super::dev_token::DevCommand;
use super::explain::ExplainArguments;
use super::export_config::ExportArguments;
use super::health::HealthArguments;
use super::identity::IdentityCommand;
use super::issuer::IssuerCommand;
use super::keys::KeysCommand;
use super::login::{LoginArguments, LogoutArguments};
use super::master_key::MasterKeyCommand;
use super::new_generation::NewGenerationArguments;
use super::policy::PolicyCommand;
use super::pool::PoolCommand;
use super::profile::ProfileCommand;
use super::provider::ProviderCommand;
use super::role::RoleCommand;
use super::root_key::RootKeyCommand;
use super::store::StoreCommand;
use super::whoami::WhoamiArguments;
use crate::config::{Flags, Secret};

/// A self-hosted server that speaks the Amazon Cognito Identity API.
#[derive(Debug, Parser)]
#[command(name = "cognate", version = super::version::TEXT, arg_required_else_help = true)]
pub struct Arguments {
    /// The command to run.
    #[command(subcommand)]
    pub command: CliCommand,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Run the server
    ///
    /// SIGTERM or SIGINT stops it: /health answers 503 for the drain delay, then it accepts no new connections, finishes requests
    /// in progress and closes the store. A second signal ends it at once. SIGHUP reads the certificate again, and reports
    /// mistakes and changes in the configuration.
    Serve(ServeArguments),
    /// Run a server for a laptop or a CI job, with a demo pool and commands to paste
    ///
    /// Like `cognate serve`, but with a test issuer of its own, for http issuers on this machine, and on a loopback address
    /// unless --expose is set. `cognate dev token` makes an ID token of a running server's test issuer.
    Dev(Box<DevArguments>),
    /// Check the embedded store: the structure of the database and the checksum of each row
    ///
    /// Changes nothing; the server may run meanwhile. The exit status is 1 if the store is damaged.
    Check(StoreFlags),
    /// Check the configuration of `cognate serve`: print every error with its line, or the resulting settings
    ///
    /// Takes the flags of `cognate serve` and reads the same file and environment. It opens, creates and changes nothing.
    /// The exit status is 0 if the configuration is valid, and 1 if it isn't.
    CheckConfig(CheckConfigArguments),
    /// Find a guest in the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Back up the embedded store, also while a server uses it
    ///
    /// The backup is consistent, verified, and readable only by this user. It contains guests' ids and sealed secrets, and no
    /// master key. A PostgreSQL database has its own tools.
    Backup(BackupArguments),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages of all commands to a directory
    #[command(hide = true)]
    ManPages {
        /// The directory, which must exist
        folder: PathBuf,
    },
    /// Restore a backup to a data directory that has no store
    ///
    /// The restored store is a new generation: sessions, tokens and SAML responses from before are refused. Prints from which
    /// time on revocations, deletions and disabled keys may be missing.
    Restore(RestoreArguments),
    /// Apply seed files: make the pools, providers, roles and access keys of a running server as they describe them
    ///
    /// Prints the differences and asks before it changes anything. All changes are made in one transaction, or none.
    Apply(ApplyArguments),
    /// Print the pools, providers, roles and access keys of a running server as a seed file, without secrets
    ExportConfig(ExportArguments),
    /// Give container credentials of a profile on this machine, to programs that have the agent's token
    ///
    /// Prints the two variables that such a program needs, and fetches new credentials before the present ones end.
    Agent(AgentArguments),
    /// Print the keys of a profile, for credential_process of the AWS configuration file
    Credentials(ProfileKeysArguments),
    /// Sign in for a profile, in a browser or with a code on another device
    Login(LoginArguments),
    /// Revoke the login of a profile, and remove its tokens and keys
    Logout(LogoutArguments),
    /// Manage the profiles of this user: what their programs get credentials for
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Print who is signed in for a profile, and the role of its credentials
    Whoami(WhoamiArguments),
    /// Explain a login: print each check, and the resulting identity and role
    ///
    /// Changes nothing. The exit status is 1 if the server would refuse the login.
    Explain(ExplainArguments),
    /// Ask a server whether it is ready: the exit status is 0 or 1
    Health(HealthArguments),
    /// List and rotate the keys that sign tokens and seal sessions
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Manage access keys other than the root key, each with a policy
    #[command(subcommand)]
    AccessKey(AccessKeyCommand),
    /// List, show, revoke, restore and delete identities
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Show what another service needs in order to trust the server's tokens
    #[command(subcommand)]
    Issuer(IssuerCommand),
    /// Make the key that encrypts the secrets of a store
    #[command(subcommand)]
    MasterKey(MasterKeyCommand),
    /// Begin a new generation of a store that was restored or recovered to an earlier point in time
    ///
    /// Stop every server first, recover the database with its own tools, and run this before a server starts. Sessions,
    /// tokens and SAML responses from before are refused afterwards. Prints from which time on revocations, deletions and
    /// disabled keys may be missing.
    NewGeneration(NewGenerationArguments),
    /// Test the policies of roles
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Manage identity pools, their roles and their settings
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Manage the OpenID Connect and SAML providers
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Manage the roles that identities and other callers get
    #[command(subcommand)]
    Role(RoleCommand),
    /// Rotate the root access key, which may do everything
    #[command(subcommand)]
    RootKey(RootKeyCommand),
    /// Move everything that is stored to another store
    #[command(subcommand)]
    Store(StoreCommand),
}

/// The flags of `cognate serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    #[command(flatten)]
    settings: SettingsArguments,

    /// Remove the test issuer of `cognate dev` from the store, with which the server refuses to start
    #[arg(long)]
    drop_test_issuer: bool,

    /// Serve the existing data for another account than before: every ARN changes
    #[arg(long)]
    accept_changed_account_id: bool,

    /// Serve the existing data under another public URL than before: tokens from before are refused
    #[arg(long)]
    accept_changed_public_url: bool,
}

/// The flags and commands of `cognate dev`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DevArguments {
    /// The command of a running server.
    #[command(subcommand)]
    pub(super) command: Option<DevCommand>,

    #[command(flatten)]
    settings: SettingsArguments,

    /// Keep all data in a temporary directory, which is removed when the server stops
    #[arg(long)]
    ephemeral: bool,

    /// Let other machines reach this server, in a container or a network of containers: anyone who reaches it can sign in
    /// as any user of its demo pool
    #[arg(long)]
    expose: bool,
}

/// The flags of every command that serves or checks a configuration.
#[derive(Debug, Args)]
pub struct SettingsArguments {
    /// The configuration file (TOML); the environment and flags override it [env: COGNATE_CONFIG] [default: not set]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The address to listen on [env: COGNATE_LISTEN] [default: 127.0.0.1:2646]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,

    /// The directory of the embedded store and the root credentials [env: COGNATE_DATA_DIR] [default: ./cognate-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// The PostgreSQL database that replaces the embedded store: postgres://user@host/name [env: COGNATE_DATABASE_URL]
    /// [default: not set]
    #[arg(long, value_name = "URL", value_parser = secret)]
    database_url: Option<Secret>,

    /// The file of the key that encrypts the store's secrets [env: COGNATE_MASTER_KEY_FILE] [default: master.key in the
    /// data directory]
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<PathBuf>,

    /// The URL that clients use for the server; it is the issuer of its tokens [env: COGNATE_PUBLIC_URL] [default:
    /// http:// or https:// and the listen address]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// The AWS account id of the server [env: COGNATE_ACCOUNT_ID] [default: 123456789012]
    #[arg(long, value_name = "N")]
    account_id: Option<String>,

    /// A region to serve; repeat the flag for more [env: COGNATE_REGIONS, with commas or spaces] [default: any]
    #[arg(long = "region", value_name = "NAME")]
    regions: Vec<String>,

    /// Fetch https://HOST/path from URL/path instead; repeat the flag for more [env: COGNATE_UPSTREAMS, with commas or
    /// spaces] [default: none]
    #[arg(long = "upstream", value_name = "HOST=URL")]
    upstreams: Vec<String>,

    /// A private host, suffix or network that logins may be fetched from; repeat the flag for more [env:
    /// COGNATE_LOGINS_PRIVATE_NETWORKS, with commas or spaces] [default: none]
    #[arg(long = "private-network", value_name = "NETWORK")]
    private_networks: Vec<String>,

    /// Accept http:// issuers on loopback hosts [env: COGNATE_ALLOW_HTTP_ISSUERS] [default: false]
    #[arg(long)]
    allow_http_issuers: bool,

    /// An http:// issuer to accept wherever it is, by its whole URL; repeat the flag for more [env: COGNATE_HTTP_ISSUERS,
    /// with commas or spaces] [default: none]
    #[arg(long = "http-issuer", value_name = "URL")]
    http_issuers: Vec<String>,
}

/// The flags of `cognate serve` that say where the store is, for commands that need no server.
#[derive(Debug, Args)]
pub struct StoreFlags {
    /// The configuration file of the servers (TOML) [env: COGNATE_CONFIG] [default: not set]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory of the embedded store [env: COGNATE_DATA_DIR] [default: ./cognate-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The PostgreSQL database: postgres://user@host/name [env: COGNATE_DATABASE_URL] [default: not set]
    #[arg(long, value_name = "URL", value_parser = secret)]
    database_url: Option<Secret>,
}

impl From<StoreFlags> for Flags {
    fn from(arguments: StoreFlags) -> Self {
        Self {
            config: arguments.config,
            data_dir: arguments.data_dir,
            database_url: arguments.database_url,
            ..Self::default()
        }
    }
}

impl From<DevArguments> for Flags {
    fn from(arguments: DevArguments) -> Self {
        Self {
            ephemeral: arguments.ephemeral,
            expose: arguments.expose,
            ..arguments.settings.into()
        }
    }
}

impl From<ServeArguments> for Flags {
    fn from(arguments: ServeArguments) -> Self {
        Self {
            drop_test_issuer: arguments.drop_test_issuer,
            accept_changed_account_id: arguments.accept_changed_account_id,
            accept_changed_public_url: arguments.accept_changed_public_url,
            ..arguments.settings.into()
        }
    }
}

impl From<SettingsArguments> for Flags {
    fn from(arguments: SettingsArguments) -> Self {
        Self {
            config: arguments.config,
            listen: arguments.listen,
            data_dir: arguments.data_dir,
            database_url: arguments.database_url,
            master_key_file: arguments.master_key_file,
            public_url: arguments.public_url,
            account_id: arguments.account_id,
            regions: arguments.regions,
            upstreams: arguments.upstreams,
            private_networks: arguments.private_networks,
            allow_http_issuers: arguments.allow_http_issuers,
            http_issuers: arguments.http_issuers,
            ephemeral: false,
            expose: false,
            drop_test_issuer: false,
            accept_changed_account_id: false,
            accept_changed_public_url: false,
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of clap's parsers")]
fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::config::{CONFIG_FLAG, CONFIG_VARIABLE, settings};

    #[test]
    fn every_flag_of_a_setting_is_there_and_says_its_variable_and_default() {
        let command = Arguments::command();
        command.clone().debug_assert();
        let check = command.find_subcommand("check-config").unwrap();
        let named = settings().filter_map(|s| s.flag.zip(s.variable()));
        for (flag, variable) in named.chain([(CONFIG_FLAG, CONFIG_VARIABLE.to_owned())]) {
            let long = flag.strip_prefix("--");
            let argument = check
                .get_arguments()
                .find(|argument| argument.get_long() == long);
            let help = argument.unwrap().get_help().unwrap().to_string();
            assert!(
                help.contains(&format!("[env: {variable}")),
                "{flag}: {help}"
            );
            assert!(help.contains("[default: "), "{flag}: {help}");
        }
    }

    #[test]
    fn what_is_said_on_the_command_line_reaches_the_configuration() {
        let words = "cognate check-config --config a --listen b --data-dir c --database-url d --master-key-file e \
                     --public-url f --account-id g --region h --region i --upstream j=k --private-network l --allow-http-issuers --http-issuer m";
        let CliCommand::CheckConfig(arguments) =
            Arguments::parse_from(words.split_whitespace()).command
        else {
            panic!("check-config was asked for");
        };
        let flags = Flags::from(arguments.settings);
        assert_eq!(
            format!("{flags:?}"),
            "Flags { config: Some(\"a\"), listen: Some(\"b\"), data_dir: Some(\"c\"), database_url: \
             Some(Secret(…)), master_key_file: Some(\"e\"), public_url: Some(\"f\"), account_id: Some(\"g\"), \
             regions: [\"h\", \"i\"], upstreams: [\"j=k\"], \
             private_networks: [\"l\"], allow_http_issuers: true, http_issuers: [\"m\"], ephemeral: false, expose: false, \
             drop_test_issuer: false, accept_changed_account_id: false, accept_changed_public_url: false }"
        );
    }
}
