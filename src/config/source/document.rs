//! The configuration file as a tree of TOML, sorted into settings. The meaning of the values is not known here.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::contents::SourceContents;
use super::diagnostics::{Diagnostics, ValueError, quoted};
use super::setting::{Setting, Visibility};
use super::suggestion;
use super::value::{SettingValue, ValueOrigin};
use crate::config::sections;

/// A value and its span.
pub(in crate::config) type TomlValue<'t> = Spanned<DeValue<'t>>;

/// The file's values by key, and what is known about its text.
#[derive(Default)]
pub(in crate::config) struct ConfigDocument<'t> {
    text: &'t str,
    values: BTreeMap<&'static str, TomlValue<'t>>,
    /// The tables of the file, and their spans.
    tables: BTreeMap<&'static str, SettingValue<()>>,
    /// The offsets of syntax errors.
    syntax_errors: Vec<usize>,
    /// Keys and harmless values.
    shown: Vec<Range<usize>>,
    /// Whether the file itself holds a secret.
    holds_secret: bool,
    /// The contents by setting, for the comparison with a later configuration.
    pub(in crate::config) contents: SourceContents,
}

impl<'t> ConfigDocument<'t> {
    /// Reads the text of a file. Adds a diagnostic for each syntax error and each unknown key.
    pub(in crate::config) fn read(text: &'t str, diagnostics: &mut Diagnostics) -> Self {
        let (tree, errors) = DeTable::parse_recoverable(text);
        let mut document = Self {
            text,
            ..Self::default()
        };
        document.add_syntax_errors(errors, diagnostics);
        document.sort("", tree.into_inner(), diagnostics);
        document
    }

    /// Adds syntax errors, once for each line: further errors of the same line rarely have another cause.
    fn add_syntax_errors(
        &mut self,
        mut errors: Vec<toml::de::Error>,
        diagnostics: &mut Diagnostics,
    ) {
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        for error in errors {
            let span = error.span().unwrap_or_default();
            if !self.has_syntax_error(&span) {
                self.syntax_errors.push(span.start);
                diagnostics.add_named("not TOML", &ValueOrigin::File(span), syntax_error(&error));
            }
        }
    }

    fn sort(&mut self, parent: &str, table: DeTable<'t>, diagnostics: &mut Diagnostics) {
        for (key, value) in table {
            let path = match parent {
                "" => key.get_ref().to_string(),
                parent => format!("{parent}.{}", key.get_ref()),
            };
            if !self.has_syntax_error(&key.span()) {
                self.show_line(key.span());
            }
            if let Some(setting) = sections::with_key(&path) {
                let is_shown = setting.visibility == Visibility::Shown;
                if is_shown && (setting.is_map || !value.get_ref().is_table()) {
                    self.show(&value);
                }
                self.holds_secret |= setting.visibility == Visibility::Secret;
                self.contents.add_value(setting, value.get_ref());
                self.values.insert(setting.key, value);
            } else if let Some(name) = sections::tables().find(|name| *name == path) {
                self.sort_table(name, value, diagnostics);
            } else if !self.has_syntax_error(&key.span()) {
                let error = suggestion::unknown_key(parent, key.get_ref());
                diagnostics.add_named(&quoted(&path), &ValueOrigin::File(key.span()), error);
            }
        }
    }

    fn sort_table(
        &mut self,
        name: &'static str,
        value: TomlValue<'t>,
        diagnostics: &mut Diagnostics,
    ) {
        let span = value.span();
        let origin = ValueOrigin::File(span.clone());
        let table = if value.get_ref().is_table() {
            SettingValue::Set((), origin.clone())
        } else {
            SettingValue::Invalid
        };
        self.tables.insert(name, table);
        match value.into_inner() {
            DeValue::Table(table) => self.sort(name, table, diagnostics),
            _ if self.has_syntax_error(&span) => {}
            other => {
                let error = ValueError::new(
                    format!("this is a table, not {}", kind(&other)),
                    format!("write [{name}] on its own line, and the keys of the table below it"),
                );
                diagnostics.add_named(name, &origin, error);
            }
        }
    }

    /// Shows a value, except an array or a table with a syntax error: without its closing bracket it continues over the
    /// settings below.
    fn show(&mut self, value: &TomlValue<'t>) {
        match value.get_ref() {
            DeValue::Array(items) if !self.has_syntax_error(&value.span()) => {
                items.iter().for_each(|item| self.show(item));
            }
            DeValue::Table(table) if !self.has_syntax_error(&value.span()) => {
                for (key, value) in table {
                    self.show_line(key.span());
                    self.show(value);
                }
            }
            _ => self.show_line(value.span()),
        }
    }

    /// Shows a span of one line. A span of several lines is a string that continues over the settings below, where its
    /// closing quotes are missing.
    fn show_line(&mut self, span: Range<usize>) {
        if self
            .text
            .get(span.clone())
            .is_some_and(|text| !text.contains('\n'))
        {
            self.shown.push(span);
        }
    }

    /// Takes the value of a setting out of the document.
    pub(in crate::config) fn take(&mut self, setting: Setting) -> Option<TomlValue<'t>> {
        self.values.remove(setting.key)
    }

    /// Whether the file has a table of this name, and its span.
    pub(in crate::config) fn table(&self, name: &str) -> SettingValue<()> {
        self.tables
            .get(name)
            .cloned()
            .unwrap_or(SettingValue::Unset)
    }

    /// Whether the lines of `span` have a syntax error, so that a value there may not be the intended one.
    pub(in crate::config) fn has_syntax_error(&self, span: &Range<usize>) -> bool {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let after = self.text.get(span.end..).unwrap_or_default();
        let line_end = span.end + after.find('\n').unwrap_or(after.len());
        self.syntax_errors
            .iter()
            .any(|offset| (line_start..=line_end).contains(offset))
    }

    /// Whether the whole file is valid TOML, so that a setting that wasn't found is not set.
    pub(in crate::config) fn is_valid_toml(&self) -> bool {
        self.syntax_errors.is_empty()
    }

    /// Whether the file itself holds a secret, not only the name of a file with one.
    pub(in crate::config) fn holds_secret(&self) -> bool {
        self.holds_secret
    }

    /// The spans of keys and of harmless values.
    pub(in crate::config) fn shown(&self) -> &[Range<usize>] {
        &self.shown
    }
}

/// The kind of a value, with its article.
pub(in crate::config) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A syntax error in the parser's words, and its remedy.
pub(in crate::config) fn syntax_error(error: &toml::de::Error) -> ValueError {
    let message = error.message().trim_end_matches(", expected nothing");
    let help = if message.contains("duplicate") {
        "keep one of them"
    } else if message.contains("must be quoted") {
        "write strings in double quotes: key = \"value\""
    } else {
        "write each `key = value` on its own line, with strings in double quotes; see https://toml.io for the rules"
    };
    ValueError::new(message, help)
}

/// The names that a table may have.
pub(in crate::config) fn names_in(table: &str) -> impl Iterator<Item = &'static str> {
    let settings = sections::settings().map(Setting::table_and_name);
    let names = settings.filter(move |(parent, _)| *parent == table);
    let tables = sections::tables().filter(move |_| table.is_empty());
    names.map(|(_, name)| name).chain(tables)
}
