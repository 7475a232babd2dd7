//! The file of the master key: created once, readable only by its owner, outside the store and its backups.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::SealKey;
use super::master_keys::MasterKeys;
use crate::ambient::Ambient;

/// Why the master key can't be read or created; `Display` is a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file doesn't exist, although data is sealed under it.
    #[error(
        "{0} is missing, but the data directory holds data that was sealed under it: put the file back \
         (it is not part of backups), or start with an empty data directory"
    )]
    Missing(PathBuf),
    /// The file isn't a regular file: the owner of a link's target could replace it.
    #[error(
        "{0} is not a plain file: the master key is read from a regular file, not through a link"
    )]
    NotAFile(PathBuf),
    /// Other users may read the file.
    #[error("{path} can be read by others (mode {mode:03o}): run `chmod 600 {path}`")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// The file doesn't contain a key.
    #[error(
        "{0} is not a master key: each line of the file holds 32 bytes in base64 (`openssl rand -base64 32` makes such a line), \
         in 16 lines at most, no two of them alike"
    )]
    Malformed(PathBuf),
    /// The operating system reports an error.
    #[error("the master key in {path} can't be read or created")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// Reads the master keys from `path`, one in each line. The first seals, and all open.
pub fn read(path: &Path) -> Result<MasterKeys, MasterKeyError> {
    let io = |source| MasterKeyError::Io {
        path: path.into(),
        source,
    };
    let named = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(MasterKeyError::Missing(path.into()));
        }
        other => other.map_err(io)?,
    };
    if !named.is_file() {
        return Err(MasterKeyError::NotAFile(path.into()));
    }
    let file = File::open(path).map_err(io)?;
    let opened = file.metadata().map_err(io)?;
    // The name may have moved to another file between the check and the opening (TOCTOU).
    if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
        return Err(MasterKeyError::NotAFile(path.into()));
    }
    let mode = opened.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(MasterKeyError::TooOpen {
            path: path.into(),
            mode,
        });
    }
    let mut text = Zeroizing::new(String::new());
    let malformed = || MasterKeyError::Malformed(path.into());
    file.take(2048)
        .read_to_string(&mut text)
        .map_err(|_| malformed())?;
    parse(&text).ok_or_else(malformed)
}

/// The master keys in the lines of `text`: each 32 bytes in base64, up to 16 and no two alike. `None` for anything else.
pub fn parse(text: &str) -> Option<MasterKeys> {
    let lines: Vec<_> = text.split_whitespace().collect();
    let is_unique = lines.iter().collect::<BTreeSet<_>>().len() == lines.len();
    let keys: Option<Vec<_>> = lines.into_iter().map(parse_line).collect();
    MasterKeys::new(keys.filter(|_| is_unique)?)
}

fn parse_line(line: &str) -> Option<SealKey> {
    let bytes = Zeroizing::new(STANDARD.decode(line).ok()?);
    let bytes: [u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(SealKey::new(bytes))
}

/// Creates a master key in `path`, where no file may exist, and flushes it to the disk before anything is sealed under it.
///
/// The key is written under another name first (write and rename): an empty file after a crash would be unusable.
pub fn make(path: &Path, ambient: &dyn Ambient) -> Result<SealKey, MasterKeyError> {
    let key = SealKey::random(ambient);
    let line = Zeroizing::new(STANDARD.encode(key.bytes()) + "\n");
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::Builder::new()
            .prefix(".master.key-")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(folder)?;
        file.write_all(line.as_bytes())?;
        file.as_file().sync_all()?;
        // Like O_EXCL, this never replaces an existing file or link.
        file.persist_noclobber(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    match write() {
        Ok(()) => Ok(key),
        Err(source) => Err(MasterKeyError::Io {
            path: path.into(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::{OpenOptionsExt, symlink};

    use super::*;
    use crate::ambient::Real;

    #[test]
    fn a_key_that_was_made_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made = make(&path, &Real).unwrap();
        assert_eq!(
            read(&path).unwrap().fingerprints(),
            MasterKeys::from(made.clone()).fingerprints()
        );
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(
            matches!(make(&path, &Real), Err(MasterKeyError::Io { .. })),
            "never overwritten"
        );
        assert_eq!(
            read(&path).unwrap().fingerprints(),
            MasterKeys::from(made.clone()).fingerprints()
        );
        let dangling = folder.path().join("link.key");
        symlink(folder.path().join("elsewhere"), &dangling).unwrap();
        assert!(make(&dangling, &Real).is_err(), "nor made through a link");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "nothing is left");
    }

    #[test]
    fn a_file_that_others_could_read_or_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        make(&path, &Real).unwrap();
        let link = folder.path().join("link.key");
        symlink(&path, &link).unwrap();
        assert!(matches!(read(&link), Err(MasterKeyError::NotAFile(_))));
        assert!(matches!(
            read(folder.path()),
            Err(MasterKeyError::NotAFile(_))
        ));
        for mode in [0o640, 0o604, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn a_missing_or_malformed_file_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(matches!(read(&path), Err(MasterKeyError::Missing(_))));
        let line = STANDARD.encode([7; 32]);
        let twice = format!("{line}\n{line}\n");
        let half = format!("{line}\n{}", &line[..20]);
        let many: Vec<_> = (0..17_u8).map(|byte| STANDARD.encode([byte; 32])).collect();
        for text in [
            "",
            "x",
            "AAAA",
            &"A".repeat(44),
            "\u{0}\u{0}",
            &twice,
            &half,
            &many.join("\n"),
        ] {
            fs::remove_file(&path).ok();
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert!(
                matches!(read(&path), Err(MasterKeyError::Malformed(_))),
                "{text}"
            );
        }
    }
}
