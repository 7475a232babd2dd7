//! The command line: one file per command. The rules about identities are in `operations` and below.

mod access_key;
mod agent;
mod apply;
mod arguments;
mod audit;
mod backup;
mod certificate;
mod check;
mod check_config;
mod client;
mod completions;
mod confirm;
mod credentials;
mod dev;
mod dev_token;
mod explain;
mod export_config;
mod health;
mod identity;
mod issuer;
mod keys;
mod log;
mod log_bounds;
mod login;
mod master_key;
mod metrics;
mod moment;
mod new_generation;
mod output;
mod policy;
mod pool;
mod profile;
mod provider;
mod query;
mod reload;
mod report;
mod role;
mod root_key;
mod seed_files;
mod serve;
mod signing_credentials;
mod store;
mod tokens;
#[cfg(feature = "otel")]
mod traces;
mod user_files;
mod version;
mod whoami;

use std::future::Future;
use std::process::ExitCode;

use clap::Parser;
use miette::IntoDiagnostic;

pub use arguments::{Arguments, CliCommand, DevArguments, ServeArguments, SettingsArguments};

use self::reload::ConfigSources;
use self::root_key::RootKeyCommand;
use crate::config::{Config, ConfigErrors, Environment, Flags, read_file};

/// Runs the command in the process's arguments; returns the exit status.
pub fn run() -> ExitCode {
    install_crypto();
    end_quietly_at_a_closed_pipe();
    let environment = Environment::of_the_process();
    match Arguments::parse().command {
        CliCommand::Check(arguments) => {
            let loaded = Config::load(&Flags::from(arguments), &environment, &read_file);
            with(loaded, check::run)
        }
        CliCommand::CheckConfig(arguments) => check_config::run(arguments),
        CliCommand::Serve(settings) => {
            let flags = Flags::from(settings);
            let sources = ConfigSources::new(flags, environment);
            let (loaded, files) = sources.load();
            with(loaded, |config| serve::run(config, sources, files))
        }
        CliCommand::Dev(arguments) => {
            if let Some(command) = arguments.command {
                return finish(dev_token::run(command));
            }
            let loaded = Config::for_dev(&Flags::from(*arguments), &environment, &read_file);
            with(loaded, dev::run)
        }
        CliCommand::Completions { shell } => {
            completions::print(shell);
            ExitCode::SUCCESS
        }
        CliCommand::ManPages { folder } => finish(async move { completions::man_pages(&folder) }),
        CliCommand::Audit(command) => finish(audit::run(command)),
        CliCommand::Backup(arguments) => {
            let loaded = Config::load(&Flags::from(arguments.location), &environment, &read_file);
            with(loaded, |config| async move {
                backup::back_up(&config, &arguments.target, arguments.keep)
            })
        }
        CliCommand::Restore(arguments) => {
            let loaded = Config::load(&Flags::from(arguments.location), &environment, &read_file);
            with(loaded, |config| async move {
                let log = arguments.audit_log.as_deref();
                backup::restore(config, &arguments.file, log).await
            })
        }
        CliCommand::Apply(arguments) => finish_with(apply::run(arguments)),
        CliCommand::ExportConfig(arguments) => finish(export_config::run(arguments)),
        CliCommand::Keys(command) => finish(keys::run(command)),
        CliCommand::Agent(arguments) => finish(agent::run(arguments)),
        CliCommand::Credentials(arguments) => finish_with(credentials::run(arguments)),
        CliCommand::Login(arguments) => finish(login::run(arguments)),
        CliCommand::Logout(arguments) => finish(login::log_out(arguments)),
        CliCommand::Profile(command) => finish(profile::run(command)),
        CliCommand::Whoami(arguments) => finish(whoami::run(arguments)),
        CliCommand::AccessKey(command) => finish(access_key::run(command)),
        CliCommand::Explain(explain) => finish(explain::run(explain)),
        CliCommand::Health(arguments) => finish(health::run(arguments)),
        CliCommand::Identity(command) => finish(identity::run(command)),
        CliCommand::Issuer(command) => finish(issuer::run(command)),
        CliCommand::MasterKey(command) => finish(master_key::run(command)),
        CliCommand::NewGeneration(arguments) => {
            let confirm = arguments.confirm;
            let loaded = Config::load(&Flags::from(arguments.location), &environment, &read_file);
            with(loaded, |config| new_generation::run(config, confirm))
        }
        CliCommand::Policy(command) => finish(policy::run(command)),
        CliCommand::Pool(command) => finish(pool::run(command)),
        CliCommand::Provider(command) => finish(provider::run(command)),
        CliCommand::Role(command) => finish(role::run(command)),
        CliCommand::RootKey(RootKeyCommand::Rotate(rotate)) => finish(root_key::rotate(rotate)),
        CliCommand::RootKey(RootKeyCommand::Recover(recover)) => {
            let confirm = recover.confirm;
            let loaded = Config::load(&Flags::from(recover.location), &environment, &read_file);
            with(loaded, |config| root_key::recover(config, confirm))
        }
        CliCommand::Store(command) => finish(store::run(command)),
    }
}

/// Ends a command quietly if the reader of its output has gone, as in `cognate access-key list | head -1`.
fn end_quietly_at_a_closed_pipe() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

/// Installs aws-lc as the process's provider of cryptography. Call it once, before anything else.
pub fn install_crypto() {
    // An error means that a provider is installed already.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
}

fn with<F: Future<Output = miette::Result<()>>>(
    loaded: Result<Config, ConfigErrors>,
    command: impl FnOnce(Config) -> F,
) -> ExitCode {
    match loaded {
        Ok(config) => {
            report::cautions(&config);
            finish(command(config))
        }
        Err(errors) => {
            report::mistakes(&errors);
            ExitCode::FAILURE
        }
    }
}

fn finish(command: impl Future<Output = miette::Result<()>>) -> ExitCode {
    finish_with(async { command.await.map(|()| ExitCode::SUCCESS) })
}

fn finish_with(command: impl Future<Output = miette::Result<ExitCode>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .into_diagnostic();
    match runtime.and_then(|runtime| runtime.block_on(command)) {
        Ok(status) => status,
        Err(report) => {
            eprintln!("{}", report::failure(&report));
            ExitCode::FAILURE
        }
    }
}
