//! The data directory and the master key.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::sections::SummaryLine;
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError};
use super::source::flags::Flags;
use super::source::setting::settings;
use super::source::value::SettingValue;
use super::{Config, Secret};

settings! {
    DATA_DIR = "data_dir" flag("--data-dir");
    MASTER_KEY_FILE = "master_key_file" flag("--master-key-file");
    MASTER_KEY = "master_key" secret();
}

pub(super) const DEFAULT_DATA_DIR: &str = "./cognate-data";

/// The default name of the master key's file, in the data directory.
pub(super) const DEFAULT_MASTER_KEY_FILE: &str = "master.key";

pub(super) fn read_data_dir(sources: &mut Sources<'_>, flags: &Flags) -> SettingValue<PathBuf> {
    sources.path(DATA_DIR, flags.data_dir.as_deref())
}

/// The master key: its file, or the key itself.
pub(super) struct MasterKeySettings {
    pub(super) file: SettingValue<PathBuf>,
    pub(super) key: SettingValue<Secret>,
}

pub(super) fn read_master_key(sources: &mut Sources<'_>, flags: &Flags) -> MasterKeySettings {
    let file = sources.path(MASTER_KEY_FILE, flags.master_key_file.as_deref());
    let key = sources.string(MASTER_KEY, None, parse_master_key);
    if let (Some(one), Some(other)) = (key.origin(), file.origin()) {
        let what = format!(
            "{} and {} are both set",
            one.name(MASTER_KEY),
            other.name(MASTER_KEY_FILE)
        );
        let error = ValueError::new(what, "keep one of them");
        let origins = [Some(one), Some(other)];
        sources.diagnostics.add_cross_check(&origins, error);
    }
    MasterKeySettings { file, key }
}

fn parse_master_key(text: &str) -> Parsed<Secret> {
    let mut keys: Vec<_> = text.split_whitespace().collect();
    let is_key = |key: &&str| STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 32);
    let count = keys.len();
    let are_keys = (1..=16).contains(&count) && keys.iter().all(is_key);
    keys.sort_unstable();
    keys.dedup();
    if are_keys && keys.len() == count {
        return Ok(Secret::new(text));
    }
    Err(ValueError::new(
        "this is not a master key",
        "a master key is 32 bytes in base64: `cognate master-key make FILE` makes a file with one. Several keys are separated \
         by line ends",
    ))
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let master_key = match &config.master_key {
        None => config.master_key_file.display().to_string(),
        Some(_) => "in the configuration".to_owned(),
    };
    vec![
        ("data directory", config.data_dir.display().to_string()),
        ("master key", master_key),
    ]
}
