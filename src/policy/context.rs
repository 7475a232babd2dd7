//! The circumstances of a request, as condition keys. Not where they come from, nor what they mean.

use std::collections::BTreeMap;

/// Condition keys and their values. The names of keys are compared without regard to the case of ASCII letters; values
/// are kept as they are, numbers and dates as text (dates as in [`Context::set`]'s example).
///
/// ```
/// let mut context = cognate::policy::Context::default();
/// context.set("aws:CurrentTime", "2026-11-23T10:00:00Z");
/// context.set_all("aws:TagKeys", ["team", "stage"]);
/// assert_eq!(context.values("AWS:tagkeys"), ["team", "stage"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, Values>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Values {
    /// Whether the key is one that can have several, however many there are now.
    several: bool,
    values: Vec<String>,
}

impl Context {
    /// Gives `key`, which can have one value only, this one. What it had before is forgotten.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        let values = vec![value.into()];
        self.put(key, false, values);
    }

    /// Gives `key`, which can have several values, these ones. What it had before is forgotten. Without a value it is
    /// the same as absent. Such a key is never the value of a variable.
    pub fn set_all<V: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        let values = values.into_iter().map(Into::into).collect();
        self.put(key, true, values);
    }

    fn put(&mut self, key: &str, several: bool, values: Vec<String>) {
        let values = Values { several, values };
        self.0.insert(key.to_ascii_lowercase(), values);
    }

    /// The values of a key; none where it is absent.
    pub fn values(&self, key: &str) -> &[String] {
        let found = self.0.get(&key.to_ascii_lowercase());
        found.map_or(&[], |found| &found.values)
    }

    /// What stands for a variable.
    pub(super) fn variable(&self, key: &str) -> Variable<'_> {
        match self.0.get(&key.to_ascii_lowercase()) {
            Some(found) if found.several => Variable::Several,
            Some(found) => match found.values.first() {
                Some(value) if !value.is_empty() => Variable::Value(value),
                _ => Variable::Absent,
            },
            None => Variable::Absent,
        }
    }
}

/// What a key says as a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable<'c> {
    /// This.
    Value(&'c str),
    /// Nothing: the key is absent, or its value is empty. A default stands in for it.
    Absent,
    /// Too much: the key can have several values. Nothing stands in for it.
    Several,
}

/// Whether values are "a null dataset" in the words of the documentation: none, or nothing but empty texts.
pub(super) fn is_null(values: &[String]) -> bool {
    values.iter().all(String::is_empty)
}
