//! Settings that are lists: an array or a table of the file, words of a variable, a repeated flag.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::diagnostics::{Parsed, ValueError, quoted};
use super::document::TomlValue;
use super::files::unreadable;
use super::named_file::NamedFile;
use super::setting::{Setting, VariableKind};
use super::value::{SettingValue, ValueOrigin};
use super::{Sources, string_in, unicode, wrong_kind};

/// The items of a list, valid or not, each with its origin.
pub(in crate::config) type ParsedItems<T> = Vec<(ValueOrigin, Parsed<T>)>;

impl Sources<'_> {
    /// Reads a setting that is a list of strings: an array or a table in the file, words between commas or spaces in
    /// the environment, a repeated flag. The list of one source replaces that of another with lower precedence. The
    /// `name` of each item is unique.
    pub(in crate::config) fn list<T>(
        &mut self,
        setting: Setting,
        flags: &[String],
        name: fn(&T) -> &str,
        parse: impl Fn(&str) -> Parsed<T>,
        in_file: impl Fn(TomlValue<'_>) -> Parsed<ParsedItems<T>>,
    ) -> SettingValue<Vec<T>> {
        let file = self.list_in_file(setting, name, in_file);
        let variable = match self.in_variable(setting, words_in) {
            SettingValue::Set(words, origin) => {
                let items = words.iter().map(|word| (origin.clone(), parse(word)));
                let items = items.collect();
                self.gather(setting, origin, name, items)
            }
            SettingValue::Unset => SettingValue::Unset,
            SettingValue::Invalid => SettingValue::Invalid,
        };
        let flag = match setting.flag.map(ValueOrigin::Flag) {
            Some(origin) if !flags.is_empty() => {
                let items = flags.iter().map(|text| (origin.clone(), parse(text)));
                let items = items.collect();
                self.gather(setting, origin, name, items)
            }
            _ => SettingValue::Unset,
        };
        SettingValue::with_precedence([file, variable, flag])
    }

    /// Reads a setting that is an array of tables. Its variable names a TOML file with the same tables.
    pub(in crate::config) fn tables<T>(
        &mut self,
        setting: Setting,
        name: fn(&T) -> &str,
        in_file: impl Fn(TomlValue<'_>) -> Parsed<ParsedItems<T>>,
    ) -> SettingValue<Vec<T>> {
        debug_assert_eq!(setting.variable_kind, VariableKind::NamesFile);
        let file = self.list_in_file(setting, name, &in_file);
        let read_file = self.read_file;
        let variable = self.in_variable(setting, |path| {
            let contents =
                read_file(Path::new(path)).map_err(|error| unreadable("the file", &error))?;
            let text = contents.text()?;
            Ok((
                path.to_string_lossy().into_owned(),
                text.to_owned(),
                contents.bytes.clone(),
            ))
        });
        let variable = match variable {
            SettingValue::Set((path, text, bytes), origin) => {
                self.document.contents.add_file(setting, &bytes);
                let file = NamedFile {
                    setting,
                    path: &path,
                    text: &text,
                    origin: &origin,
                };
                let items = file.items(in_file);
                self.gather(setting, origin, name, items)
            }
            SettingValue::Unset => SettingValue::Unset,
            SettingValue::Invalid => SettingValue::Invalid,
        };
        SettingValue::with_precedence([file, variable])
    }

    fn list_in_file<T>(
        &mut self,
        setting: Setting,
        name: fn(&T) -> &str,
        in_file: impl Fn(TomlValue<'_>) -> Parsed<ParsedItems<T>>,
    ) -> SettingValue<Vec<T>> {
        match self.document.take(setting) {
            None => SettingValue::Unset,
            Some(value) if self.document.has_syntax_error(&value.span()) => SettingValue::Invalid,
            Some(value) => {
                let origin = ValueOrigin::File(value.span());
                match in_file(value) {
                    Ok(items) => self.gather(setting, origin, name, items),
                    Err(error) => self.refuse(setting, &origin, error),
                }
            }
        }
    }

    /// The list, if all items are valid and their names differ.
    fn gather<T>(
        &mut self,
        setting: Setting,
        origin: ValueOrigin,
        name: fn(&T) -> &str,
        items: ParsedItems<T>,
    ) -> SettingValue<Vec<T>> {
        let (count, mut valid) = (items.len(), Vec::new());
        let mut names = BTreeSet::new();
        for (item_origin, item) in items {
            match item {
                Ok(item) if names.insert(name(&item).to_owned()) => valid.push(item),
                Ok(item) => {
                    let what = format!("{} appears twice", quoted(name(&item)));
                    let error = ValueError::new(what, "remove one of them");
                    self.diagnostics.add(setting, &item_origin, error);
                }
                Err(error) => self.diagnostics.add(setting, &item_origin, error),
            }
        }
        if valid.len() == count {
            SettingValue::Set(valid, origin)
        } else {
            SettingValue::Invalid
        }
    }
}

/// The words of a variable, at least one: commas alone don't override a list.
fn words_in(value: &OsStr) -> Parsed<Vec<String>> {
    let words = unicode(value)?.split(|c: char| c == ',' || c.is_whitespace());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        let help = "name at least one item, or unset the variable";
        return Err(ValueError::new("the list is empty", help));
    }
    Ok(words.into_iter().map(str::to_owned).collect())
}

/// The strings of an array in the file.
pub(in crate::config) fn items_in<T>(
    value: TomlValue<'_>,
    parse: impl Fn(&str) -> Parsed<T>,
) -> Parsed<ParsedItems<T>> {
    match value.into_inner() {
        DeValue::Array(items) => Ok(items
            .iter()
            .map(|item| {
                let text = string_in(item.get_ref());
                (ValueOrigin::File(item.span()), text.and_then(&parse))
            })
            .collect()),
        other => Err(wrong_kind("an array", &other, "write [\"one\", \"two\"]")),
    }
}

/// The tables of an array in the file, each parsed into an item or into everything that is wrong with it.
pub(in crate::config) fn tables_in<T>(
    value: TomlValue<'_>,
    help: &str,
    parse: impl Fn(&DeTable<'_>, Range<usize>) -> ParsedItems<T>,
) -> Parsed<ParsedItems<T>> {
    match value.into_inner() {
        DeValue::Array(all) => Ok(all
            .iter()
            .flat_map(|one| match one.get_ref() {
                DeValue::Table(table) => parse(table, one.span()),
                other => vec![(
                    ValueOrigin::File(one.span()),
                    Err(wrong_kind("a table", other, help)),
                )],
            })
            .collect()),
        other => Err(wrong_kind("an array of tables", &other, help)),
    }
}
