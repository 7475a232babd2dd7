//! What the sources say about one setting, and where they say it.

use std::ops::Range;

use super::settings::Setting;

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// In the file, at these bytes.
    File(Range<usize>),
    /// In this variable.
    Variable(&'static str),
    /// With this flag.
    Flag(&'static str),
}

impl Origin {
    /// The name under which `setting` was set there.
    pub(super) fn name(&self, setting: Setting) -> &'static str {
        match self {
            Self::File(_) => setting.key,
            Self::Variable(name) | Self::Flag(name) => name,
        }
    }
}

/// A setting's value, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said<T> {
    /// No source says anything.
    Nothing,
    /// The source that counts says something wrong, which is noted already.
    Rubbish,
    /// The value, and where it comes from.
    This(T, Origin),
}

impl<T> Said<T> {
    /// What the strongest source that says anything says; `sources` begins with the weakest.
    pub(super) fn strongest(sources: impl IntoIterator<Item = Self>) -> Self {
        sources.into_iter().fold(Self::Nothing, |weak, strong| {
            if matches!(strong, Self::Nothing) {
                weak
            } else {
                strong
            }
        })
    }

    /// The value, if there is a good one.
    pub(super) fn value(&self) -> Option<&T> {
        match self {
            Self::This(value, _) => Some(value),
            Self::Nothing | Self::Rubbish => None,
        }
    }

    /// The value, or `default`. Where there is rubbish, it is never used: the mistake ends the loading.
    pub(super) fn or(self, default: T) -> T {
        self.into_value().unwrap_or(default)
    }

    /// The value, if there is a good one.
    pub(super) fn into_value(self) -> Option<T> {
        match self {
            Self::This(value, _) => Some(value),
            Self::Nothing | Self::Rubbish => None,
        }
    }

    /// Where the good value comes from.
    pub(super) fn origin(&self) -> Option<&Origin> {
        match self {
            Self::This(_, origin) => Some(origin),
            Self::Nothing | Self::Rubbish => None,
        }
    }

    /// Whether no source says anything.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Whether the source that counts says something wrong.
    pub(super) fn is_rubbish(&self) -> bool {
        matches!(self, Self::Rubbish)
    }
}
