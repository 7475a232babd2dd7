//! Completions for shells, and man pages, for packages.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use miette::{IntoDiagnostic, Result};

use super::Arguments;

/// Prints the completions of `shell`.
pub(super) fn print(shell: Shell) {
    clap_complete::generate(
        shell,
        &mut Arguments::command(),
        "cognate",
        &mut std::io::stdout(),
    );
}

/// Writes a man page for each command to the directory `folder`.
pub(super) fn man_pages(folder: &Path) -> Result<()> {
    clap_mangen::generate_to(Arguments::command(), folder).into_diagnostic()
}
