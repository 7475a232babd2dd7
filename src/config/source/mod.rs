//! The sources of a configuration: the file, the environment and the flags, read one setting at a time. Every source is
//! checked, also where another overrides it. The sections check the form of the values.

pub(super) mod contents;
pub(super) mod diagnostics;
pub(super) mod document;
pub(super) mod environment;
pub(super) mod files;
pub(super) mod flags;
pub(super) mod lists;
pub(super) mod mask;
mod named_file;
pub(super) mod setting;
pub(super) mod suggestion;
pub(super) mod value;

use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use diagnostics::{Diagnostics, Parsed, ValueError};
use document::{ConfigDocument, kind};
use environment::Environment;
use files::ReadFile;
use setting::{Setting, VariableKind};
use value::{SettingValue, ValueOrigin};

/// The three sources, and the mistakes found in them so far.
pub(super) struct Sources<'s> {
    pub(super) document: ConfigDocument<'s>,
    pub(super) environment: &'s Environment,
    pub(super) read_file: ReadFile<'s>,
    pub(super) diagnostics: Diagnostics,
    /// Findings that are not mistakes, but that the operator should know.
    pub(super) warnings: Vec<String>,
}

impl Sources<'_> {
    /// Reads a setting that is a string.
    pub(super) fn string<T>(
        &mut self,
        setting: Setting,
        flag: Option<&str>,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> SettingValue<T> {
        let file = self.in_file(setting, |value| parse(string_in(value)?));
        let variable = self.in_variable(setting, |value| parse(unicode(value)?));
        let flag = self.in_flag(setting, flag, parse);
        SettingValue::with_precedence([file, variable, flag])
    }

    /// Reads a setting that names a file or a folder.
    pub(super) fn path(&mut self, setting: Setting, flag: Option<&Path>) -> SettingValue<PathBuf> {
        let file = self.in_file(setting, |value| named_path(string_in(value)?.as_ref()));
        let variable = self.in_variable(setting, named_path);
        let flag = self.in_flag(setting, flag, |path| named_path(path.as_os_str()));
        SettingValue::with_precedence([file, variable, flag])
    }

    /// Reads a setting that is on or off. A flag only turns it on.
    pub(super) fn switch(&mut self, setting: Setting, flag: bool) -> SettingValue<bool> {
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
            _ => Err(ValueError::new(
                "this is neither true nor false",
                "write true or false",
            )),
        });
        let flag = self.in_flag(setting, flag.then_some(()), |()| Ok(true));
        SettingValue::with_precedence([file, variable, flag])
    }

    /// Reads a whole number within `range`. Numbers have no flag.
    pub(super) fn number(
        &mut self,
        setting: Setting,
        range: &RangeInclusive<u32>,
    ) -> SettingValue<u32> {
        let help = format!(
            "write a whole number from {} to {}",
            range.start(),
            range.end()
        );
        let in_range = |number: Option<u32>, digits: &str| {
            number
                .filter(|number| range.contains(number))
                .ok_or_else(|| ValueError::new(format!("{digits} is out of range"), &help))
        };
        let file = self.in_file(setting, |value| match value {
            DeValue::Integer(digits) => {
                let number = u32::from_str_radix(digits.as_str(), digits.radix()).ok();
                in_range(number, &digits.to_string())
            }
            other => Err(wrong_kind("a whole number", other, &help)),
        });
        let variable = self.in_variable(setting, |value| {
            let digits = unicode(value)?;
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(ValueError::new("this is not a whole number", &help));
            }
            in_range(digits.parse().ok(), digits)
        });
        SettingValue::with_precedence([file, variable])
    }

    /// Reads a number from 0 to 1. It has no flag.
    pub(super) fn ratio(&mut self, setting: Setting) -> SettingValue<f64> {
        let help = "write a number from 0 to 1, for example 0.1";
        let in_range = |digits: &str| match digits.parse() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
            Ok(_) => Err(ValueError::new(format!("{digits} is out of range"), help)),
            Err(_) => Err(ValueError::new("this is not a number", help)),
        };
        let file = self.in_file(setting, |value| match value {
            DeValue::Integer(digits) => in_range(&digits.to_string()),
            DeValue::Float(digits) => in_range(&digits.to_string()),
            other => Err(wrong_kind("a number", other, help)),
        });
        let variable = self.in_variable(setting, |value| in_range(unicode(value)?));
        SettingValue::with_precedence([file, variable])
    }

    /// Reads a setting from the configuration file.
    fn in_file<T>(
        &mut self,
        setting: Setting,
        parse: impl FnOnce(&DeValue<'_>) -> Parsed<T>,
    ) -> SettingValue<T> {
        let Some(value) = self.document.take(setting) else {
            return SettingValue::Unset;
        };
        if self.document.has_syntax_error(&value.span()) {
            return SettingValue::Invalid;
        }
        self.check(
            setting,
            ValueOrigin::File(value.span()),
            parse(value.get_ref()),
        )
    }

    /// Reads a setting from the environment: its derived variable, or the alias with a warning.
    pub(super) fn in_variable<T>(
        &mut self,
        setting: Setting,
        parse: impl FnOnce(&OsStr) -> Parsed<T>,
    ) -> SettingValue<T> {
        let Some(derived) = setting.variable() else {
            self.warn_of_ignored_variable(setting);
            return SettingValue::Unset;
        };
        let environment = self.environment;
        let alias = setting
            .alias
            .and_then(|alias| Some((alias, environment.get(alias)?)));
        match (environment.get(&derived), alias) {
            (None, None) => SettingValue::Unset,
            (Some(value), None) => {
                self.check(setting, ValueOrigin::Variable(derived), parse(value))
            }
            (None, Some((alias, value))) => {
                self.warnings.push(format!(
                    "{alias} is a deprecated name; set {derived} instead"
                ));
                self.check(
                    setting,
                    ValueOrigin::Variable(alias.to_owned()),
                    parse(value),
                )
            }
            (Some(_), Some((alias, _))) => {
                let origin = ValueOrigin::Variable(alias.to_owned());
                let what = format!("{derived} is set too, and both are names of one setting");
                let help = format!("keep {derived} and remove {alias}, its deprecated name");
                self.refuse(setting, &origin, ValueError::new(what, help))
            }
        }
    }

    fn warn_of_ignored_variable(&mut self, setting: Setting) {
        let name = setting.derived_name();
        if setting.variable_kind == VariableKind::WeakensSecurity
            && self.environment.get(&name).is_some()
        {
            self.warnings.push(format!(
                "{name} has no effect: {} weakens security; set it in the configuration file",
                setting.key
            ));
        }
    }

    /// Reads a setting from the command line.
    fn in_flag<V, T>(
        &mut self,
        setting: Setting,
        flag: Option<V>,
        parse: impl FnOnce(V) -> Parsed<T>,
    ) -> SettingValue<T> {
        match setting.flag.zip(flag) {
            Some((name, value)) => self.check(setting, ValueOrigin::Flag(name), parse(value)),
            None => SettingValue::Unset,
        }
    }

    /// Adds a diagnostic if a value is invalid.
    pub(super) fn check<T>(
        &mut self,
        setting: Setting,
        origin: ValueOrigin,
        value: Parsed<T>,
    ) -> SettingValue<T> {
        match value {
            Ok(value) => SettingValue::Set(value, origin),
            Err(error) => self.refuse(setting, &origin, error),
        }
    }

    /// Adds a diagnostic: `setting` was set at `origin` without `other`, which it requires.
    pub(super) fn require_other(&mut self, setting: Setting, origin: &ValueOrigin, other: Setting) {
        let is_in_file = matches!(origin, ValueOrigin::File(_));
        let missing = match other.variable() {
            Some(variable) if !is_in_file => variable,
            _ => other.key.to_owned(),
        };
        if !is_in_file || self.document.is_valid_toml() {
            let what = format!("this requires {missing}, which is not set");
            let error = ValueError::new(what, format!("set {missing} too, or remove this setting"));
            self.diagnostics.add(setting, origin, error);
        }
    }

    /// Adds a diagnostic for a setting; its value is then invalid.
    pub(super) fn refuse<T>(
        &mut self,
        setting: Setting,
        origin: &ValueOrigin,
        error: ValueError,
    ) -> SettingValue<T> {
        self.diagnostics.add(setting, origin, error);
        SettingValue::Invalid
    }
}

fn named_path(path: &OsStr) -> Parsed<PathBuf> {
    if path.is_empty() {
        let help = "write a path, or remove the setting";
        return Err(ValueError::new("the path is empty", help));
    }
    Ok(PathBuf::from(path))
}

/// A value of the file that must be a string.
pub(super) fn string_in<'v>(value: &'v DeValue<'_>) -> Parsed<&'v str> {
    match value {
        DeValue::String(text) => Ok(text),
        other => Err(wrong_kind("a string", other, "write it in double quotes")),
    }
}

/// The error about a value of the wrong kind.
pub(super) fn wrong_kind(wanted: &str, found: &DeValue<'_>, help: &str) -> ValueError {
    let what = format!("this is {}, but must be {wanted}", kind(found));
    ValueError::new(what, help)
}

/// A variable's value as a string.
fn unicode(value: &OsStr) -> Parsed<&str> {
    value.to_str().ok_or_else(|| {
        ValueError::new(
            "the value is not UTF-8",
            "set the variable to a value in UTF-8",
        )
    })
}
