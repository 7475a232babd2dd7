//! The lock of the data directory: one process at a time has it open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::open::{OpenError, io_error};

const LOCK: &str = "lock";

/// Takes the directory for this process, until the file is closed.
pub(super) fn take(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK);
    let file = private(&path).map_err(|source| io_error(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(io_error(&path, source)),
    }
}

/// Whether the directory was ever taken.
pub(super) fn exists(folder: &Path) -> bool {
    folder.join(LOCK).exists()
}

/// Opens a file, and makes one that only its owner may read where there is none.
pub(super) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
