//! The file, the environment and the flags, asked one setting at a time. Every source is checked, also one that a
//! stronger source overrules; what values must look like is for the caller to say.

use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::document::{Document, kind};
use super::environment::Environment;
use super::files::ReadFile;
use super::mistakes::{Checked, Complaint, Mistakes};
use super::said::{Origin, Said};
use super::settings::Setting;

/// The three sources, and the mistakes found in them so far.
pub(super) struct Sources<'s> {
    pub(super) document: Document<'s>,
    pub(super) environment: &'s Environment,
    pub(super) read_file: ReadFile<'s>,
    pub(super) mistakes: Mistakes,
    /// What is not wrong, but should be known.
    pub(super) warnings: Vec<String>,
}

impl Sources<'_> {
    /// A setting that is a text, read by `parse`.
    pub(super) fn text<T>(
        &mut self,
        setting: Setting,
        flag: Option<&str>,
        parse: impl Fn(&str) -> Checked<T>,
    ) -> Said<T> {
        let file = self.in_file(setting, |value| parse(text_in(value)?));
        let variable = self.in_variable(setting, |value| parse(unicode(value)?));
        let flag = self.in_flag(setting, flag, parse);
        Said::strongest([file, variable, flag])
    }

    /// A setting that names a file or a folder.
    pub(super) fn path(&mut self, setting: Setting, flag: Option<&Path>) -> Said<PathBuf> {
        let named = |path: &OsStr| {
            let complaint = || Complaint::new("the name is empty", "write a path, or leave it out");
            (!path.is_empty())
                .then(|| PathBuf::from(path))
                .ok_or_else(complaint)
        };
        let file = self.in_file(setting, |value| named(text_in(value)?.as_ref()));
        let variable = self.in_variable(setting, named);
        let flag = self.in_flag(setting, flag, |path| named(path.as_os_str()));
        Said::strongest([file, variable, flag])
    }

    /// A setting that is on or off. A flag only turns it on.
    pub(super) fn switch(&mut self, setting: Setting, flag: bool) -> Said<bool> {
        let file = self.in_file(setting, |value| match value {
            DeValue::Boolean(on) => Ok(*on),
            other => Err(wrong_kind(
                "true or false",
                other,
                "write true or false, without quotes",
            )),
        });
        let variable = self.in_variable(setting, |value| match value.to_str() {
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            _ => Err(Complaint::new(
                "this is neither true nor false",
                "write true or false",
            )),
        });
        let flag = self.in_flag(setting, flag.then_some(()), |()| Ok(true));
        Said::strongest([file, variable, flag])
    }

    /// A whole number within `range`; numbers stand in the file only.
    pub(super) fn number(&mut self, setting: Setting, range: &RangeInclusive<u32>) -> Said<u32> {
        let help = format!(
            "write a whole number from {} to {}",
            range.start(),
            range.end()
        );
        self.in_file(setting, |value| match value {
            DeValue::Integer(digits) => u32::from_str_radix(digits.as_str(), digits.radix())
                .ok()
                .filter(|number| range.contains(number))
                .ok_or_else(|| Complaint::new(format!("{digits} is out of range"), &help)),
            other => Err(wrong_kind("a whole number", other, &help)),
        })
    }

    /// What the file says about a setting.
    fn in_file<T>(
        &mut self,
        setting: Setting,
        parse: impl FnOnce(&DeValue<'_>) -> Checked<T>,
    ) -> Said<T> {
        let Some(value) = self.document.take(setting) else {
            return Said::Nothing;
        };
        if self.document.is_broken(&value.span()) {
            return Said::Rubbish;
        }
        self.check(setting, Origin::File(value.span()), parse(value.get_ref()))
    }

    /// What the environment says about a setting.
    pub(super) fn in_variable<T>(
        &mut self,
        setting: Setting,
        parse: impl FnOnce(&OsStr) -> Checked<T>,
    ) -> Said<T> {
        let variable = setting.variable;
        match variable.and_then(|name| Some((name, self.environment.get(name)?))) {
            Some((name, value)) => self.check(setting, Origin::Variable(name), parse(value)),
            None => Said::Nothing,
        }
    }

    /// What the command line says about a setting.
    fn in_flag<V, T>(
        &mut self,
        setting: Setting,
        flag: Option<V>,
        parse: impl FnOnce(V) -> Checked<T>,
    ) -> Said<T> {
        match setting.flag.zip(flag) {
            Some((name, value)) => self.check(setting, Origin::Flag(name), parse(value)),
            None => Said::Nothing,
        }
    }

    /// Notes what is wrong with a value, if anything is.
    pub(super) fn check<T>(
        &mut self,
        setting: Setting,
        origin: Origin,
        value: Checked<T>,
    ) -> Said<T> {
        match value {
            Ok(value) => Said::This(value, origin),
            Err(complaint) => self.refuse(setting, &origin, complaint),
        }
    }

    /// Notes that of two settings that only go together, `other` is missing beside the one that was set at `origin`.
    pub(super) fn note_half(&mut self, setting: Setting, origin: &Origin, other: Setting) {
        let (in_file, missing) = match (origin, other.variable) {
            (Origin::File(_), _) => (true, other.key),
            (_, name) => (false, name.unwrap_or(other.key)),
        };
        if !in_file || self.document.is_whole() {
            let what = format!("{missing} is missing beside it");
            let complaint = Complaint::new(what, format!("set {missing} too, or leave both out"));
            self.mistakes.note(setting, origin, complaint);
        }
    }

    /// Notes what is wrong with a setting, for which there is rubbish then.
    pub(super) fn refuse<T>(
        &mut self,
        setting: Setting,
        origin: &Origin,
        complaint: Complaint,
    ) -> Said<T> {
        self.mistakes.note(setting, origin, complaint);
        Said::Rubbish
    }
}

/// A value of the file that must be a text.
pub(super) fn text_in<'v>(value: &'v DeValue<'_>) -> Checked<&'v str> {
    match value {
        DeValue::String(text) => Ok(text),
        other => Err(wrong_kind("a text", other, "write it in double quotes")),
    }
}

/// The complaint about a value of the wrong kind.
pub(super) fn wrong_kind(wanted: &str, found: &DeValue<'_>, help: &str) -> Complaint {
    let what = format!("this is {}, and must be {wanted}", kind(found));
    Complaint::new(what, help)
}

/// A variable's value as text.
pub(super) fn unicode(value: &OsStr) -> Checked<&str> {
    value.to_str().ok_or_else(|| {
        Complaint::new(
            "the value is not UTF-8",
            "set it again, with plain characters",
        )
    })
}
