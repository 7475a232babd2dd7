//! The contents of the sources by setting: what a reload compares, to name each setting that changed.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use toml::de::DeValue;
use zeroize::Zeroizing;

use super::setting::{Reloading, Setting};
use crate::config::sections;

/// The value of each setting in the configuration file, and the contents of the file that it names. Flags and variables
/// don't change while a process runs. `Debug` shows nothing, because some values are secrets.
#[derive(Clone, Default)]
pub(in crate::config) struct SourceContents {
    values: BTreeMap<&'static str, Zeroizing<String>>,
    files: BTreeMap<&'static str, Zeroizing<Vec<u8>>>,
}

impl SourceContents {
    /// Adds the value of a setting in the configuration file.
    pub(super) fn add_value(&mut self, setting: Setting, value: &DeValue<'_>) {
        let mut text = Zeroizing::new(String::new());
        render(value, &mut text);
        self.values.insert(setting.key, text);
    }

    /// Adds the contents of a file that a setting names.
    pub(super) fn add_file(&mut self, setting: Setting, bytes: &Zeroizing<Vec<u8>>) {
        if setting.reloading != Reloading::FileReadAgain {
            self.files.insert(setting.key, bytes.clone());
        }
    }

    /// The settings that differ.
    pub(in crate::config) fn differing(
        &self,
        other: &Self,
    ) -> impl Iterator<Item = &'static Setting> {
        sections::settings().filter(|setting| {
            let key = setting.key;
            self.values.get(key) != other.values.get(key)
                || self.files.get(key) != other.files.get(key)
        })
    }
}

impl fmt::Debug for SourceContents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SourceContents(…)")
    }
}

/// Writes a value without its spans, so that comments and spaces make no difference.
fn render(value: &DeValue<'_>, text: &mut String) {
    match value {
        DeValue::Array(items) => {
            text.push('[');
            for item in items {
                render(item.get_ref(), text);
                text.push(',');
            }
            text.push(']');
        }
        DeValue::Table(table) => {
            text.push('{');
            for (key, value) in table {
                let _ = write!(text, "{:?}=", key.get_ref());
                render(value.get_ref(), text);
                text.push(',');
            }
            text.push('}');
        }
        other => {
            let _ = write!(text, "{other:?}");
        }
    }
}
