//! The commands and their flags, as texts: what a value means and whether it is good is said in `config`, so that a
//! mistake in a flag is told together with all others.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::access_key::AccessKey;
use super::explain::Explain;
use super::identity::Identity;
use super::issuer::Issuer;
use super::keys::Keys;
use super::policy::Policy;
use super::pool::Pool;
use super::root_key::RootKey;
use crate::config::{Flags, Secret};

/// A self-hosted server that speaks the Amazon Cognito Identity API.
#[derive(Debug, Parser)]
#[command(name = "cognate", version, arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve
    ///
    /// Stops on SIGTERM or SIGINT: takes no new connections, finishes what is under way, closes the store.
    Serve(SettingsArguments),
    /// Serve for a laptop or a CI job: on loopback, with a pool to try and commands to paste
    ///
    /// As `cognate serve`, but http issuers on this machine are accepted, and no other address is listened on.
    Dev(DevArguments),
    /// Tell every mistake in the configuration of `cognate serve`, with its place, or what would be served
    ///
    /// Takes the flags of `cognate serve` and reads the same file and environment. Nothing is opened, made or changed.
    /// Exits with 0 where the configuration is good, with 1 where it isn't.
    CheckConfig(SettingsArguments),
    /// Tell every check of a login, and the identity and role that it would get, on a running server
    ///
    /// Changes nothing. Exits with 1 where the login would be refused.
    Explain(Explain),
    /// The keys that sign tokens and seal sessions, on a running server
    #[command(subcommand)]
    Keys(Keys),
    /// Access keys beside the root key, each with a policy, on a running server
    #[command(subcommand)]
    AccessKey(AccessKey),
    /// Revoke an identity, or restore it, on a running server
    #[command(subcommand)]
    Identity(Identity),
    /// What others want to know of a running server before they trust its tokens
    #[command(subcommand)]
    Issuer(Issuer),
    /// Policies of roles: what they say
    #[command(subcommand)]
    Policy(Policy),
    /// What an identity pool has beside what the AWS tools set, on a running server
    #[command(subcommand)]
    Pool(Pool),
    /// The access key that may do everything, on a running server
    #[command(subcommand)]
    RootKey(RootKey),
}

/// The flags of `cognate dev`.
#[derive(Debug, Args)]
pub struct DevArguments {
    #[command(flatten)]
    settings: SettingsArguments,

    /// Keep everything in a temporary directory that is gone after the stop
    #[arg(long)]
    ephemeral: bool,
}

/// The flags of every command that serves or checks a configuration.
#[derive(Debug, Args)]
pub struct SettingsArguments {
    /// The configuration file (TOML); environment and flags win over it [env: COGNATE_CONFIG] [default: none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The address to listen on [env: COGNATE_LISTEN] [default: 127.0.0.1:2646]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,

    /// The folder of the embedded store and the root credentials [env: COGNATE_DATA_DIR] [default: ./cognate-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// A database in place of the embedded store, which this version doesn't offer yet [env: COGNATE_DATABASE_URL]
    /// [default: none]
    #[arg(long, value_name = "URL", value_parser = secret)]
    database_url: Option<Secret>,

    /// The file of the key that the store's secrets are sealed with [env: COGNATE_MASTER_KEY_FILE] [default:
    /// master.key in the data directory]
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<PathBuf>,

    /// The URL under which clients reach the server, the issuer of its tokens [env: COGNATE_PUBLIC_URL] [default:
    /// http:// or https:// and the listen address]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// The AWS account that the server stands for [env: COGNATE_ACCOUNT_ID] [default: 123456789012]
    #[arg(long, value_name = "N")]
    account_id: Option<String>,

    /// A region to serve; may be given again [env: COGNATE_REGIONS, with commas or spaces] [default: any]
    #[arg(long = "region", value_name = "NAME")]
    regions: Vec<String>,

    /// Fetch https://HOST/path from URL/path instead; may be given again [env: COGNATE_UPSTREAMS, with commas or
    /// spaces] [default: none]
    #[arg(long = "upstream", value_name = "HOST=URL")]
    upstreams: Vec<String>,

    /// Accept http:// issuers on loopback hosts [env: COGNATE_ALLOW_HTTP_ISSUERS] [default: false]
    #[arg(long)]
    allow_http_issuers: bool,
}

impl From<DevArguments> for Flags {
    fn from(arguments: DevArguments) -> Self {
        Self {
            ephemeral: arguments.ephemeral,
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
            allow_http_issuers: arguments.allow_http_issuers,
            ephemeral: false,
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
                     --public-url f --account-id g --region h --region i --upstream j=k --allow-http-issuers";
        let Command::CheckConfig(arguments) =
            Arguments::parse_from(words.split_whitespace()).command
        else {
            panic!("check-config was asked for");
        };
        let flags = Flags::from(arguments);
        assert_eq!(
            format!("{flags:?}"),
            "Flags { config: Some(\"a\"), listen: Some(\"b\"), data_dir: Some(\"c\"), database_url: \
             Some(Secret(…)), master_key_file: Some(\"e\"), public_url: Some(\"f\"), account_id: Some(\"g\"), \
             regions: [\"h\", \"i\"], upstreams: [\"j=k\"], allow_http_issuers: true, ephemeral: false }"
        );
    }
}
