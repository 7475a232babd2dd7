//! What the configuration says, in the form that the parts take.

use std::sync::Arc;

use url::Url;
use zeroize::Zeroizing;

use super::StartError;
use crate::app::jobs::CLOCKS;
use crate::blocking::WorkPools;
use crate::config::{AccessKeyPair, Config, DatabaseSettings};
use crate::logins::{LoginRules, Logins};
use crate::outgoing::{Outgoing, OutgoingSettings};
use crate::seal::master_keys::MasterKeys;
use crate::sigv4::{SecretKey, hex_hash};
use crate::store::postgres::PostgresSettings;

pub(in crate::app) fn postgres_settings(database: &DatabaseSettings) -> PostgresSettings {
    PostgresSettings {
        url: Zeroizing::new(database.url.reveal().to_owned()),
        url_file: database.url_file.clone(),
        password_file: database.password_file.clone(),
        ca_file: database.ca_file.clone(),
        client_files: database.client_files.clone(),
        unverified: database.unverified,
        connections: database.connections as usize,
        clock_tolerance: Some(CLOCKS),
        serializable: false,
        one_by_one: false,
    }
}

/// The digest of what all servers of a store should share: settings, and the master keys in their order.
pub(in crate::app) fn shared_digest(
    config: &Config,
    issuer: &str,
    master_key: &MasterKeys,
) -> String {
    let settings = config.shared_settings(issuer);
    let keys = master_key.fingerprints().join(" ");
    hex_hash(format!("{settings}{keys}").as_bytes())
}

pub(super) fn logins(config: &Config, outgoing: Arc<Outgoing>, pools: WorkPools) -> Logins {
    let files = config.issuers.iter();
    let files = files.filter_map(|file| Some((file.url.clone(), file.jwks_file.clone()?)));
    let logins = Logins::new(rules(config), outgoing, pools);
    let logins = logins.with_key_files(files.collect());
    match &config.user_pools {
        None => logins,
        Some(key) => {
            logins.use_user_pool_key(key.access_key_id.clone(), user_pool_secret(key));
            logins
        }
    }
}

fn rules(config: &Config) -> LoginRules {
    let lifetimes = config.issuers.iter().filter_map(|issuer| {
        let longest = issuer.max_token_lifetime?;
        Some((issuer.url.clone(), longest.unsigned_abs()))
    });
    LoginRules {
        authorized_party_alone: config.logins.authorized_party_alone,
        max_lifetime: config.logins.max_token_lifetime.unsigned_abs(),
        issuer_lifetimes: lifetimes.collect(),
    }
}

/// The secret of the key with which user pools are asked.
pub(in crate::app) fn user_pool_secret(key: &AccessKeyPair) -> SecretKey {
    SecretKey::new(key.secret_access_key.reveal().to_owned())
}

pub(in crate::app) fn outgoing(config: &Config) -> Result<Outgoing, StartError> {
    let extra_roots = match &config.logins.extra_ca_file {
        None => Vec::new(),
        Some(path) => std::fs::read(path).map_err(|source| StartError::File {
            path: path.clone(),
            source,
        })?,
    };
    let upstreams = config
        .upstreams
        .iter()
        .filter_map(|(host, base)| Some((host.clone(), Url::parse(base).ok()?)));
    Ok(Outgoing::new(OutgoingSettings {
        upstreams: upstreams.collect(),
        allow_http_loopback: config.allow_http_issuers,
        http_issuers: config.http_issuers.clone(),
        extra_roots,
        private_networks: config.logins.private_networks.clone(),
        listeners: std::iter::once(config.listen)
            .chain(config.management_listen)
            .collect(),
    })?)
}
