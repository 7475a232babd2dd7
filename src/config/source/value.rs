//! The value of one setting, and its origin: the source and the span that set it.

use std::ops::Range;

use super::setting::Setting;

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum ValueOrigin {
    /// The configuration file sets it, at these bytes.
    File(Range<usize>),
    /// This variable of the environment sets it.
    Variable(String),
    /// A file that this variable names sets it, at `position`: path, line and column.
    NamedFile {
        /// The variable.
        variable: String,
        /// The path, the line and the column.
        position: String,
    },
    /// This flag sets it.
    Flag(&'static str),
}

impl ValueOrigin {
    /// The name under which `setting` was set there.
    pub(in crate::config) fn name(&self, setting: Setting) -> String {
        match self {
            Self::File(_) => setting.key.to_owned(),
            Self::Variable(name) => name.clone(),
            Self::NamedFile { variable, position } => format!("{variable} ({position})"),
            Self::Flag(name) => (*name).to_owned(),
        }
    }

    /// Its precedence: a flag overrides a variable, which overrides the file.
    pub(in crate::config) fn precedence(&self) -> u8 {
        match self {
            Self::File(_) => 0,
            Self::Variable(_) | Self::NamedFile { .. } => 1,
            Self::Flag(_) => 2,
        }
    }
}

/// A setting's value, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum SettingValue<T> {
    /// No source sets it.
    Unset,
    /// The source with the highest precedence sets a wrong value, which has its diagnostic already.
    Invalid,
    /// The value, and where it was set.
    Set(T, ValueOrigin),
}

impl<T> SettingValue<T> {
    /// The value of the source with the highest precedence that sets one; `sources` begins with the lowest.
    pub(in crate::config) fn with_precedence(sources: impl IntoIterator<Item = Self>) -> Self {
        sources.into_iter().fold(Self::Unset, |lower, higher| {
            if matches!(higher, Self::Unset) {
                lower
            } else {
                higher
            }
        })
    }

    /// The value, if there is a valid one.
    pub(in crate::config) fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value, _) => Some(value),
            Self::Unset | Self::Invalid => None,
        }
    }

    /// The value, or `default`. The default of an invalid value is never used, because its diagnostic ends the loading.
    pub(in crate::config) fn or(self, default: T) -> T {
        self.into_value().unwrap_or(default)
    }

    /// The value, if there is a valid one.
    pub(in crate::config) fn into_value(self) -> Option<T> {
        match self {
            Self::Set(value, _) => Some(value),
            Self::Unset | Self::Invalid => None,
        }
    }

    /// Where the valid value was set.
    pub(in crate::config) fn origin(&self) -> Option<&ValueOrigin> {
        match self {
            Self::Set(_, origin) => Some(origin),
            Self::Unset | Self::Invalid => None,
        }
    }

    /// Whether no source sets it.
    pub(in crate::config) fn is_unset(&self) -> bool {
        matches!(self, Self::Unset)
    }

    /// Whether the source with the highest precedence sets a wrong value.
    pub(in crate::config) fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid)
    }
}
