//! The question before an action that can't be undone.

use std::io::{IsTerminal, Write};

use clap::Args;
use miette::{IntoDiagnostic, Result, miette};

/// The flag that answers the question.
#[derive(Debug, Clone, Copy, Args)]
pub struct ConfirmArguments {
    /// Act without asking
    #[arg(long)]
    yes: bool,
}

impl ConfirmArguments {
    /// Asks at a terminal whether to act. A script, which has no terminal, is not asked.
    pub(super) fn ask(self, question: &str) -> Result<()> {
        if self.yes || !std::io::stdin().is_terminal() || ask(question)? {
            return Ok(());
        }
        Err(miette!("nothing was changed"))
    }

    /// Asks whether to act, and refuses where there is no terminal to ask at.
    pub(super) fn require(self, question: &str) -> Result<()> {
        if !self.yes && !std::io::stdin().is_terminal() {
            return Err(miette!(
                "nothing was changed: without a terminal to ask at, pass --yes"
            ));
        }
        self.ask(question)
    }
}

fn ask(question: &str) -> Result<bool> {
    // Standard output may be a file or another program.
    eprint!("{question} [y/N] ");
    std::io::stderr().flush().into_diagnostic()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).into_diagnostic()?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
