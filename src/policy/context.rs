//! The condition keys of a request and their values.

use std::collections::BTreeMap;

/// Condition keys and their values. The names of keys are compared without regard to the case of ASCII letters. Values
/// are strings, also for numbers and dates (dates as in the example).
///
/// ```
/// let mut context = cognate::policy::Context::default();
/// context.set("aws:CurrentTime", "2026-11-23T10:00:00Z");
/// context.set_all("aws:TagKeys", ["team", "stage"]);
/// assert_eq!(context.values("AWS:tagkeys"), ["team", "stage"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, KeyValues>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyValues {
    /// Whether the key is multivalued, however many values it has now.
    several: bool,
    values: Vec<String>,
}

impl Context {
    /// Sets the value of a single-valued key and replaces an earlier value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        let values = vec![value.into()];
        self.put(key, false, values);
    }

    /// Sets the values of a multivalued key and replaces earlier values. Without a value, the key is the same as absent.
    /// Such a key never resolves a variable.
    pub fn set_all<V: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        let values = values.into_iter().map(Into::into).collect();
        self.put(key, true, values);
    }

    fn put(&mut self, key: &str, several: bool, values: Vec<String>) {
        let values = KeyValues { several, values };
        self.0.insert(key.to_ascii_lowercase(), values);
    }

    /// The values of a key; empty if it is absent.
    pub fn values(&self, key: &str) -> &[String] {
        let found = self.0.get(&key.to_ascii_lowercase());
        found.map_or(&[], |found| &found.values)
    }

    /// Resolves a variable.
    pub(super) fn variable(&self, key: &str) -> VariableValue<'_> {
        match self.0.get(&key.to_ascii_lowercase()) {
            Some(found) if found.several => VariableValue::Several,
            Some(found) => match found.values.first() {
                Some(value) if !value.is_empty() => VariableValue::Value(value),
                _ => VariableValue::Absent,
            },
            None => VariableValue::Absent,
        }
    }
}

/// The result of resolving a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VariableValue<'c> {
    /// The key has this single value.
    Value(&'c str),
    /// The key is absent, or its value is empty; a default replaces it.
    Absent,
    /// The key is multivalued; nothing replaces it.
    Several,
}

/// Whether values are "a null dataset" in the documentation's words: no values, or only empty strings.
pub(super) fn is_null(values: &[String]) -> bool {
    values.iter().all(String::is_empty)
}
