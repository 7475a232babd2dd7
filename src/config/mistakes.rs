//! Mistakes in a configuration: noted one by one while the loader goes on, and reported together.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, LabeledSpan, NamedSource};

use super::said::Origin;
use super::settings::Setting;

/// Everything that is wrong with a configuration: first the file, from top to bottom, then the environment, then the
/// flags, then what doesn't go together. At least one mistake.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub struct ConfigErrors {
    /// The file, with what must not be seen masked.
    #[source_code]
    file: Option<NamedSource<String>>,
    #[related]
    mistakes: Vec<Mistake>,
}

impl ConfigErrors {
    /// The mistakes.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.len() {
            1 => formatter.write_str("there is a mistake in the configuration"),
            n => write!(formatter, "there are {n} mistakes in the configuration"),
        }
    }
}

/// One thing that is wrong, in words for whoever wrote the configuration. Holds no secret.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct Mistake {
    /// Where it is.
    pub place: Place,
    /// What is wrong; begins with the name of the setting as it is written in its place.
    pub message: String,
    /// What to do.
    #[help]
    pub help: String,
    #[label(collection)]
    labels: Vec<LabeledSpan>,
}

/// Where a mistake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the file; both count from 1, columns in characters.
    File {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In this variable of the environment.
    Variable(&'static str),
    /// In this flag.
    Flag(&'static str),
    /// In several settings that don't go together.
    Together,
}

/// What is wrong with a value, before it is said where the value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// What is wrong, as the end of a sentence after the setting's name and a colon.
    pub(super) what: String,
    /// What to do.
    pub(super) help: String,
}

impl Complaint {
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: help.into(),
        }
    }
}

/// A value that was checked, or what is wrong with it.
pub(super) type Checked<T> = Result<T, Complaint>;

/// `text` in a message: short, and not at all where it may hold a password, or more than one line of a file whose
/// closing quotes stand in the wrong place.
pub(super) fn quoted(text: &str) -> String {
    if text.contains(['@', '\n', '\r']) {
        return "this value".to_owned();
    }
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", short.escape_debug())
}

/// The mistakes noted so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<Noted>);

#[derive(Debug)]
struct Noted {
    /// `None` for what doesn't go together.
    origin: Option<Origin>,
    message: String,
    help: String,
    /// What else to point at in the file.
    also: Vec<Range<usize>>,
}

impl Mistakes {
    /// Notes what is wrong with `setting` as it was set at `origin`.
    pub(super) fn note(&mut self, setting: Setting, origin: &Origin, complaint: Complaint) {
        let name = origin.name(setting);
        self.note_named(name, origin, complaint);
    }

    /// Notes what is wrong with something called `name`.
    pub(super) fn note_named(&mut self, name: &str, origin: &Origin, complaint: Complaint) {
        self.0.push(Noted {
            origin: Some(origin.clone()),
            message: format!("{name}: {}", complaint.what),
            help: complaint.help,
            also: Vec::new(),
        });
    }

    /// Notes that settings don't go together. Points at those of them that stand in the file.
    pub(super) fn note_together(&mut self, origins: &[Option<&Origin>], complaint: Complaint) {
        let spans = origins.iter().filter_map(|origin| match origin {
            Some(Origin::File(span)) => Some(span.clone()),
            _ => None,
        });
        self.0.push(Noted {
            origin: None,
            message: complaint.what,
            help: complaint.help,
            also: spans.collect(),
        });
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The report; `file` is the file's name and text, and `masked` the text as it may be shown.
    pub(super) fn report(mut self, file: Option<(&Path, &str)>, masked: String) -> ConfigErrors {
        self.0.sort_by_key(Noted::order);
        let text = file.map_or("", |(_, text)| text);
        let named = |(path, _): (&Path, _)| NamedSource::new(path.to_string_lossy(), masked);
        let mistakes = self.0.into_iter().map(|noted| noted.report(text));
        ConfigErrors {
            file: file.map(named),
            mistakes: mistakes.collect(),
        }
    }
}

impl Noted {
    fn order(&self) -> (u8, usize) {
        match &self.origin {
            Some(Origin::File(span)) => (0, span.start),
            Some(Origin::Variable(_)) => (1, 0),
            Some(Origin::Flag(_)) => (2, 0),
            None => (3, 0),
        }
    }

    fn report(self, text: &str) -> Mistake {
        let mut spans = self.also;
        let place = match self.origin {
            Some(Origin::File(span)) => {
                let (line, column) = line_and_column(text, span.start);
                spans.insert(0, span);
                Place::File { line, column }
            }
            Some(Origin::Variable(name)) => Place::Variable(name),
            Some(Origin::Flag(name)) => Place::Flag(name),
            None => Place::Together,
        };
        let labels = spans
            .into_iter()
            .map(|span| LabeledSpan::new_primary_with_span(None, span));
        Mistake {
            place,
            message: self.message,
            help: self.help,
            labels: labels.collect(),
        }
    }
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        for (at, place) in [
            (0, (1, 1)),
            (2, (1, 2)),
            (3, (1, 3)),
            (4, (2, 1)),
            (9, (2, 2)),
        ] {
            assert_eq!(line_and_column("é!\nb", at), place, "{at}");
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
