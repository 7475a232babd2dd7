//! The AWS access key with which Cognito user pools are asked about their users.

use super::Config;
use super::access_key_pair::{self, AccessKeyPair, AccessKeyPairSettings};
use super::sections::SummaryLine;
use super::source::Sources;
use super::source::setting::settings;

settings! {
    ACCESS_KEY_ID = "user_pools.access_key_id" hidden() reloaded();
    SECRET_ACCESS_KEY = "user_pools.secret_access_key" secret() reloaded();
    SECRET_ACCESS_KEY_FILE = "user_pools.secret_access_key_file" hidden() reloaded();
}

pub(super) fn read(sources: &mut Sources<'_>) -> Option<AccessKeyPair> {
    let settings = AccessKeyPairSettings {
        id: ACCESS_KEY_ID,
        secret: SECRET_ACCESS_KEY,
        secret_file: SECRET_ACCESS_KEY_FILE,
    };
    access_key_pair::read(sources, settings)
}

pub(super) fn summary(config: &Config) -> Vec<SummaryLine> {
    let user_pools = if config.user_pools.is_some() {
        "users are looked up where a pool enables ServerSideTokenCheck"
    } else {
        "users are never looked up (no access key is set)"
    };
    vec![("user pools", user_pools.to_owned())]
}
