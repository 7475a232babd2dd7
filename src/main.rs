//! The binary: it runs a command and exits as the command says.

use std::process::ExitCode;

/// The system's allocator costs a request a tenth more instructions.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cognate::cli::run()
}
