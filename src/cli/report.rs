//! How mistakes, exceptions and warnings of a configuration are printed: on standard error, for people.

use std::io::IsTerminal;

use miette::{MietteHandlerOpts, ReportHandler};

use crate::config::{Config, ConfigErrors};

/// Prints every mistake.
pub(super) fn mistakes(errors: &ConfigErrors) {
    eprintln!("{}", Printed(errors));
}

/// Prints what is unsafe by the operator's own word, and what else should be known.
pub(super) fn cautions(config: &Config) {
    for exception in config.exceptions() {
        eprintln!("UNSAFE: {exception}");
    }
    for warning in config.warnings() {
        eprintln!("warning: {warning}");
    }
}

struct Printed<'e>(&'e ConfigErrors);

impl std::fmt::Display for Printed<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let options = MietteHandlerOpts::new();
        // In a log or a pipe lines are searched for, so they stay whole.
        let handler = options.wrap_lines(std::io::stderr().is_terminal()).build();
        handler.debug(self.0, formatter)
    }
}

/// Why a command failed, with all that led to it.
pub(super) fn failure(report: &miette::Report) -> String {
    let mut lines = format!("cognate: {report}");
    for cause in report.chain().skip(1) {
        lines = format!("{lines}\n  because {cause}");
    }
    lines
}
