//! `cognate check-config`: every mistake in the configuration, or what the server would do with it. The command opens,
//! makes and changes nothing.

use std::process::ExitCode;

use clap::Args;
use serde_json::Map;

use crate::ambient::{Ambient, Real};
use crate::config::{Config, Environment, Flags, read_file};

use super::arguments::SettingsArguments;
use super::output::OutputArguments;
use super::{certificate, log, report, seed_files};

/// The flags of `cognate check-config`.
#[derive(Debug, Args)]
pub struct CheckConfigArguments {
    #[command(flatten)]
    pub(super) settings: SettingsArguments,
    #[command(flatten)]
    output: OutputArguments,
}

/// Loads the configuration of `cognate serve` and prints its mistakes, or its warnings and its summary.
pub(super) fn run(arguments: CheckConfigArguments) -> ExitCode {
    let flags = Flags::from(arguments.settings);
    match Config::load(&flags, &Environment::of_the_process(), &read_file) {
        Ok(config) => {
            report::cautions(&config);
            let mut is_valid = true;
            let mut fail = |error: &miette::Report| {
                eprintln!("{}", report::failure(error));
                is_valid = false;
            };
            let files = config.tls.as_ref();
            let checked = files.map(|files| certificate::check(files, Real.now()));
            match checked.transpose() {
                Ok(Some(Some(warning))) => eprintln!("warning: {warning}"),
                Ok(_) => {}
                Err(error) => fail(&error),
            }
            if let Err(error) = log::check_traces(&config) {
                fail(&error);
            }
            for file in &config.seeds {
                let files = std::slice::from_ref(file);
                if let Err(error) = seed_files::read(files, &Environment::of_the_process()) {
                    fail(&error);
                }
            }
            if !is_valid {
                return ExitCode::FAILURE;
            }
            let settings = config.summary().into_iter();
            let settings: Map<_, _> = settings
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            arguments
                .output
                .print(&settings.into(), |_| summary(&config));
            ExitCode::SUCCESS
        }
        Err(errors) => {
            report::mistakes(&errors);
            ExitCode::FAILURE
        }
    }
}

/// A line for each part of the configuration.
fn summary(config: &Config) -> String {
    let lines = config.summary().into_iter();
    let lines: Vec<_> = lines
        .map(|(name, value)| format!("  {name:<16}{value}\n"))
        .collect();
    format!(
        "The configuration is valid. The server would run with:\n{}",
        lines.concat()
    )
}
