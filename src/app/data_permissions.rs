//! The permissions of the data directory and its files: what every user of the machine may change, or may learn the root key
//! from, is refused at the start; what a group may do is reported.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::keys::root_key;
use super::open::StartError;

/// Checks the directory and each file in it, except the master key, which has stricter checks of its own.
pub(super) fn check(directory: &Path, master_key: &Path) -> Result<(), StartError> {
    let failed = |source: io::Error| StartError::DataDirectory {
        path: directory.into(),
        source,
    };
    let metadata = fs::metadata(directory).map_err(failed)?;
    check_one(directory, &metadata, false)?;
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        if path == master_key {
            continue;
        }
        // The mode of a link is that of its target. A link to nothing has no content.
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        let secret = entry
            .file_name()
            .to_string_lossy()
            .starts_with(root_key::FILE);
        check_one(&path, &metadata, secret)?;
    }
    Ok(())
}

fn check_one(path: &Path, metadata: &Metadata, secret: bool) -> Result<(), StartError> {
    let mode = metadata.mode() & 0o7777;
    let exposed = |problem, change| StartError::Exposed {
        path: path.into(),
        problem,
        mode,
        change,
    };
    if mode & 0o002 != 0 {
        return Err(exposed("is writable by every user of this machine", "o-w"));
    }
    if secret && mode & 0o007 != 0 {
        return Err(exposed(
            "is readable by every user of this machine",
            "o-rwx",
        ));
    }
    if mode & 0o020 != 0 || (secret && mode & 0o070 != 0) {
        tracing::warn!(path = %path.display(), "the group may use this: run `chmod g-rwx` unless it must");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_every_user_may_change_and_readable_root_keys_are_refused() {
        let cases = [
            ("", 0o700, None),
            ("", 0o755, None),
            ("", 0o770, None),
            ("", 0o777, Some("writable")),
            ("", 0o1777, Some("writable")),
            ("", 0o702, Some("writable")),
            ("root-credentials", 0o600, None),
            ("root-credentials", 0o640, None),
            ("root-credentials", 0o644, Some("readable")),
            ("root-credentials", 0o604, Some("readable")),
            ("root-credentials.new", 0o644, Some("readable")),
            ("root-credentials", 0o602, Some("writable")),
            ("cognate.sqlite", 0o666, Some("writable")),
            ("cognate.sqlite", 0o600, None),
        ];
        for (name, mode, problem) in cases {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(name);
            if !name.is_empty() {
                fs::write(&path, "").unwrap();
            }
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let text = check(directory.path(), Path::new(""))
                .err()
                .map(|error| error.to_string());
            let found = text.as_deref().unwrap_or_default();
            assert_eq!(text.is_some(), problem.is_some(), "{name} {mode:o} {found}");
            assert!(found.contains(problem.unwrap_or_default()), "{found}");
        }
    }
}
