//! The process's environment, which is read here only. All other code gets it as a map.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

/// The prefixes of the variables that the program reads: its own, AWS's, those of a person's session, and those of workloads.
const PREFIXES: [&str; 10] = [
    "COGNATE_",
    "AWS_",
    "HOME",
    "XDG_CONFIG_HOME",
    "SSH_CONNECTION",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "BROWSER",
    "ACTIONS_ID_TOKEN_REQUEST_",
    "SPIFFE_ENDPOINT_SOCKET",
];

/// The environment's variables by name. `Debug` shows names only, because some values are secrets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The variables of this process that the program may read.
    #[expect(
        clippy::disallowed_methods,
        reason = "the only function that reads the process's environment"
    )]
    pub fn of_the_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
            .collect()
    }

    /// The value of a variable that is not a setting of the server.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.to_str().map(str::to_owned)
    }

    /// The value of a variable. An empty variable counts as not set, because wrappers that pass variables on leave it so.
    pub(in crate::config) fn get(&self, name: &str) -> Option<&OsStr> {
        let value = self.0.get(name)?;
        (!value.is_empty()).then_some(value)
    }

    /// The names, in alphabetical order.
    pub(in crate::config) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let owned = variables.into_iter();
        Self(owned.map(|(n, v)| (n.into(), v.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.names()).finish()
    }
}
