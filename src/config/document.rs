//! The configuration file as a tree of TOML, sorted into settings. What their values mean is not known here.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistakes::{Complaint, Mistakes, quoted};
use super::said::{Origin, Said};
use super::settings::{
    self, DATABASE_URL, HIDDEN, ROOT_SECRET, SETTINGS, Setting, UPSTREAMS, USER_POOLS_SECRET,
};
use super::suggestion;

/// A value and its place.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// The file's values by key, and what is known about its text.
#[derive(Default)]
pub(super) struct Document<'t> {
    text: &'t str,
    values: BTreeMap<&'static str, Value<'t>>,
    /// The tables that stand in the file, and where.
    tables: BTreeMap<&'static str, Said<()>>,
    /// Where something isn't TOML.
    broken: Vec<usize>,
    /// Keys, and values that may be seen.
    shown: Vec<Range<usize>>,
    /// Whether a secret stands in the file itself.
    holds_secret: bool,
}

impl<'t> Document<'t> {
    /// Reads the text of a file. Notes what isn't TOML, and the keys that nobody knows.
    pub(super) fn read(text: &'t str, mistakes: &mut Mistakes) -> Self {
        let (tree, errors) = DeTable::parse_recoverable(text);
        let mut document = Self {
            text,
            ..Self::default()
        };
        document.note_broken(errors, mistakes);
        document.sort("", tree.into_inner(), mistakes);
        document
    }

    /// Notes what isn't TOML, once for each line: what follows on the same line is rarely a mistake of its own.
    fn note_broken(&mut self, mut errors: Vec<toml::de::Error>, mistakes: &mut Mistakes) {
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        for error in errors {
            let span = error.span().unwrap_or_default();
            if !self.is_broken(&span) {
                self.broken.push(span.start);
                let message = error.message().trim_end_matches(", expected nothing");
                let complaint = Complaint::new(message, help_with_toml(message));
                mistakes.note_named("not TOML", &Origin::File(span), complaint);
            }
        }
    }

    fn sort(&mut self, above: &str, table: DeTable<'t>, mistakes: &mut Mistakes) {
        for (key, value) in table {
            let path = match above {
                "" => key.get_ref().to_string(),
                above => format!("{above}.{}", key.get_ref()),
            };
            if !self.is_broken(&key.span()) {
                self.show_line(key.span());
            }
            if let Some(setting) = settings::with_key(&path) {
                let may_be_table = setting == UPSTREAMS;
                if !HIDDEN.contains(&setting) && (may_be_table || !value.get_ref().is_table()) {
                    self.show(&value);
                }
                self.holds_secret |=
                    [DATABASE_URL, ROOT_SECRET, USER_POOLS_SECRET].contains(&setting);
                self.values.insert(setting.key, value);
            } else if let Some(name) = settings::tables().find(|name| *name == path) {
                self.sort_table(name, value, mistakes);
            } else if !self.is_broken(&key.span()) {
                let complaint = suggestion::unknown_key(above, key.get_ref());
                mistakes.note_named(&quoted(&path), &Origin::File(key.span()), complaint);
            }
        }
    }

    fn sort_table(&mut self, name: &'static str, value: Value<'t>, mistakes: &mut Mistakes) {
        let span = value.span();
        let origin = Origin::File(span.clone());
        let is_table = value.get_ref().is_table();
        let said = if is_table {
            Said::This((), origin.clone())
        } else {
            Said::Rubbish
        };
        self.tables.insert(name, said);
        match value.into_inner() {
            DeValue::Table(table) => self.sort(name, table, mistakes),
            _ if self.is_broken(&span) => {}
            other => {
                let complaint = Complaint::new(
                    format!("this is a table, not {}", kind(&other)),
                    format!("write [{name}] on a line of its own, and its keys below"),
                );
                mistakes.note_named(name, &origin, complaint);
            }
        }
    }

    /// Lets a value be seen, but no list or table that is broken: where the closing bracket is missing, it goes on over
    /// the settings below.
    fn show(&mut self, value: &Value<'t>) {
        match value.get_ref() {
            DeValue::Array(items) if !self.is_broken(&value.span()) => {
                items.iter().for_each(|item| self.show(item));
            }
            DeValue::Table(table) if !self.is_broken(&value.span()) => {
                for (key, value) in table {
                    self.show_line(key.span());
                    self.show(value);
                }
            }
            _ => self.show_line(value.span()),
        }
    }

    /// Lets something be seen that stands on one line. What takes several lines is a text that goes on over the settings
    /// below, where its closing quotes are missing.
    fn show_line(&mut self, span: Range<usize>) {
        if self
            .text
            .get(span.clone())
            .is_some_and(|text| !text.contains('\n'))
        {
            self.shown.push(span);
        }
    }

    /// Takes the value of a setting.
    pub(super) fn take(&mut self, setting: Setting) -> Option<Value<'t>> {
        self.values.remove(setting.key)
    }

    /// Whether a table stands in the file, and where.
    pub(super) fn table(&self, name: &str) -> Said<()> {
        self.tables.get(name).cloned().unwrap_or(Said::Nothing)
    }

    /// Whether something on the lines of `span` isn't TOML, so that what was read there may not be what was meant.
    pub(super) fn is_broken(&self, span: &Range<usize>) -> bool {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let behind = self.text.get(span.end..).unwrap_or_default();
        let line_end = span.end + behind.find('\n').unwrap_or(behind.len());
        self.broken
            .iter()
            .any(|at| (line_start..=line_end).contains(at))
    }

    /// Whether all of it is TOML, so that what wasn't found isn't there.
    pub(super) fn is_whole(&self) -> bool {
        self.broken.is_empty()
    }

    /// Whether a secret stands in the file itself, not in one that it names.
    pub(super) fn holds_secret(&self) -> bool {
        self.holds_secret
    }

    /// The places of the keys, and of the values that may be seen.
    pub(super) fn shown(&self) -> &[Range<usize>] {
        &self.shown
    }
}

/// What kind of value it is, with its article.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn help_with_toml(message: &str) -> &'static str {
    if message.contains("duplicate") {
        "keep one of them"
    } else if message.contains("must be quoted") {
        "write texts in double quotes: key = \"value\""
    } else {
        "write `key = value` on a line of its own, texts in double quotes; https://toml.io has the rules"
    }
}

/// The names that may stand in a table.
pub(super) fn names_in(table: &str) -> impl Iterator<Item = &'static str> {
    let here = SETTINGS.iter().map(Setting::place);
    let names = here.filter(move |(place, _)| *place == table);
    let tables = settings::tables().filter(move |_| table.is_empty());
    names.map(|(_, name)| name).chain(tables)
}
