//! Diagnostics of a configuration: collected while the loader goes on, and reported together.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, LabeledSpan, NamedSource};

use super::setting::Setting;
use super::value::ValueOrigin;

/// Every mistake in a configuration, at least one: first the file, from top to bottom, then the environment, the flags,
/// and the cross-checks.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub struct ConfigErrors {
    /// The file, with its secrets masked.
    #[source_code]
    file: Option<NamedSource<String>>,
    #[related]
    diagnostics: Vec<ConfigDiagnostic>,
}

impl ConfigErrors {
    /// One diagnostic for each mistake.
    pub fn diagnostics(&self) -> &[ConfigDiagnostic] {
        &self.diagnostics
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.diagnostics.len() {
            1 => formatter.write_str("there is a mistake in the configuration"),
            n => write!(formatter, "there are {n} mistakes in the configuration"),
        }
    }
}

/// One mistake in a configuration, in words for the operator. It holds no secret.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct ConfigDiagnostic {
    /// Where the mistake is.
    pub location: DiagnosticLocation,
    /// The mistake; begins with the name of the setting as its source spells it.
    pub message: String,
    /// The remedy.
    #[help]
    pub help: String,
    #[label(collection)]
    labels: Vec<LabeledSpan>,
}

/// Where a mistake is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiagnosticLocation {
    /// The configuration file; both numbers count from 1, columns in characters.
    File {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// This variable of the environment, or the file that it names.
    Variable(String),
    /// The value comes from this flag.
    Flag(&'static str),
    /// Several settings that don't go together.
    CrossCheck,
}

/// The reason why a value is refused. The value's location is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct ValueError {
    /// The mistake, as the end of a sentence after the setting's name and a colon.
    pub(in crate::config) what: String,
    /// The remedy.
    pub(in crate::config) help: String,
}

impl ValueError {
    pub(in crate::config) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: help.into(),
        }
    }
}

/// A valid value, or the reason why it is refused.
pub(in crate::config) type Parsed<T> = Result<T, ValueError>;

/// `text` in a message, shortened. A text that may hold a password, or more than one line of a file with a misplaced
/// closing quote, is left out.
pub(in crate::config) fn quoted(text: &str) -> String {
    if text.contains(['@', '\n', '\r']) {
        return "this value".to_owned();
    }
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", short.escape_debug())
}

/// The diagnostics collected so far.
#[derive(Debug, Default)]
pub(in crate::config) struct Diagnostics(Vec<PendingDiagnostic>);

#[derive(Debug)]
struct PendingDiagnostic {
    /// `None` for a cross-check.
    origin: Option<ValueOrigin>,
    message: String,
    help: String,
    /// Further spans of the file to point at.
    also: Vec<Range<usize>>,
}

impl Diagnostics {
    /// Adds a mistake in `setting`, which was set at `origin`.
    pub(in crate::config) fn add(
        &mut self,
        setting: Setting,
        origin: &ValueOrigin,
        error: ValueError,
    ) {
        let name = origin.name(setting);
        self.add_named(&name, origin, error);
    }

    /// Adds a mistake in something called `name`.
    pub(in crate::config) fn add_named(
        &mut self,
        name: &str,
        origin: &ValueOrigin,
        error: ValueError,
    ) {
        self.0.push(PendingDiagnostic {
            origin: Some(origin.clone()),
            message: format!("{name}: {}", error.what),
            help: error.help,
            also: Vec::new(),
        });
    }

    /// Adds a failed cross-check, and points at those of the settings that the file sets.
    pub(in crate::config) fn add_cross_check(
        &mut self,
        origins: &[Option<&ValueOrigin>],
        error: ValueError,
    ) {
        let spans = origins.iter().filter_map(|origin| match origin {
            Some(ValueOrigin::File(span)) => Some(span.clone()),
            _ => None,
        });
        self.0.push(PendingDiagnostic {
            origin: None,
            message: error.what,
            help: error.help,
            also: spans.collect(),
        });
    }

    pub(in crate::config) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The report; `file` is the file's path and text, and `masked` the text as it may be shown.
    pub(in crate::config) fn report(
        mut self,
        file: Option<(&Path, &str)>,
        masked: String,
    ) -> ConfigErrors {
        self.0.sort_by_key(PendingDiagnostic::order);
        let text = file.map_or("", |(_, text)| text);
        let named = |(path, _): (&Path, _)| NamedSource::new(path.to_string_lossy(), masked);
        let diagnostics = self.0.into_iter().map(|pending| pending.report(text));
        ConfigErrors {
            file: file.map(named),
            diagnostics: diagnostics.collect(),
        }
    }
}

impl PendingDiagnostic {
    fn order(&self) -> (u8, usize) {
        match &self.origin {
            Some(ValueOrigin::File(span)) => (0, span.start),
            Some(origin) => (origin.precedence(), 0),
            None => (3, 0),
        }
    }

    fn report(self, text: &str) -> ConfigDiagnostic {
        let mut spans = self.also;
        let location = match self.origin {
            Some(ValueOrigin::File(span)) => {
                let (line, column) = line_and_column(text, span.start);
                spans.insert(0, span);
                DiagnosticLocation::File { line, column }
            }
            Some(ValueOrigin::Variable(variable) | ValueOrigin::NamedFile { variable, .. }) => {
                DiagnosticLocation::Variable(variable)
            }
            Some(ValueOrigin::Flag(name)) => DiagnosticLocation::Flag(name),
            None => DiagnosticLocation::CrossCheck,
        };
        let labels = spans
            .into_iter()
            .map(|span| LabeledSpan::new_primary_with_span(None, span));
        ConfigDiagnostic {
            location,
            message: self.message,
            help: self.help,
            labels: labels.collect(),
        }
    }
}

/// The line and the column of a byte; both count from 1.
pub(in crate::config) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        for (offset, position) in [
            (0, (1, 1)),
            (2, (1, 2)),
            (3, (1, 3)),
            (4, (2, 1)),
            (9, (2, 2)),
        ] {
            assert_eq!(line_and_column("é!\nb", offset), position, "{offset}");
        }
    }

    #[test]
    fn a_quoted_value_is_short_and_keeps_passwords_to_itself() {
        assert_eq!(quoted("a\tb"), "`a\\tb`");
        assert_eq!(quoted("a\nb"), "this value");
        assert_eq!(quoted(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
        assert_eq!(quoted("https://me:pass@example.com"), "this value");
    }
}
