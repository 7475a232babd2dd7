//! The output of the audit log: whole lines, appended to a file that rotates by size, or to standard output.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, flock, statvfs};
use rustix::io::Errno;
use uuid::Uuid;

use super::OpenAuditError;
use crate::ambient::Ambient;

/// How far back an unfinished line is looked for.
const LONGEST_LINE: u64 = 1 << 20;

/// Where lines go.
pub(super) struct LogOutput {
    stream: LogStream,
    /// Whether the output ends in the middle of a line that couldn't be removed.
    is_torn: bool,
}

enum LogStream {
    StandardOutput,
    File(RotatedFile),
}

struct RotatedFile {
    path: PathBuf,
    file: File,
    /// The size in bytes; `None` for a pipe or a device.
    size: Option<u64>,
    rotate: u64,
    keep: usize,
    ambient: Arc<dyn Ambient>,
}

impl LogOutput {
    pub(super) fn standard_output() -> Self {
        Self {
            stream: LogStream::StandardOutput,
            is_torn: false,
        }
    }

    /// Opens the file, which is made if it isn't there. The remainder of a line that was never finished is removed.
    pub(super) fn open(
        path: &Path,
        rotate: u64,
        keep: usize,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Self, OpenAuditError> {
        let failed = |source| OpenAuditError::File {
            path: path.to_owned(),
            source,
        };
        let (file, size) = open_file(path).map_err(failed)?;
        // Some file systems have no locks.
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
        if size.is_some() && locked == Err(Errno::WOULDBLOCK) {
            return Err(OpenAuditError::InUse(path.to_owned()));
        }
        let mut file = RotatedFile {
            path: path.to_owned(),
            file,
            size,
            rotate,
            keep,
            ambient,
        };
        file.remove_unfinished().map_err(failed)?;
        Ok(Self {
            stream: LogStream::File(file),
            is_torn: false,
        })
    }

    /// Appends `lines`, which end with a line's end. On an error, returns how many bytes of whole lines are there.
    pub(super) fn append(&mut self, lines: &[u8], sync: bool) -> Result<(), (usize, io::Error)> {
        if let LogStream::File(file) = &mut self.stream {
            file.rotate_before(lines.len() as u64);
        }
        let begin: &[u8] = if self.is_torn { b"\n" } else { b"" };
        let mut written = 0;
        let failed = loop {
            let rest = if written < begin.len() {
                &begin[written..]
            } else {
                &lines[written - begin.len()..]
            };
            if rest.is_empty() {
                break None;
            }
            match self.stream.write(rest) {
                Ok(0) => break Some(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(error),
            }
        };
        let failed = match failed {
            None => self.stream.finish(sync).err(),
            failed => failed,
        };
        let Some(error) = failed else {
            self.is_torn = false;
            return Ok(());
        };
        let of_lines = written.saturating_sub(begin.len());
        let whole = lines[..of_lines]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let rest = of_lines - whole;
        if written > 0 {
            self.is_torn = rest > 0 && !self.stream.remove_last(rest as u64);
        }
        // A line that isn't synced doesn't count, although it is there.
        let counted = if sync { 0 } else { whole };
        Err((counted, error))
    }

    /// Whether lines that strangers cause may take `more` bytes: they leave the last fifth of the file, and of the space that
    /// all files may take.
    pub(super) fn accepts_strangers(&self, more: usize) -> bool {
        let LogStream::File(file) = &self.stream else {
            return true;
        };
        let Some(size) = file.size else {
            return true;
        };
        let more = more as u64;
        if file.rotate > 0 && size + more > file.rotate / 5 * 4 {
            return false;
        }
        let Ok(disk) = statvfs(&file.path) else {
            return true;
        };
        let block = disk.f_frsize;
        let total = disk.f_blocks.saturating_mul(block);
        let files = (file.keep as u64 + 1).saturating_mul(file.rotate);
        let space = if file.rotate > 0 {
            files.min(total)
        } else {
            total
        };
        disk.f_bavail.saturating_mul(block) >= (space / 5).saturating_add(more)
    }

    /// Opens the file again by its name.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let LogStream::File(file) = &mut self.stream {
            file.reopen()?;
            self.is_torn = false;
        }
        Ok(())
    }
}

impl LogStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::StandardOutput => io::stdout().lock().write(bytes),
            Self::File(one) => {
                let written = one.file.write(bytes)?;
                if let Some(size) = &mut one.size {
                    *size += written as u64;
                }
                Ok(written)
            }
        }
    }

    fn finish(&mut self, sync: bool) -> io::Result<()> {
        match self {
            Self::StandardOutput => io::stdout().lock().flush(),
            Self::File(one) if sync && one.size.is_some() => one.file.sync_data(),
            Self::File(_) => Ok(()),
        }
    }

    /// Removes the last bytes; `false` where that is not possible.
    fn remove_last(&mut self, bytes: u64) -> bool {
        let Self::File(file) = self else {
            return false;
        };
        let Some(size) = file.size else {
            return false;
        };
        let left = size.saturating_sub(bytes);
        let removed = file.file.set_len(left).is_ok();
        if removed {
            file.size = Some(left);
        }
        removed
    }
}

/// Opens a file for appending, and returns its size if it is a regular file.
fn open_file(path: &Path) -> io::Result<(File, Option<u64>)> {
    let is_other = fs::metadata(path).is_ok_and(|data| !data.is_file());
    let file = OpenOptions::new()
        .append(true)
        .read(!is_other)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let data = file.metadata()?;
    let size = data.is_file().then_some(data.len());
    Ok((file, size))
}

impl RotatedFile {
    /// Removes what follows the last line's end: the process ended before the line was whole, and nothing was answered.
    fn remove_unfinished(&mut self) -> io::Result<()> {
        let Some(size) = self.size.filter(|size| *size > 0) else {
            return Ok(());
        };
        let from = size.saturating_sub(LONGEST_LINE);
        self.file.seek(SeekFrom::Start(from))?;
        let mut tail = Vec::new();
        (&self.file).take(LONGEST_LINE).read_to_end(&mut tail)?;
        let end = tail.iter().rposition(|byte| *byte == b'\n');
        let whole = end.map_or(0, |at| at as u64 + 1) + from;
        if whole < size && (end.is_some() || from == 0) {
            tracing::warn!(
                path = %self.path.display(),
                bytes = size - whole,
                "the last line of the audit log was never finished, and is removed"
            );
            self.file.set_len(whole)?;
            self.size = Some(whole);
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        let (file, size) = open_file(&self.path)?;
        if size.is_some() {
            // Fails for the file that is locked already, which is the same.
            let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        }
        (self.file, self.size) = (file, size);
        Ok(())
    }

    /// Rotates the file if `more` bytes would exceed its size. Where that fails, the file goes on.
    fn rotate_before(&mut self, more: u64) {
        let is_full = self
            .size
            .is_some_and(|size| size > 0 && size + more > self.rotate);
        if self.rotate == 0 || !is_full {
            return;
        }
        if let Err(error) = self.rotate() {
            tracing::warn!(
                path = %self.path.display(),
                error = &error as &dyn std::error::Error,
                "the audit log can't be rotated, and grows"
            );
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        // The names are in the order of the files, also where the clock steps back.
        let newest = rotated_files(&self.path)?.pop();
        let newest = newest.and_then(|file| time_of(&self.path, &file));
        let after_it = newest.map(|newest| newest + SignedDuration::from_millis(1));
        let now = self.ambient.now_in_milliseconds();
        let rotated = rotated_path(&self.path, after_it.map_or(now, |after| after.max(now)));
        self.file.sync_data()?;
        fs::rename(&self.path, &rotated)?;
        if let Err(error) = self.reopen() {
            fs::rename(&rotated, &self.path)?;
            return Err(error);
        }
        let mut files = rotated_files(&self.path)?;
        files.truncate(files.len().saturating_sub(self.keep));
        for file in files {
            fs::remove_file(file)?;
        }
        Ok(())
    }
}

/// The name of a file that is rotated: `audit.jsonl` becomes `audit-20261128T183000.000Z.jsonl`.
fn rotated_path(path: &Path, moment: Timestamp) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let time = moment.strftime("%Y%m%dT%H%M%S%.3fZ");
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{time}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{time}"),
    };
    path.with_file_name(name)
}

/// The time in the name of a file that was rotated.
fn time_of(path: &Path, rotated: &Path) -> Option<Timestamp> {
    let stem = path.file_stem()?.to_str()?;
    let rest = rotated.file_name()?.to_str()?.strip_prefix(stem)?;
    let digits: String = rest.chars().filter(char::is_ascii_digit).take(17).collect();
    let at = |from: usize, to: usize| digits.get(from..to);
    let (date, time) = (at(0, 8)?, at(8, 14)?);
    let text = format!("{date}T{time}.{}Z", at(14, 17)?);
    text.parse().ok()
}

/// The request ids in the newest files of a log, with the times of their lines: those of the file, and of the one that was
/// rotated last.
pub fn newest_requests(path: &Path) -> io::Result<HashMap<Uuid, Timestamp>> {
    let rotated = rotated_files(path)?.pop();
    let mut requests = HashMap::new();
    for file in rotated.as_deref().into_iter().chain([path]) {
        let file = match File::open(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        for line in BufReader::new(file).lines() {
            let line = line?;
            let after = |name: &str| {
                let (_, rest) = line.split_once(name)?;
                rest.split_once('"').map(|(value, _)| value)
            };
            // A string within a line has its quotation marks escaped.
            let request = after("\"requestID\":\"").and_then(|id| Uuid::try_parse(id).ok());
            let time = after("\"eventTime\":\"").and_then(|time| time.parse().ok());
            if let (Some(request), Some(time)) = (request, time) {
                requests.insert(request, time);
            }
        }
    }
    Ok(requests)
}

/// All files of a log, the oldest first.
pub fn log_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = rotated_files(path)?;
    files.push(path.to_owned());
    Ok(files)
}

/// The rotated files of a log, the oldest first.
pub(super) fn rotated_files(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let sample = rotated_path(path, Timestamp::UNIX_EPOCH);
    let sample = sample.file_name().unwrap_or_default().to_string_lossy();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let found = entry?;
        let name = found.file_name();
        let name = name.to_string_lossy();
        let alike = name.len() == sample.len()
            && name
                .bytes()
                .zip(sample.bytes())
                .all(|(one, other)| one == other || one.is_ascii_digit() && other.is_ascii_digit());
        if alike {
            files.push(found.path());
        }
    }
    files.sort();
    Ok(files)
}
