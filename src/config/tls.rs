//! The certificate and the key of the listener.

use std::path::PathBuf;

use super::Config;
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::diagnostics::ValueError;
use super::source::setting::settings;
use super::source::value::SettingValue;

settings! {
    CERTIFICATE_FILE = "tls.certificate_file" reloaded();
    KEY_FILE = "tls.key_file" reloaded();
}

/// The TLS files of the listener: PEM files that exist and have the right parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by the intermediate certificates of its chain.
    pub certificate_file: PathBuf,
    /// The certificate's private key.
    pub key_file: PathBuf,
}

pub(super) fn read(sources: &mut Sources<'_>) -> SettingValue<TlsFiles> {
    let certificate = sources.pem_file(CERTIFICATE_FILE, "CERTIFICATE", false);
    let key = sources.pem_file(KEY_FILE, "PRIVATE KEY", true);
    match (certificate, key) {
        (SettingValue::Set(certificate_file, origin), SettingValue::Set(key_file, _)) => {
            let tls = TlsFiles {
                certificate_file,
                key_file,
            };
            return SettingValue::Set(tls, origin);
        }
        (SettingValue::Set(_, origin), SettingValue::Unset) => {
            sources.require_other(CERTIFICATE_FILE, &origin, KEY_FILE);
        }
        (SettingValue::Unset, SettingValue::Set(_, origin)) => {
            sources.require_other(KEY_FILE, &origin, CERTIFICATE_FILE);
        }
        (SettingValue::Unset, SettingValue::Unset) => match sources.document.table("tls") {
            SettingValue::Unset => return SettingValue::Unset,
            SettingValue::Set((), origin) if sources.document.is_valid_toml() => {
                let what = "the table has neither certificate_file nor key_file";
                let error = ValueError::new(what, "set both, or remove [tls]");
                sources.diagnostics.add_named("tls", &origin, error);
            }
            SettingValue::Set(..) | SettingValue::Invalid => {}
        },
        _ => {}
    }
    SettingValue::Invalid
}

/// No line: the line of the listen address names the scheme.
pub(super) fn summary(_: &Config) -> Vec<SummaryLine> {
    Vec::new()
}
