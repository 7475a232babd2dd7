//! Settings that are lists: in the file, in the environment and on the command line.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use toml::de::DeValue;

use super::document::Value;
use super::mistakes::{Checked, Complaint, quoted};
use super::said::{Origin, Said};
use super::settings::Setting;
use super::sources::{Sources, text_in, unicode, wrong_kind};

/// The items of a list, good or not, each with its place.
pub(super) type Items<T> = Vec<(Origin, Checked<T>)>;

impl Sources<'_> {
    /// A setting that is a list: an array or a table in the file, words between commas or spaces in the environment,
    /// a flag each time it is given. A stronger source's list takes the place of a weaker one's. No two items have the
    /// same `name`.
    pub(super) fn list<T>(
        &mut self,
        setting: Setting,
        flags: &[String],
        name: fn(&T) -> &str,
        parse: impl Fn(&str) -> Checked<T>,
        in_file: impl Fn(Value<'_>) -> Checked<Items<T>>,
    ) -> Said<Vec<T>> {
        let file = match self.document.take(setting) {
            None => Said::Nothing,
            Some(value) if self.document.is_broken(&value.span()) => Said::Rubbish,
            Some(value) => {
                let origin = Origin::File(value.span());
                match in_file(value) {
                    Ok(items) => self.gather(setting, origin, name, items),
                    Err(complaint) => self.refuse(setting, &origin, complaint),
                }
            }
        };
        let variable = match self.in_variable(setting, words_in) {
            Said::This(words, origin) => {
                let items = words.iter().map(|word| (origin.clone(), parse(word)));
                let items = items.collect();
                self.gather(setting, origin, name, items)
            }
            Said::Nothing => Said::Nothing,
            Said::Rubbish => Said::Rubbish,
        };
        let flag = match setting.flag.map(Origin::Flag) {
            Some(origin) if !flags.is_empty() => {
                let items = flags.iter().map(|text| (origin.clone(), parse(text)));
                let items = items.collect();
                self.gather(setting, origin, name, items)
            }
            _ => Said::Nothing,
        };
        Said::strongest([file, variable, flag])
    }

    /// Makes a list of items that are all good and have different names.
    fn gather<T>(
        &mut self,
        setting: Setting,
        origin: Origin,
        name: fn(&T) -> &str,
        items: Items<T>,
    ) -> Said<Vec<T>> {
        let (count, mut good) = (items.len(), Vec::new());
        let mut names = BTreeSet::new();
        for (place, item) in items {
            match item {
                Ok(item) if names.insert(name(&item).to_owned()) => good.push(item),
                Ok(item) => {
                    let what = format!("{} stands here twice", quoted(name(&item)));
                    let complaint = Complaint::new(what, "leave one of them out");
                    self.mistakes.note(setting, &place, complaint);
                }
                Err(complaint) => self.mistakes.note(setting, &place, complaint),
            }
        }
        if good.len() == count {
            Said::This(good, origin)
        } else {
            Said::Rubbish
        }
    }
}

/// The words of a variable: one at least, for commas alone are no way to overrule a list.
fn words_in(value: &OsStr) -> Checked<Vec<String>> {
    let words = unicode(value)?.split(|c: char| c == ',' || c.is_whitespace());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        let help = "name one at least, or leave the variable out";
        return Err(Complaint::new("the list is empty", help));
    }
    Ok(words.into_iter().map(str::to_owned).collect())
}

/// The texts of an array in the file.
pub(super) fn items_in<T>(
    value: Value<'_>,
    parse: impl Fn(&str) -> Checked<T>,
) -> Checked<Items<T>> {
    match value.into_inner() {
        DeValue::Array(items) => Ok(items
            .iter()
            .map(|item| {
                let text = text_in(item.get_ref());
                (Origin::File(item.span()), text.and_then(&parse))
            })
            .collect()),
        other => Err(wrong_kind("a list", &other, "write [\"one\", \"two\"]")),
    }
}
