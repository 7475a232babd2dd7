//! Reading the configuration file and the files that it names. What is made of their contents is said elsewhere.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::environment::Environment;
use super::flags::Flags;
use super::mistakes::{Checked, Complaint, Mistakes};
use super::said::{Origin, Said};
use super::settings::{CONFIG_FLAG, CONFIG_VARIABLE, Setting};
use super::sources::Sources;

/// What a file holds, and who else may read it.
#[derive(Clone)]
pub struct Contents {
    /// The bytes, wiped when they are dropped: any of these files may hold a secret.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Whether every user of the machine may read it.
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
    fn text(&self) -> Checked<&str> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let before = self.bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count();
            let what = format!("the file is not UTF-8 (in line {line})");
            Complaint::new(what, "save it as UTF-8 text")
        })
    }
}

/// The configuration file.
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    contents: Contents,
}

impl ConfigFile {
    /// Opens the file that the flags, or else the environment, name.
    pub(super) fn open(
        flags: &Flags,
        environment: &Environment,
        read_file: ReadFile<'_>,
        mistakes: &mut Mistakes,
    ) -> Said<Self> {
        let variable = environment.get(CONFIG_VARIABLE).map(PathBuf::from);
        let named = match (&flags.config, variable) {
            (Some(path), _) => (path.clone(), Origin::Flag(CONFIG_FLAG), CONFIG_FLAG),
            (None, Some(path)) => (path, Origin::Variable(CONFIG_VARIABLE), CONFIG_VARIABLE),
            (None, None) => return Said::Nothing,
        };
        let (path, origin, name) = named;
        let contents = read_file(&path).map_err(|error| {
            let what = format!("{} can't be read: {error}", path.display());
            Complaint::new(
                what,
                "name a file that is there and that this user may read",
            )
        });
        let contents = contents.and_then(|contents| {
            contents.text()?;
            Ok(contents)
        });
        match contents {
            Ok(contents) => Said::This(Self { path, contents }, origin),
            Err(complaint) => {
                mistakes.note_named(name, &origin, complaint);
                Said::Rubbish
            }
        }
    }

    /// What it says.
    pub(super) fn text(&self) -> &str {
        self.contents.text().unwrap_or_default()
    }

    /// Whether every user of the machine may read it.
    pub(super) fn is_open_to_others(&self) -> bool {
        self.contents.open_to_others
    }
}

impl Sources<'_> {
    /// A setting that names a PEM file with a part called `label`.
    pub(super) fn pem_file(
        &mut self,
        setting: Setting,
        label: &str,
        secret: bool,
    ) -> Said<PathBuf> {
        let (path, origin) = match self.path(setting, None) {
            Said::This(path, origin) => (path, origin),
            Said::Nothing => return Said::Nothing,
            Said::Rubbish => return Said::Rubbish,
        };
        let mark = format!("{label}-----");
        let checked = self.open(setting, &path, secret).and_then(|contents| {
            if contents.text().is_ok_and(|text| text.contains(&mark)) {
                return Ok(path);
            }
            let what = format!("the file holds no {label} in PEM");
            let help = format!("name a file with a line -----BEGIN {mark}");
            Err(Complaint::new(what, help))
        });
        self.check(setting, origin, checked)
    }

    /// A setting that names a file with a secret, read by `parse` without the end of its line.
    pub(super) fn secret_file<T>(
        &mut self,
        setting: Setting,
        parse: impl Fn(&str) -> Checked<T>,
    ) -> Said<T> {
        let (path, origin) = match self.path(setting, None) {
            Said::This(path, origin) => (path, origin),
            Said::Nothing => return Said::Nothing,
            Said::Rubbish => return Said::Rubbish,
        };
        let checked = self.open(setting, &path, true).and_then(|contents| {
            let text = contents.text()?;
            let line = text.strip_suffix('\n').unwrap_or(text);
            parse(line.strip_suffix('\r').unwrap_or(line))
        });
        self.check(setting, origin, checked)
    }

    /// Opens a file that a setting names. The message leaves out the name: it may be the secret that should be inside.
    fn open(&mut self, setting: Setting, path: &Path, secret: bool) -> Checked<Contents> {
        let contents = (self.read_file)(path).map_err(|error| {
            let what = format!("the file can't be read: {error}");
            Complaint::new(
                what,
                "name a file that is there and that this user may read",
            )
        })?;
        if secret && contents.open_to_others {
            let warning = format!(
                "{}: every user of this machine can read the file",
                setting.key
            );
            self.warnings.push(warning);
        }
        Ok(contents)
    }
}
