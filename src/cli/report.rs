//! Printing the mistakes and warnings of a configuration, and the reason for which a command fails: on standard error,
//! for people.

use std::io::IsTerminal;

use miette::{MietteHandlerOpts, ReportHandler};

use crate::config::{Config, ConfigErrors};

/// Prints every mistake.
pub(super) fn mistakes(errors: &ConfigErrors) {
    eprintln!("{}", RenderedErrors(errors));
}

/// Prints the unsafe exceptions and the warnings.
pub(super) fn cautions(config: &Config) {
    for exception in config.exceptions() {
        eprintln!("UNSAFE: {exception}");
    }
    for warning in config.warnings() {
        eprintln!("warning: {warning}");
    }
}

struct RenderedErrors<'e>(&'e ConfigErrors);

impl std::fmt::Display for RenderedErrors<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let options = MietteHandlerOpts::new();
        // Lines stay whole in a log or a pipe, where people search for them.
        let handler = options.wrap_lines(std::io::stderr().is_terminal()).build();
        handler.debug(self.0, formatter)
    }
}

/// The error with which a command fails, and its chain of causes.
pub(super) fn failure(report: &miette::Report) -> String {
    let mut lines = format!("cognate: {report}");
    for cause in report.chain().skip(1) {
        lines = format!("{lines}\n  because {cause}");
    }
    lines
}
