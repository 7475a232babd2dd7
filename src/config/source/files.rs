//! Reading the configuration file and the files that it names. The sections interpret their contents.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Sources;
use super::diagnostics::{Diagnostics, Parsed, ValueError};
use super::environment::Environment;
use super::flags::Flags;
use super::setting::{CONFIG_FLAG, CONFIG_VARIABLE, Setting};
use super::value::{SettingValue, ValueOrigin};
use crate::config::Secret;

/// The contents of a file, and who else may read it.
#[derive(Clone)]
pub struct Contents {
    /// The bytes, wiped when they are dropped: any of these files may hold a secret.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Whether every user of the machine may read the file.
    pub open_to_others: bool,
}

/// How the loader reads a file: [`read_file`], or a map in tests.
pub type ReadFile<'f> = &'f dyn Fn(&Path) -> io::Result<Contents>;

/// Reads a file of this machine.
pub fn read_file(path: &Path) -> io::Result<Contents> {
    Ok(Contents {
        bytes: Zeroizing::new(std::fs::read(path)?),
        open_to_others: open_to_others(path)?,
    })
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as on unix")]
fn open_to_others(_: &Path) -> io::Result<bool> {
    Ok(false)
}

impl Contents {
    /// The contents as text; an error for bytes that are not UTF-8.
    pub(in crate::config) fn text(&self) -> Parsed<&str> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let before = self.bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count();
            let what = format!("the file is not UTF-8 (line {line})");
            ValueError::new(what, "save it as UTF-8 text")
        })
    }

    /// The text without the line end.
    fn secret_text(&self) -> Parsed<&str> {
        let text = self.text()?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        Ok(line.strip_suffix('\r').unwrap_or(line))
    }
}

/// A secret from a file that a flag of a command names.
#[derive(Debug)]
pub struct SecretFile {
    /// The text of the file without the line end.
    pub secret: Secret,
    /// A warning where other users may read the file.
    pub warning: Option<String>,
}

/// Why a file with a secret can't be used. The message leaves out the path: it may be the secret.
#[derive(Debug, thiserror::Error)]
#[error("{flag}: {what}; {help}")]
pub struct SecretFileError {
    flag: &'static str,
    what: String,
    help: String,
}

impl SecretFile {
    /// Reads the file that `flag` names, as a setting that names a file with a secret is read.
    pub fn read(
        flag: &'static str,
        path: &Path,
        read_file: ReadFile<'_>,
    ) -> Result<Self, SecretFileError> {
        let contents = read_file(path).map_err(|error| unreadable("the file", &error));
        let read = contents.and_then(|contents| {
            let secret = Secret::new(contents.secret_text()?);
            let warning = contents.open_to_others.then(|| open_warning(flag));
            Ok(Self { secret, warning })
        });
        read.map_err(|ValueError { what, help }| SecretFileError { flag, what, help })
    }
}

fn open_warning(name: &str) -> String {
    format!("{name}: every user of this machine can read the file; limit its mode to 0600")
}

/// The configuration file.
pub(in crate::config) struct ConfigFile {
    pub(in crate::config) path: PathBuf,
    contents: Contents,
}

impl ConfigFile {
    /// Opens the file that the flag names, or else the variable.
    pub(in crate::config) fn open(
        flags: &Flags,
        environment: &Environment,
        read_file: ReadFile<'_>,
        diagnostics: &mut Diagnostics,
    ) -> SettingValue<Self> {
        let variable = environment.get(CONFIG_VARIABLE).map(PathBuf::from);
        let (path, origin, name) = match (&flags.config, variable) {
            (Some(path), _) => (path.clone(), ValueOrigin::Flag(CONFIG_FLAG), CONFIG_FLAG),
            (None, Some(path)) => {
                let origin = ValueOrigin::Variable(CONFIG_VARIABLE.to_owned());
                (path, origin, CONFIG_VARIABLE)
            }
            (None, None) => return SettingValue::Unset,
        };
        let contents = read_file(&path)
            .map_err(|error| unreadable(&path.display().to_string(), &error))
            .and_then(|contents| {
                contents.text()?;
                Ok(contents)
            });
        match contents {
            Ok(contents) => SettingValue::Set(Self { path, contents }, origin),
            Err(error) => {
                diagnostics.add_named(name, &origin, error);
                SettingValue::Invalid
            }
        }
    }

    /// The text of the file.
    pub(in crate::config) fn text(&self) -> &str {
        self.contents.text().unwrap_or_default()
    }

    /// Whether every user of the machine may read the file.
    pub(in crate::config) fn is_open_to_others(&self) -> bool {
        self.contents.open_to_others
    }
}

/// The error about a file that can't be read; `file` is its name in the message.
pub(in crate::config) fn unreadable(file: &str, error: &io::Error) -> ValueError {
    ValueError::new(
        format!("{file} can't be read: {error}"),
        "name an existing file that this user may read",
    )
}

impl Sources<'_> {
    /// Reads a setting that names a PEM file with a part called `label`.
    pub(in crate::config) fn pem_file(
        &mut self,
        setting: Setting,
        label: &str,
        secret: bool,
    ) -> SettingValue<PathBuf> {
        let mark = format!("{label}-----");
        self.named_file(setting, secret, |path, contents| {
            if contents.text().is_ok_and(|text| text.contains(&mark)) {
                return Ok(path.to_owned());
            }
            let what = format!("the file has no {label} in PEM");
            let help = format!("name a file with a line -----BEGIN {mark}");
            Err(ValueError::new(what, help))
        })
    }

    /// Reads a setting that names a file with a secret; `parse` gets its text without the line end.
    pub(in crate::config) fn secret_file<T>(
        &mut self,
        setting: Setting,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> SettingValue<T> {
        self.secret_file_with_path(setting, |_, text| parse(text))
    }

    /// The same, where `parse` gets the path of the file as well.
    pub(in crate::config) fn secret_file_with_path<T>(
        &mut self,
        setting: Setting,
        parse: impl Fn(&Path, &str) -> Parsed<T>,
    ) -> SettingValue<T> {
        self.named_file(setting, true, |path, contents| {
            parse(path, contents.secret_text()?)
        })
    }

    /// Reads a file that a setting names. The message leaves out the path: it may be the secret that the file should
    /// hold.
    fn named_file<T>(
        &mut self,
        setting: Setting,
        secret: bool,
        parse: impl FnOnce(&Path, &Contents) -> Parsed<T>,
    ) -> SettingValue<T> {
        let (path, origin) = match self.path(setting, None) {
            SettingValue::Set(path, origin) => (path, origin),
            SettingValue::Unset => return SettingValue::Unset,
            SettingValue::Invalid => return SettingValue::Invalid,
        };
        let parsed = match (self.read_file)(&path) {
            Err(error) => Err(unreadable("the file", &error)),
            Ok(contents) => {
                self.document.contents.add_file(setting, &contents.bytes);
                if secret && contents.open_to_others {
                    self.warnings.push(open_warning(&origin.name(setting)));
                }
                parse(&path, &contents)
            }
        };
        self.check(setting, origin, parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], open_to_others: bool) -> Result<SecretFile, SecretFileError> {
        let contents = Contents {
            bytes: Zeroizing::new(bytes.to_vec()),
            open_to_others,
        };
        let read_file = move |_: &Path| Ok(contents.clone());
        SecretFile::read("--password-file", Path::new("hunter2"), &read_file)
    }

    #[test]
    fn a_secret_in_a_file_is_its_text_without_the_line_end() {
        for text in ["pass word", "pass word\n", "pass word\r\n"] {
            let file = read(text.as_bytes(), false).unwrap();
            assert_eq!(file.secret.reveal(), "pass word");
            assert_eq!(file.warning, None);
        }
        let warning = read(b"x", true).unwrap().warning.unwrap();
        assert!(
            warning.starts_with("--password-file: every user of this machine can read the file")
        );
    }

    #[test]
    fn an_error_about_a_file_with_a_secret_repeats_neither_its_path_nor_its_text() {
        let missing = |_: &Path| Err(io::Error::from(io::ErrorKind::NotFound));
        let missing = SecretFile::read("--password-file", Path::new("hunter2"), &missing);
        for error in [
            missing.err().unwrap(),
            read(b"secret \xff", false).err().unwrap(),
        ] {
            let text = error.to_string();
            assert!(text.starts_with("--password-file: the file "), "{text}");
            assert!(
                !text.contains("hunter2") && !text.contains("secret"),
                "{text}"
            );
        }
    }
}
