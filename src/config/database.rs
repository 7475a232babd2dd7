//! The PostgreSQL database that replaces the embedded store.

use std::path::PathBuf;

use super::sections::SummaryLine;
use super::source::Sources;
use super::source::diagnostics::{Parsed, ValueError};
use super::source::flags::Flags;
use super::source::setting::settings;
use super::source::value::SettingValue;
use super::{Config, Secret};

settings! {
    URL = "database_url" flag("--database-url") secret();
    URL_FILE = "database_url_file" hidden() file_read_again();
    PASSWORD_FILE = "database.password_file" hidden() file_read_again();
    CA_FILE = "database.ca_file" file_read_again();
    CERTIFICATE_FILE = "database.certificate_file" file_read_again();
    KEY_FILE = "database.key_file" file_read_again();
    CONNECTIONS = "database.connections";
    UNVERIFIED = "unsafe.unverified_database" weakens_security();
}

const DEFAULT_CONNECTIONS: u32 = 16;

/// How the database is reached.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// `postgres://user@host/name`; it may hold a password.
    pub url: Secret,
    /// The file that the URL is from. Its password is read again at each connection.
    pub url_file: Option<PathBuf>,
    /// A file with the password, which is read at each connection.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) of the authorities of the database; `None` for the public ones.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate chain and its private key (PEM).
    pub client_files: Option<(PathBuf, PathBuf)>,
    /// How many connections this server has at most: 4 to 1000.
    pub connections: u32,
    /// Whether a certificate that isn't verified is accepted beyond this machine.
    pub unverified: bool,
}

pub(super) fn read(sources: &mut Sources<'_>, flags: &Flags) -> SettingValue<DatabaseSettings> {
    let flag = flags.database_url.as_ref().map(Secret::reveal);
    let inline = sources.string(URL, flag, parse_url);
    let named = sources.secret_file_with_path(URL_FILE, |path, text| {
        Ok((Some(path.to_owned()), parse_url(text)?))
    });
    if let (Some(one), Some(other)) = (inline.origin(), named.origin()) {
        let what = format!(
            "{} and {} are both set",
            one.name(URL),
            other.name(URL_FILE)
        );
        let error = ValueError::new(what, "keep one of them");
        let origins = [Some(one), Some(other)];
        sources.diagnostics.add_cross_check(&origins, error);
    }
    let password = sources.secret_file_with_path(PASSWORD_FILE, |path, _| Ok(path.to_owned()));
    let ca_file = sources.pem_file(CA_FILE, "CERTIFICATE", false);
    let certificate = sources.pem_file(CERTIFICATE_FILE, "CERTIFICATE", false);
    let key = sources.pem_file(KEY_FILE, "PRIVATE KEY", true);
    let certificate_origin = certificate.origin().cloned();
    let connections = sources.number(CONNECTIONS, &(4..=1000));
    let unverified = sources.switch(UNVERIFIED, false).or(false);
    let client_files = match (certificate, key) {
        (SettingValue::Set(certificate, _), SettingValue::Set(key, _)) => Some((certificate, key)),
        (SettingValue::Set(_, origin), SettingValue::Unset) => {
            sources.require_other(CERTIFICATE_FILE, &origin, KEY_FILE);
            None
        }
        (SettingValue::Unset, SettingValue::Set(_, origin)) => {
            sources.require_other(KEY_FILE, &origin, CERTIFICATE_FILE);
            None
        }
        _ => None,
    };
    let url = match inline {
        SettingValue::Unset => named,
        SettingValue::Invalid => SettingValue::Invalid,
        SettingValue::Set(url, origin) => SettingValue::Set((None, url), origin),
    };
    let SettingValue::Set((url_file, url), origin) = url else {
        let dependent = [
            (PASSWORD_FILE, password.origin()),
            (CA_FILE, ca_file.origin()),
            (CERTIFICATE_FILE, certificate_origin.as_ref()),
            (CONNECTIONS, connections.origin()),
        ];
        for (setting, value) in dependent {
            if let (Some(origin), true) = (value, url.is_unset()) {
                sources.require_other(setting, origin, URL);
            }
        }
        if unverified {
            let key = UNVERIFIED.key;
            sources
                .warnings
                .push(format!("{key} is set but not needed; remove it"));
        }
        return if url.is_unset() {
            SettingValue::Unset
        } else {
            SettingValue::Invalid
        };
    };
    if unverified {
        sources.warnings.push(format!(
            "{} is set: the database may be reached without a verified certificate, so others on the network can read \
             and change everything that is stored",
            UNVERIFIED.key
        ));
    }
    let settings = DatabaseSettings {
        url,
        url_file,
        password_file: password.into_value(),
        ca_file: ca_file.into_value(),
        client_files,
        connections: connections.or(DEFAULT_CONNECTIONS),
        unverified,
    };
    SettingValue::Set(settings, origin)
}

fn parse_url(text: &str) -> Parsed<Secret> {
    let after = ["postgres://", "postgresql://"].map(|scheme| text.strip_prefix(scheme));
    let has_host = after.iter().flatten().any(|rest| {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let hosts = authority
            .rsplit_once('@')
            .map_or(authority, |(_, hosts)| hosts);
        !hosts.is_empty() && !hosts.split(',').any(str::is_empty)
    });
    if has_host {
        return Ok(Secret::new(text));
    }
    let help = "write postgres://user@host/name, or remove it to use the embedded store";
    let what = "this is not the URL of a PostgreSQL database";
    Err(ValueError::new(what, help))
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let store = match &config.database {
        None => "embedded, in the data directory".to_owned(),
        Some(database) => format!(
            "PostgreSQL, with at most {} connections",
            database.connections
        ),
    };
    vec![("store", store)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_url_of_postgresql_with_a_host_is_accepted() {
        for url in [
            "postgres://u:p@h/d",
            "postgresql://h",
            "postgres://u@a:5432,b:5433/d?target_session_attrs=read-write",
            "postgres://u@%2Fvar%2Frun/d",
        ] {
            assert!(parse_url(url).is_ok(), "{url}");
        }
        for url in [
            "mysql://h/d",
            "postgres:d",
            "",
            "postgres://",
            "postgres:///d",
            "postgres://a,/d",
        ] {
            let what = "this is not the URL of a PostgreSQL database";
            assert_eq!(parse_url(url).unwrap_err().what, what, "{url}");
        }
    }
}
