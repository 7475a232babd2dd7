//! The binary: it runs a command and exits as the command says.

use std::process::ExitCode;

fn main() -> ExitCode {
    cognate::cli::run()
}
