//! The files of a person's profiles and logins: in one folder that only this user reads, each file written as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, Result, WrapErr, miette};
use serde_json::Value;

use crate::config::Environment;
use crate::model::json;

/// The modes that let others read or write.
const OTHERS: u32 = 0o077;

/// The kinds of files of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserFile {
    /// The profile itself, without secrets.
    Profile,
    /// The tokens of a login.
    Login,
    /// The newest credentials.
    Credentials,
}

impl UserFile {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Profile => "profile.json",
            Self::Login => "login.json",
            Self::Credentials => "credentials.json",
        }
    }
}

/// The folder of a user's files: `COGNATE_USER_DIR`, otherwise `~/.config/cognate`.
#[derive(Debug, Clone)]
pub(super) struct UserFolder(PathBuf);

impl UserFolder {
    /// Finds the folder, and makes it where there is none.
    pub(super) fn open(environment: &Environment) -> Result<Self> {
        let configured = environment.text("COGNATE_USER_DIR").map(PathBuf::from);
        let of_desktop =
            || Some(PathBuf::from(environment.text("XDG_CONFIG_HOME")?).join("cognate"));
        let of_home = || Some(PathBuf::from(environment.text("HOME")?).join(".config/cognate"));
        let path = configured.or_else(of_desktop).or_else(of_home);
        let path = path.ok_or_else(|| {
            miette!("there is no place for profiles: set HOME or COGNATE_USER_DIR")
        })?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.into_diagnostic()
            .wrap_err_with(|| format!("the folder {} can't be made", path.display()))?;
        check_owner(&path)?;
        Ok(Self(path))
    }

    /// The path of a file, which may not exist.
    fn path(&self, profile: &str, file: UserFile) -> PathBuf {
        self.0.join(format!("{profile}.{}", file.suffix()))
    }

    /// Reads a file; `None` where there is none. A file that others may read or write, or a link, is refused.
    pub(super) fn read(&self, profile: &str, file: UserFile) -> Result<Option<Value>> {
        let path = self.path(profile, file);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if !metadata.is_file() => {
                return Err(miette!("{} is no ordinary file: remove it", path.display()));
            }
            Ok(_) => check_owner(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).into_diagnostic(),
        }
        let bytes = fs::read(&path).into_diagnostic();
        let bytes = bytes.wrap_err_with(|| format!("{} can't be read", path.display()))?;
        match json::read(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(miette!(
                "{} is damaged ({error}): remove it",
                path.display()
            )),
        }
    }

    /// Replaces a file, durably: after this returns, either the old or the new one is there, whatever happens.
    pub(super) fn write(&self, profile: &str, file: UserFile, value: &Value) -> Result<()> {
        let path = self.path(profile, file);
        let text = format!("{value}\n");
        write_private(&path, text.as_bytes())
            .into_diagnostic()
            .wrap_err_with(|| format!("{} can't be written", path.display()))
    }

    /// Tests that a file can be written, and leaves the present one as it is.
    pub(super) fn test(&self, profile: &str, file: UserFile) -> Result<()> {
        self.read(profile, file)?;
        let path = self.0.join(format!("{profile}.test"));
        let tested = write_private(&path, b"test\n").and_then(|()| fs::remove_file(&path));
        tested
            .into_diagnostic()
            .wrap_err_with(|| format!("the folder {} can't be written", self.0.display()))
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, profile: &str, file: UserFile) -> Result<()> {
        let path = self.path(profile, file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error)
                .into_diagnostic()
                .wrap_err_with(|| format!("{} can't be removed", path.display())),
            _ => Ok(()),
        }
    }

    /// Waits until no other process has the profile's lock, and takes it until the file is closed.
    pub(super) fn lock(&self, profile: &str) -> Result<File> {
        let path = self.0.join(format!("{profile}.lock"));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut locked = || {
            let file = options.mode(0o600).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        let locked: io::Result<File> = locked();
        locked
            .into_diagnostic()
            .wrap_err_with(|| format!("{} can't be locked", path.display()))
    }

    /// The names of all profiles, sorted.
    pub(super) fn profiles(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0).into_diagnostic()? {
            let name = entry.into_diagnostic()?.file_name();
            let suffix = format!(".{}", UserFile::Profile.suffix());
            let name = name.to_str().and_then(|name| name.strip_suffix(&suffix));
            names.extend(name.map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// Refuses what belongs to another user, or what others may read or write.
fn check_owner(path: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(path).into_diagnostic()?;
    let metadata = if metadata.is_symlink() {
        fs::metadata(path).into_diagnostic()?
    } else {
        metadata
    };
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(miette!("{} belongs to another user", path.display()));
    }
    if metadata.mode() & OTHERS != 0 {
        let path = path.display();
        return Err(miette!("other users may read {path}: run chmod go= {path}"));
    }
    Ok(())
}

/// Writes a new file with mode 0600 beside `path`, and renames it to `path`.
pub(super) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with_mode(path, content, 0o600)
}

/// As [`write_private`], with another mode.
pub(super) fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = folder.join(name);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    fn folder() -> (tempfile::TempDir, UserFolder) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("user").to_str().unwrap().to_owned();
        let environment = Environment::from_iter([("COGNATE_USER_DIR", path)]);
        let opened = UserFolder::open(&environment).unwrap();
        (directory, opened)
    }

    #[test]
    fn files_are_private_and_replaced_as_a_whole() {
        let (_directory, folder) = folder();
        assert_eq!(folder.read("a", UserFile::Login).unwrap(), None);
        for value in [json!({ "a": 1 }), json!({ "a": 2 })] {
            folder.write("a", UserFile::Login, &value).unwrap();
            assert_eq!(folder.read("a", UserFile::Login).unwrap(), Some(value));
        }
        let path = folder.path("a", UserFile::Login);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder.0).unwrap().mode() & 0o777, 0o700);
        folder.test("a", UserFile::Login).unwrap();
        folder.remove("a", UserFile::Login).unwrap();
        folder.remove("a", UserFile::Login).unwrap();
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_others_may_read_or_a_link_is_refused() {
        let (_directory, folder) = folder();
        folder.write("a", UserFile::Login, &json!({})).unwrap();
        let path = folder.path("a", UserFile::Login);
        for mode in [0o640, 0o604, 0o620, 0o602] {
            fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let refused = folder.read("a", UserFile::Login).unwrap_err().to_string();
            assert!(refused.contains("chmod go="), "{refused}");
        }
        let link = folder.path("b", UserFile::Login);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(folder.read("b", UserFile::Login).is_err());
    }
}
