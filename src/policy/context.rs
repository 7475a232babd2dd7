//! The condition keys of a request and their values.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::condition_keys::{KeyOwner, folded, owner_of};

/// Condition keys and their values. The names of keys are compared without regard to the case of ASCII letters, and
/// those of tags without regard to case. Values
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
    /// The values that `ForAllValues` and `ForAnyValue` compare, if they are others.
    set: Option<Vec<String>>,
}

/// The condition keys that one owner sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedKeys {
    owner: KeyOwner,
    keys: Context,
}

impl OwnedKeys {
    /// No keys of this owner yet.
    pub fn new(owner: KeyOwner) -> Self {
        Self {
            owner,
            keys: Context::default(),
        }
    }

    /// Sets the value of a single-valued key. A key of another owner is left out.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        if self.owns(key) {
            self.keys.set(key, value);
        }
    }

    /// Sets the values of a multivalued key. A key of another owner is left out.
    pub fn set_all<V: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        if self.owns(key) {
            self.keys.set_all(key, values);
        }
    }

    /// Sets the values that `ForAllValues` and `ForAnyValue` compare for a key that has a single value otherwise. A key of
    /// another owner, or without a value, is left out.
    pub fn set_quantified<V: Into<String>>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) {
        if self.owns(key) {
            self.keys.set_quantified(key, values);
        }
    }

    /// Whether the key has a value.
    pub fn has(&self, key: &str) -> bool {
        !self.keys.values(key).is_empty()
    }

    fn owns(&self, key: &str) -> bool {
        // The table can't list the keys of every issuer: a name without a dot is one, too.
        let owner = owner_of(key).unwrap_or(KeyOwner::Login);
        owner == self.owner
    }
}

impl Context {
    /// The keys of all owners together. No key can be in two of them.
    pub fn of(owners: impl IntoIterator<Item = OwnedKeys>) -> Self {
        let mut all = Self::default();
        for OwnedKeys { keys, .. } in owners {
            for (
                key,
                KeyValues {
                    several,
                    values,
                    set,
                },
            ) in keys.0
            {
                all.put(&key, several, values);
                if let Some(set) = set {
                    all.set_quantified(&key, set);
                }
            }
        }
        all
    }

    /// Sets the value of a single-valued key. Setting it again replaces nothing: the key has both values then, and an allow
    /// needs both to match.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        let values = vec![value.into()];
        self.put(key, false, values);
    }

    /// Sets the values of a multivalued key, in addition to earlier values. Without a value, the key is the same as absent.
    /// Such a key never resolves a variable.
    pub fn set_all<V: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        let values = values.into_iter().map(Into::into).collect();
        self.put(key, true, values);
    }

    /// Sets the values that `ForAllValues` and `ForAnyValue` compare for a key that has a single value otherwise.
    fn set_quantified<V: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        if let Some(found) = self.0.get_mut(&folded(key)) {
            let values = values.into_iter().map(Into::into);
            found.set.get_or_insert_default().extend(values);
        }
    }

    fn put(&mut self, key: &str, several: bool, values: Vec<String>) {
        match self.0.entry(folded(key)) {
            Entry::Vacant(free) => {
                free.insert(KeyValues {
                    several,
                    values,
                    set: None,
                });
            }
            Entry::Occupied(mut earlier) => {
                let earlier = earlier.get_mut();
                if several || earlier.values != values {
                    earlier.several = true;
                    earlier.values.extend(values);
                }
            }
        }
    }

    /// The values of a key; empty if it is absent.
    pub fn values(&self, key: &str) -> &[String] {
        let found = self.0.get(&folded(key));
        found.map_or(&[], |found| &found.values)
    }

    /// The values of a key that `ForAllValues` and `ForAnyValue` compare; empty if it is absent.
    pub(super) fn set_values(&self, key: &str) -> &[String] {
        let found = self.0.get(&folded(key));
        found.map_or(&[], |found| found.set.as_ref().unwrap_or(&found.values))
    }

    /// Resolves a variable.
    pub(super) fn variable(&self, key: &str) -> VariableValue<'_> {
        match self.0.get(&folded(key)) {
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
