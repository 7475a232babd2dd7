//! The root key as the operator sets it. `app` generates one if none is set.

use super::Config;
use super::access_key_pair::{self, AccessKeyPair, AccessKeyPairSettings};
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::setting::settings;

settings! {
    ENABLED = "root.enabled";
    ACCESS_KEY_ID = "root.access_key_id" hidden() reloaded();
    SECRET_ACCESS_KEY = "root.secret_access_key" secret() reloaded();
    SECRET_ACCESS_KEY_FILE = "root.secret_access_key_file" hidden() reloaded();
}

/// The key that signs the first requests.
#[derive(Debug, Clone)]
pub enum RootKeySetting {
    /// The root key is disabled: requests that it signed are refused.
    Disabled,
    /// The configuration sets this root key.
    Configured(AccessKeyPair),
    /// The first start generates the root key and writes it to the data directory.
    Generated,
}

pub(super) fn read(sources: &mut Sources<'_>) -> RootKeySetting {
    let settings = AccessKeyPairSettings {
        id: ACCESS_KEY_ID,
        secret: SECRET_ACCESS_KEY,
        secret_file: SECRET_ACCESS_KEY_FILE,
    };
    let enabled = sources.switch(ENABLED, false).or(true);
    match (enabled, access_key_pair::read(sources, settings)) {
        (true, Some(key)) => RootKeySetting::Configured(key),
        (true, None) => RootKeySetting::Generated,
        (false, None) => RootKeySetting::Disabled,
        (false, Some(_)) => {
            let warning = format!(
                "{} is false: the root key that is set is not used",
                ENABLED.key
            );
            sources.warnings.push(warning);
            RootKeySetting::Disabled
        }
    }
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let root = match &config.root {
        RootKeySetting::Disabled => "disabled",
        RootKeySetting::Configured(_) => "as configured",
        RootKeySetting::Generated => "in the data directory, generated at the first start",
    };
    vec![("root key", root.to_owned())]
}
