//! The command line: one file a command. No command decides anything about identities; that is `operations`'.

mod arguments;
mod check_config;
mod report;

use std::process::ExitCode;

use clap::Parser;

pub use arguments::{Arguments, Command, SettingsArguments};

/// Runs the command that the process's arguments name; says how the process ends.
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::CheckConfig(settings) => check_config::run(&settings.into()),
    }
}
