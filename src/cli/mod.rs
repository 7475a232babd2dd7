//! The command line: one file a command. No command decides anything about identities; that is `operations`'.

mod access_key;
mod arguments;
mod check_config;
mod client;
mod dev;
mod explain;
mod identity;
mod issuer;
mod keys;
mod policy;
mod pool;
mod report;
mod root_key;
mod serve;

use std::future::Future;
use std::process::ExitCode;

use clap::Parser;
use miette::IntoDiagnostic;

pub use arguments::{Arguments, Command, DevArguments, SettingsArguments};

use crate::config::{Config, ConfigErrors, Environment, Flags, read_file};

/// Runs the command that the process's arguments name; says how the process ends.
pub fn run() -> ExitCode {
    install_crypto();
    let environment = Environment::of_the_process();
    match Arguments::parse().command {
        Command::CheckConfig(settings) => check_config::run(&settings.into()),
        Command::Serve(settings) => {
            let loaded = Config::load(&Flags::from(settings), &environment, &read_file);
            with(loaded, serve::run)
        }
        Command::Dev(arguments) => {
            let loaded = Config::for_dev(&Flags::from(arguments), &environment, &read_file);
            with(loaded, dev::run)
        }
        Command::Keys(command) => finish(keys::run(command)),
        Command::AccessKey(command) => finish(access_key::run(command)),
        Command::Explain(explain) => finish(explain::run(explain)),
        Command::Identity(command) => finish(identity::run(command)),
        Command::Issuer(command) => finish(issuer::run(command)),
        Command::Policy(command) => finish(policy::run(command)),
        Command::Pool(command) => finish(pool::run(command)),
        Command::RootKey(command) => finish(root_key::run(command)),
    }
}

/// Makes aws-lc the one provider of cryptography in this process. To be called once, before anything else.
pub fn install_crypto() {
    // An error says that somebody was here before, which is as good.
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .into_diagnostic();
    match runtime.and_then(|runtime| runtime.block_on(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            eprintln!("{}", report::failure(&report));
            ExitCode::FAILURE
        }
    }
}
