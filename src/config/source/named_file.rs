//! A file that a variable names: it holds the array of tables of one setting, as in the configuration file, and no other
//! setting.

use toml::de::{DeTable, DeValue};

use super::diagnostics::{Parsed, ValueError, line_and_column, quoted};
use super::document::{TomlValue, syntax_error};
use super::lists::ParsedItems;
use super::setting::Setting;
use super::value::ValueOrigin;
use super::wrong_kind;

/// A file that the variable of `setting` names.
pub(super) struct NamedFile<'f> {
    pub(super) setting: Setting,
    pub(super) path: &'f str,
    pub(super) text: &'f str,
    /// The variable.
    pub(super) origin: &'f ValueOrigin,
}

impl<'f> NamedFile<'f> {
    /// The items of the array, or all mistakes in the file. `parse` parses the array.
    pub(super) fn items<T>(
        &self,
        parse: impl Fn(TomlValue<'_>) -> Parsed<ParsedItems<T>>,
    ) -> ParsedItems<T> {
        let (tree, errors) = DeTable::parse_recoverable(self.text);
        if let Some(error) = errors.first() {
            let start = error.span().map_or(0, |span| span.start);
            return vec![(self.position(start), Err(syntax_error(error)))];
        }
        let (array, mut items) = self.find(tree.into_inner());
        let Some(array) = array else {
            if items.is_empty() {
                let what = format!("the file has no [[{}]]", self.setting.key);
                let help = "write the tables as in the configuration file, or unset the variable";
                items.push((self.origin.clone(), Err(ValueError::new(what, help))));
            }
            return items;
        };
        let start = array.span().start;
        match parse(array) {
            Ok(parsed) => items.extend(parsed.into_iter().map(|(origin, item)| match origin {
                ValueOrigin::File(span) => (self.position(span.start), item),
                other => (other, item),
            })),
            Err(error) => items.push((self.position(start), Err(error))),
        }
        items
    }

    /// The array under the setting's key, and a mistake for every other key.
    fn find<T>(&self, mut table: DeTable<'f>) -> (Option<TomlValue<'f>>, ParsedItems<T>) {
        let mut mistakes = ParsedItems::new();
        let (parent, name) = self.setting.table_and_name();
        for parent in parent.split('.').filter(|parent| !parent.is_empty()) {
            let Some(value) = self.take(parent, table, &mut mistakes) else {
                return (None, mistakes);
            };
            let start = value.span().start;
            table = match value.into_inner() {
                DeValue::Table(table) => table,
                other => {
                    let help = format!("write [[{}]] on its own line", self.setting.key);
                    let error = wrong_kind("a table", &other, &help);
                    mistakes.push((self.position(start), Err(error)));
                    return (None, mistakes);
                }
            };
        }
        (self.take(name, table, &mut mistakes), mistakes)
    }

    /// Takes the value of `name`, and adds a mistake for every other key.
    fn take<T>(
        &self,
        name: &str,
        table: DeTable<'f>,
        mistakes: &mut ParsedItems<T>,
    ) -> Option<TomlValue<'f>> {
        let mut found = None;
        for (key, value) in table {
            if key.get_ref() == name {
                found = Some(value);
            } else {
                let what = format!("{} is not allowed in this file", quoted(key.get_ref()));
                let help = format!("keep only [[{}]] and its keys", self.setting.key);
                let origin = self.position(key.span().start);
                mistakes.push((origin, Err(ValueError::new(what, help))));
            }
        }
        found
    }

    /// The origin of a value at this byte of the file.
    fn position(&self, offset: usize) -> ValueOrigin {
        let (line, column) = line_and_column(self.text, offset);
        ValueOrigin::NamedFile {
            variable: self.origin.name(self.setting),
            position: format!("{}:{line}:{column}", self.path),
        }
    }
}
