//! The parameters of a request to the test issuer: each has at most one value.

use std::collections::HashMap;

use crate::wire::limits;

/// The parameters of a query or a form. Those without a value count as absent, as OAuth requires.
pub(super) struct Parameters(HashMap<String, String>);

impl Parameters {
    /// Parses a query or a form; `None` if a parameter appears twice, or if there are too many.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut all = HashMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            let is_second = all.insert(name.into_owned(), value.into_owned()).is_some();
            if is_second || all.len() > limits::PARAMETERS {
                return None;
            }
        }
        Some(Self(all))
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The value of a parameter, or an empty string.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }
}
