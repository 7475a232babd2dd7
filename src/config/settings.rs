//! The table of settings: under which names each may be set. What a value must look like is said where it is read.

/// A setting and its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// In the file, with its tables: `tls.key_file`.
    pub key: &'static str,
    /// In the environment.
    pub variable: Option<&'static str>,
    /// On the command line.
    pub flag: Option<&'static str>,
}

impl Setting {
    const fn new(key: &'static str) -> Self {
        Self {
            key,
            variable: None,
            flag: None,
        }
    }

    const fn variable(self, name: &'static str) -> Self {
        Self {
            variable: Some(name),
            ..self
        }
    }

    const fn flag(self, name: &'static str) -> Self {
        Self {
            flag: Some(name),
            ..self
        }
    }

    /// The table of the file that the key stands in, empty for the top, and the key's name there.
    pub fn place(&self) -> (&'static str, &'static str) {
        self.key.rsplit_once('.').unwrap_or(("", self.key))
    }
}

/// The variable that names the configuration file.
pub const CONFIG_VARIABLE: &str = "COGNATE_CONFIG";
/// The flag that names the configuration file.
pub const CONFIG_FLAG: &str = "--config";

macro_rules! settings {
    ($($name:ident = $key:literal $($call:ident($word:literal))*;)*) => {
        $(pub(super) const $name: Setting = Setting::new($key)$(.$call($word))*;)*

        /// Every setting, in the order in which they are read.
        pub const SETTINGS: &[Setting] = &[$($name),*];
    };
}

settings! {
    LISTEN = "listen" variable("COGNATE_LISTEN") flag("--listen");
    DATA_DIR = "data_dir" variable("COGNATE_DATA_DIR") flag("--data-dir");
    DATABASE_URL = "database_url" variable("COGNATE_DATABASE_URL") flag("--database-url");
    DATABASE_URL_FILE = "database_url_file";
    MASTER_KEY_FILE = "master_key_file" variable("COGNATE_MASTER_KEY_FILE") flag("--master-key-file");
    PUBLIC_URL = "public_url" variable("COGNATE_PUBLIC_URL") flag("--public-url");
    ACCOUNT_ID = "account_id" variable("COGNATE_ACCOUNT_ID") flag("--account-id");
    REGIONS = "regions" variable("COGNATE_REGIONS") flag("--region");
    UPSTREAMS = "upstreams" variable("COGNATE_UPSTREAMS") flag("--upstream");
    ALLOW_HTTP_ISSUERS = "allow_http_issuers" variable("COGNATE_ALLOW_HTTP_ISSUERS") flag("--allow-http-issuers");
    TLS_CERTIFICATE_FILE = "tls.certificate_file";
    TLS_KEY_FILE = "tls.key_file";
    AUTHORIZED_PARTY_ALONE = "logins.authorized_party_alone";
    MAX_TOKEN_LIFETIME = "logins.max_token_lifetime_hours";
    EXTRA_CA_FILE = "logins.extra_ca_file";
    ISSUERS = "issuers";
    USER_POOLS_ACCESS_KEY_ID = "user_pools.access_key_id";
    USER_POOLS_SECRET = "user_pools.secret_access_key";
    USER_POOLS_SECRET_FILE = "user_pools.secret_access_key_file";
    LOG_FILTER = "log.filter" variable("COGNATE_LOG");
    LOG_FORMAT = "log.format";
    ROOT_ENABLED = "root.enabled";
    ROOT_ACCESS_KEY_ID = "root.access_key_id" variable("COGNATE_ROOT_ACCESS_KEY_ID");
    ROOT_SECRET = "root.secret_access_key" variable("COGNATE_ROOT_SECRET_ACCESS_KEY");
    ROOT_SECRET_FILE = "root.secret_access_key_file";
    CREDENTIALS_ROUTE = "credentials.route";
    POOLS_PER_REGION = "limits.pools_per_region";
    UNSAFE_HTTP_LISTENER = "unsafe.http_listener";
    UNSAFE_HTTP_PUBLIC_URL = "unsafe.http_public_url";
    UNSAFE_UPSTREAMS = "unsafe.upstreams";
    UNSAFE_HTTP_ISSUERS = "unsafe.http_issuers";
}

/// The settings whose values are not shown in a message: secrets, and what a secret may be mistaken for.
pub(super) const HIDDEN: &[Setting] = &[
    DATABASE_URL,
    DATABASE_URL_FILE,
    ROOT_ACCESS_KEY_ID,
    ROOT_SECRET,
    ROOT_SECRET_FILE,
    USER_POOLS_ACCESS_KEY_ID,
    USER_POOLS_SECRET,
    USER_POOLS_SECRET_FILE,
];

/// The setting with this key.
pub(super) fn with_key(key: &str) -> Option<Setting> {
    SETTINGS.iter().copied().find(|setting| setting.key == key)
}

/// The names of the tables of the file.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    let all = SETTINGS.iter().map(|setting| setting.place().0);
    all.filter(|table| !table.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_stands_twice() {
        let keys: BTreeSet<_> = SETTINGS.iter().map(|s| s.key).collect();
        assert_eq!(keys.len(), SETTINGS.len());
        let named = |name: fn(&Setting) -> Option<&'static str>| {
            let all: Vec<_> = SETTINGS.iter().filter_map(name).collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        };
        named(|s| s.variable);
        named(|s| s.flag);
    }
}
