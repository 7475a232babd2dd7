//! The audit log: where its lines go, and what an answer waits for.

use std::fmt;
use std::path::PathBuf;

use super::Config;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError, quoted};
use super::source::setting::settings;
use super::source::value::SettingValue;

settings! {
    FILE = "audit.file";
    WRITE = "audit.write";
    DATA_EVENTS = "audit.data_events";
    ROTATE_MEGABYTES = "audit.rotate_megabytes";
    KEEP_FILES = "audit.keep_files";
}

const DEFAULT_ROTATE_MEGABYTES: u32 = 256;

const DEFAULT_KEEP_FILES: u32 = 14;

/// The audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// Where its lines go.
    pub target: AuditTarget,
    /// What an answer waits for.
    pub write: AuditWrite,
    /// Whether sign-ins, tokens and credentials have lines, beside changes and refusals.
    pub data_events: bool,
    /// The size in bytes at which a file is rotated; 0 for never.
    pub rotate_bytes: u64,
    /// How many rotated files are kept.
    pub keep_files: usize,
}

/// Where the lines of the audit log go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditTarget {
    /// A file, which is made with mode 0600.
    File(PathBuf),
    /// The standard output of the process.
    StandardOutput,
}

impl fmt::Display for AuditTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(formatter),
            Self::StandardOutput => formatter.write_str("standard output"),
        }
    }
}

/// What an answer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditWrite {
    /// The kernel has the line.
    Written,
    /// The disk has the line.
    Synced,
    /// Answers don't wait. Lines beyond a bounded queue are lost and counted.
    Buffered,
}

pub(super) fn read(sources: &mut Sources<'_>) -> Option<AuditSettings> {
    let file = sources.path(FILE, None);
    let write = sources.string(WRITE, None, parse_write);
    let data_events = sources.switch(DATA_EVENTS, false);
    let rotate = sources.number(ROTATE_MEGABYTES, &(0..=1_048_576));
    let keep = sources.number(KEEP_FILES, &(1..=10_000));
    if file.is_unset() {
        let dependent = [
            (WRITE, write.origin()),
            (DATA_EVENTS, data_events.origin()),
            (ROTATE_MEGABYTES, rotate.origin()),
            (KEEP_FILES, keep.origin()),
        ];
        for (setting, origin) in dependent {
            if let Some(origin) = origin {
                sources.require_other(setting, origin, FILE);
            }
        }
    }
    let write = write.or(AuditWrite::Written);
    if write == AuditWrite::Buffered && matches!(file, SettingValue::Set(..)) {
        sources.warnings.push(
            "audit.write is buffered: a change can be answered whose line is lost when the process or the machine fails"
                .to_owned(),
        );
    }
    let target = match file.into_value()? {
        path if path.as_os_str() == "-" => AuditTarget::StandardOutput,
        path => AuditTarget::File(path),
    };
    Some(AuditSettings {
        target,
        write,
        data_events: data_events.or(true),
        rotate_bytes: u64::from(rotate.or(DEFAULT_ROTATE_MEGABYTES)) * 1_000_000,
        keep_files: keep.or(DEFAULT_KEEP_FILES) as usize,
    })
}

fn parse_write(text: &str) -> Parsed<AuditWrite> {
    match text {
        "written" => Ok(AuditWrite::Written),
        "synced" => Ok(AuditWrite::Synced),
        "buffered" => Ok(AuditWrite::Buffered),
        _ => {
            let what = format!("{} is not a way to write the audit log", quoted(text));
            Err(ValueError::new(
                what,
                "write \"written\", \"synced\" or \"buffered\"",
            ))
        }
    }
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let Some(audit) = &config.audit else {
        return vec![("audit log", "none".to_owned())];
    };
    let (target, files) = match &audit.target {
        AuditTarget::StandardOutput => ("standard output".to_owned(), String::new()),
        AuditTarget::File(path) if audit.rotate_bytes == 0 => {
            (path.display().to_string(), ", not rotated".to_owned())
        }
        AuditTarget::File(path) => {
            let (size, keep) = (audit.rotate_bytes / 1_000_000, audit.keep_files);
            let files = format!(", rotated at {size} MB, {keep} files kept");
            (path.display().to_string(), files)
        }
    };
    let write = match audit.write {
        AuditWrite::Written => "answers wait until a line is written",
        AuditWrite::Synced => "answers wait until a line is on the disk",
        AuditWrite::Buffered => "answers don't wait for lines",
    };
    let data = if audit.data_events {
        ""
    } else {
        ", without sign-ins and credentials"
    };
    vec![("audit log", format!("{target}{files}; {write}{data}"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_write_is_one_of_three() {
        assert_eq!(parse_write("written"), Ok(AuditWrite::Written));
        assert_eq!(parse_write("synced"), Ok(AuditWrite::Synced));
        assert_eq!(parse_write("buffered"), Ok(AuditWrite::Buffered));
        for bad in ["", "Written", "fsync", "written "] {
            let error = parse_write(bad).unwrap_err();
            assert!(
                error.what.ends_with("is not a way to write the audit log"),
                "{bad}"
            );
        }
    }
}
