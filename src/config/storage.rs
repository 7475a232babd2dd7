//! The data directory and the master key's file.

use std::path::PathBuf;

use super::Config;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::flags::Flags;
use super::source::setting::settings;
use super::source::value::SettingValue;

settings! {
    DATA_DIR = "data_dir" flag("--data-dir");
    MASTER_KEY_FILE = "master_key_file" flag("--master-key-file");
}

pub(super) const DEFAULT_DATA_DIR: &str = "./cognate-data";

/// The default name of the master key's file, in the data directory.
pub(super) const DEFAULT_MASTER_KEY_FILE: &str = "master.key";

pub(super) fn read_data_dir(sources: &mut Sources<'_>, flags: &Flags) -> SettingValue<PathBuf> {
    sources.path(DATA_DIR, flags.data_dir.as_deref())
}

pub(super) fn read_master_key_file(
    sources: &mut Sources<'_>,
    flags: &Flags,
) -> SettingValue<PathBuf> {
    sources.path(MASTER_KEY_FILE, flags.master_key_file.as_deref())
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    vec![
        ("data directory", config.data_dir.display().to_string()),
        ("master key", config.master_key_file.display().to_string()),
    ]
}
