//! The settings that a reload replaces in a running server: all of them or none, after every check of a start.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use arc_swap::ArcSwap;

use super::App;
use super::keys::resealing;
use super::open::{self, StartError};
use super::roles::routed;
use crate::config::{AccessKeyPair, Config, ProxySettings, RootKeySetting};
use crate::credentials::routes::{RouteSettings, StsRoutes};
use crate::outgoing::Outgoing;
use crate::seal::master_keys::MasterKeys;
use crate::store::catalog::Snapshot;

/// The settings in use.
pub(super) struct LiveSettings {
    pub(super) routes: ArcSwap<StsRoutes>,
    pub(super) proxies: ArcSwap<ProxySettings>,
    outgoing: Arc<Outgoing>,
    /// When a peer that isn't a trusted proxy was last warned of, in seconds since 1970.
    pub(super) warned_of_unnamed: AtomicI64,
}

/// Checked settings that can be put in use without a further error.
pub struct PreparedSettings {
    routes: Option<StsRoutes>,
    proxies: ProxySettings,
    root_key: Option<AccessKeyPair>,
    user_pools: Option<AccessKeyPair>,
    master_keys: Option<MasterKeys>,
    shared: String,
}

impl LiveSettings {
    /// Warns about roles of the records that these routes serve.
    pub(super) fn warn_of_routed_roles(&self, snapshot: &Snapshot) {
        routed::log(snapshot, &self.routes.load());
    }

    /// The settings of a start.
    pub(super) fn new(config: &Config, outgoing: Arc<Outgoing>) -> Self {
        Self {
            routes: ArcSwap::from_pointee(StsRoutes::new(routes(config), Arc::clone(&outgoing))),
            proxies: ArcSwap::from_pointee(config.proxies.clone()),
            outgoing,
            warned_of_unnamed: AtomicI64::new(0),
        }
    }
}

/// Checks `next` as a start does, where `in_use` are the settings in use. Both have the same kinds of root key and of key for
/// user pools: another kind needs a restart.
pub fn prepare(app: &App, in_use: &Config, next: &Config) -> Result<PreparedSettings, StartError> {
    super::data_permissions::check(&next.data_dir, &next.master_key_file)?;
    open::outgoing(next)?;
    let are_new = next.routes != in_use.routes;
    let outgoing = Arc::clone(&app.live.outgoing);
    let root_key = match &next.root {
        RootKeySetting::Configured(key) => Some(key.clone()),
        RootKeySetting::Generated | RootKeySetting::Disabled => None,
    };
    let master_keys = master_keys(app, next)?;
    let in_force = master_keys.as_ref().unwrap_or(&app.master_key);
    let shared = open::shared_digest(next, app.tokens.issuer(), in_force);
    Ok(PreparedSettings {
        routes: are_new.then(|| StsRoutes::new(routes(next), outgoing)),
        proxies: next.proxies.clone(),
        root_key,
        user_pools: next.user_pools.clone(),
        master_keys,
        shared,
    })
}

/// The master keys of the file, if they are others than those in use. Every stored secret must open under them.
fn master_keys(app: &App, next: &Config) -> Result<Option<MasterKeys>, StartError> {
    if next.master_key.is_some() {
        return Ok(None);
    }
    let keys = open::existing_master_key(next)?;
    if keys.fingerprints() == app.master_key.fingerprints() {
        return Ok(None);
    }
    let stored = app.records.snapshot()?;
    open::check_keys(&stored, &keys)?;
    resealing::writes(&stored, &keys, app.ambient.as_ref())
        .map_err(|_| StartError::SealedUnderAnother(next.master_key_file.clone()))?;
    Ok(Some(keys))
}

impl PreparedSettings {
    /// Whether the master keys are replaced.
    pub fn replaces_master_keys(&self) -> bool {
        self.master_keys.is_some()
    }
}

/// Puts checked settings in use. Calls that began keep the routes that they have.
pub fn put_in_use(app: &App, prepared: PreparedSettings) {
    if let Some(keys) = &prepared.master_keys {
        app.master_key.replace(keys);
    }
    if let Some(routes) = prepared.routes {
        routed::log(&app.records.catalog.newest(), &routes);
        app.live.routes.store(Arc::new(routes));
    }
    app.live.proxies.store(Arc::new(prepared.proxies));
    if let Some(key) = prepared.root_key {
        let key = open::configured_root_key(&key);
        app.records.keys.use_configured_root_key(key);
    }
    if let Some(key) = prepared.user_pools {
        let secret = open::user_pool_secret(&key);
        app.logins.use_user_pool_key(key.access_key_id, secret);
    }
    app.records.settings.store(Arc::new(prepared.shared));
    // At once, because a rotation of the master key waits for it.
    let records = Arc::clone(&app.records);
    tokio::spawn(async move { records.announce().await });
}

fn routes(config: &Config) -> Vec<RouteSettings> {
    let routes = config.routes.iter().cloned();
    let routes = routes.map(|route| RouteSettings {
        role: route.role,
        endpoint: route.endpoint,
        region: route.region.map(|region| region.to_string()),
        assume: route.assume,
        audience: route.audience,
        session_policy: route.session_policy,
    });
    routes.collect()
}
