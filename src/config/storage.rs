//! The data directory, the master key's file, and the database (which this version refuses).

use std::convert::Infallible;
use std::path::PathBuf;

use super::sections::SummaryLine;
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError};
use super::source::flags::Flags;
use super::source::setting::settings;
use super::source::value::SettingValue;
use super::{Config, Secret};

settings! {
    DATA_DIR = "data_dir" flag("--data-dir");
    DATABASE_URL = "database_url" flag("--database-url") secret();
    DATABASE_URL_FILE = "database_url_file" hidden();
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

/// Refuses both settings of a database.
pub(super) fn refuse_databases(sources: &mut Sources<'_>, flags: &Flags) {
    let flag = flags.database_url.as_ref().map(Secret::reveal);
    sources.string(DATABASE_URL, flag, refuse_database);
    sources.secret_file(DATABASE_URL_FILE, refuse_database);
}

/// Refuses every value, with different texts for a PostgreSQL URL and for anything else.
fn refuse_database(text: &str) -> Parsed<Infallible> {
    let url = url::Url::parse(text).ok();
    let known =
        url.is_some_and(|url| matches!(url.scheme(), "postgres" | "postgresql") && url.has_host());
    Err(if known {
        let help = "remove it: this version keeps pools and identities in the data directory";
        ValueError::new("this version supports only the embedded store", help)
    } else {
        let help = "remove it: a URL would be postgres://user@host/name, but this version supports only the embedded store";
        ValueError::new("this is not the URL of a PostgreSQL database", help)
    })
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    vec![
        ("data directory", config.data_dir.display().to_string()),
        ("master key", config.master_key_file.display().to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_refused_whatever_it_is() {
        for (url, what) in [
            (
                "postgres://u:p@h/d",
                "this version supports only the embedded store",
            ),
            (
                "postgresql://h",
                "this version supports only the embedded store",
            ),
            (
                "mysql://h/d",
                "this is not the URL of a PostgreSQL database",
            ),
            ("postgres:d", "this is not the URL of a PostgreSQL database"),
            ("", "this is not the URL of a PostgreSQL database"),
        ] {
            assert_eq!(refuse_database(url).unwrap_err().what, what, "{url}");
        }
    }
}
