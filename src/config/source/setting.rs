//! One setting: its key in the file, and the variable and the flag that set it too.

/// A setting and its names. The sections of the configuration hold one entry for each setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The key in the file, with its tables: `tls.key_file`.
    pub key: &'static str,
    /// The flag of the command line.
    pub flag: Option<&'static str>,
    /// The deprecated name of the variable, which is still read, with a warning.
    pub alias: Option<&'static str>,
    /// What the variable holds.
    pub variable_kind: VariableKind,
    /// What a report may show of the value.
    pub(in crate::config) visibility: Visibility,
    /// What a change means to a running server.
    pub reloading: Reloading,
    /// Whether the value may be a table of the file, with keys that the operator chooses.
    pub(in crate::config) is_map: bool,
}

/// What the variable of a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableKind {
    /// The variable holds the value.
    Value,
    /// The variable names a TOML file that holds the setting's array of tables.
    NamesFile,
    /// The setting has no variable because it weakens security: only the configuration file sets it.
    WeakensSecurity,
}

/// What a change of a setting means to a running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloading {
    /// A changed value, or changed contents of the file that it names, need a restart.
    Restart,
    /// A changed value needs a restart. The file that it names is read again whenever it is needed.
    FileReadAgain,
    /// The setting is reloaded.
    Reloaded,
}

/// What a report may show of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Visibility {
    /// The value is harmless.
    Shown,
    /// The value is not a secret, but operators may put a secret there by mistake.
    Hidden,
    /// The value is a secret.
    Secret,
}

impl Setting {
    /// A setting with this key and its derived variable, without a flag.
    pub(in crate::config) const fn new(key: &'static str) -> Self {
        Self {
            key,
            flag: None,
            alias: None,
            variable_kind: VariableKind::Value,
            visibility: Visibility::Shown,
            reloading: Reloading::Restart,
            is_map: false,
        }
    }

    pub(in crate::config) const fn flag(self, name: &'static str) -> Self {
        Self {
            flag: Some(name),
            ..self
        }
    }

    /// Keeps reading the variable `name`, with a warning that names the derived one.
    pub(in crate::config) const fn alias(self, name: &'static str) -> Self {
        Self {
            alias: Some(name),
            ..self
        }
    }

    /// Leaves the setting to the configuration file, because it weakens security.
    pub(in crate::config) const fn weakens_security(self) -> Self {
        Self {
            variable_kind: VariableKind::WeakensSecurity,
            ..self
        }
    }

    /// Marks an array of tables: its variable names a file.
    pub(in crate::config) const fn tables(self) -> Self {
        Self {
            variable_kind: VariableKind::NamesFile,
            ..self
        }
    }

    /// Reloads the setting in a running server.
    pub(in crate::config) const fn reloaded(self) -> Self {
        Self {
            reloading: Reloading::Reloaded,
            ..self
        }
    }

    /// Marks a file that is read again whenever it is needed.
    pub(in crate::config) const fn file_read_again(self) -> Self {
        Self {
            reloading: Reloading::FileReadAgain,
            ..self
        }
    }

    pub(in crate::config) const fn map(self) -> Self {
        Self {
            is_map: true,
            ..self
        }
    }

    pub(in crate::config) const fn hidden(self) -> Self {
        Self {
            visibility: Visibility::Hidden,
            ..self
        }
    }

    pub(in crate::config) const fn secret(self) -> Self {
        Self {
            visibility: Visibility::Secret,
            ..self
        }
    }

    /// The variable of the environment: `COGNATE_` and the key in upper case, with underscores for dots. `None` for a
    /// setting that weakens security.
    pub fn variable(&self) -> Option<String> {
        (self.variable_kind != VariableKind::WeakensSecurity).then(|| self.derived_name())
    }

    /// The name that follows from the key, also where no such variable is read.
    pub(in crate::config) fn derived_name(&self) -> String {
        format!("COGNATE_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// The table of the file that holds the key, empty for the top, and the key's name there.
    pub fn table_and_name(&self) -> (&'static str, &'static str) {
        self.key.rsplit_once('.').unwrap_or(("", self.key))
    }
}

/// The variable that names the configuration file.
pub const CONFIG_VARIABLE: &str = "COGNATE_CONFIG";
/// The flag that names the configuration file.
pub const CONFIG_FLAG: &str = "--config";

/// Defines a section's settings as constants, and `SETTINGS`, the table of all of them.
macro_rules! settings {
    ($($name:ident = $key:literal $($call:ident($($word:literal)?))*;)*) => {
        $(const $name: $crate::config::Setting = $crate::config::Setting::new($key)$(.$call($($word)?))*;)*

        /// The settings of this section.
        pub(super) const SETTINGS: &[$crate::config::Setting] = &[$($name),*];
    };
}
pub(in crate::config) use settings;
