//! Wiring the house, by hand, in one function.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use url::Url;
use zeroize::Zeroizing;

use super::App;
use super::access_keys::{self, AccessKeyError};
use super::keys::{self, KeysError, Ring};
use super::root_key::{self, RootKey, RootKeyError};
use crate::ambient::Ambient;
use crate::config::{Config, Root};
use crate::credentials::Credentials;
use crate::credentials::routes::{RouteSettings, Routes};
use crate::logins::{LoginRules, Logins};
use crate::outgoing::{Outgoing, OutgoingSettings, OutgoingSettingsError};
use crate::seal::SealKey;
use crate::seal::master_key::{self, MasterKeyError};
use crate::sigv4::SecretKey;
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::store::{DocumentName, Store, StoreError};
use crate::tokens::Tokens;

/// The wired house, and what its operator should be told.
pub struct Opened {
    /// The house.
    pub app: App,
    /// Where a root key was written that was made just now.
    pub new_root_key: Option<PathBuf>,
    /// Where a master key was written that was made just now.
    pub new_master_key: Option<PathBuf>,
}

/// Why the house can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory can't be made.
    #[error("the data directory {path} can't be made")]
    DataDirectory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that the configuration names can't be read.
    #[error("{path} can't be read")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// There are no keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// There is no root key.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// There are access keys that can't be read.
    #[error(transparent)]
    AccessKeys(#[from] AccessKeyError),
    /// There is no client for outgoing requests.
    #[error(transparent)]
    Outgoing(#[from] OutgoingSettingsError),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the house as `config` says; `public_url` is the issuer of its tokens.
pub async fn open(
    config: Config,
    ambient: Arc<dyn Ambient>,
    public_url: String,
) -> Result<Opened, StartError> {
    make_data_directory(&config.data_dir)?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.data_dir)?);
    let opened = furnish(config, ambient, public_url, Arc::clone(&store)).await;
    if opened.is_err() {
        // So that a start that fails leaves the files as it found them.
        store.close().await;
    }
    opened
}

async fn furnish(
    config: Config,
    ambient: Arc<dyn Ambient>,
    public_url: String,
    store: Arc<dyn Store>,
) -> Result<Opened, StartError> {
    let (master_key, new_master_key) =
        master_key(&config, store.as_ref(), ambient.as_ref()).await?;
    // What is there must open before anything is added: a key that is made under a wrong master key would stay.
    let kept = root_key::load(store.as_ref(), &master_key).await?;
    keys::check(store.as_ref(), &master_key).await?;
    let access_keys = access_keys::load(store.as_ref(), &master_key).await?;
    let (root, new_root_key) =
        root_key(&config, kept, store.as_ref(), &master_key, ambient.as_ref()).await?;
    let signing =
        keys::load_or_make(Ring::Signing, store.as_ref(), &master_key, ambient.as_ref()).await?;
    let sealing =
        keys::load_or_make(Ring::Sealing, store.as_ref(), &master_key, ambient.as_ref()).await?;
    let outgoing = Arc::new(outgoing(&config)?);
    let app = App {
        logins: logins(&config, Arc::clone(&outgoing)),
        routes: Routes::new(routes(&config), outgoing),
        tokens: Arc::new(Tokens::new(
            public_url,
            keys::signing_keys(&signing, &master_key)?,
        )),
        credentials: Arc::new(Credentials::new(keys::sealing_keys(&sealing, &master_key)?)),
        root_key: Arc::new(ArcSwapOption::from_pointee(root)),
        access_keys: Arc::new(ArcSwap::from_pointee(access_keys)),
        store,
        ambient,
        config,
        master_key,
        key_changes: Arc::default(),
    };
    Ok(Opened {
        app,
        new_root_key,
        new_master_key,
    })
}

fn make_data_directory(path: &Path) -> Result<(), StartError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| StartError::DataDirectory {
        path: path.into(),
        source,
    })
}

/// The master key; made where there is none and nothing was sealed yet.
async fn master_key(
    config: &Config,
    store: &dyn Store,
    ambient: &dyn Ambient,
) -> Result<(SealKey, Option<PathBuf>), StartError> {
    let path = &config.master_key_file;
    match master_key::read(path) {
        Ok(key) => Ok((key, None)),
        Err(MasterKeyError::Missing(_)) if !holds_secrets(store).await? => {
            Ok((master_key::make(path, ambient)?, Some(path.clone())))
        }
        Err(other) => Err(other.into()),
    }
}

async fn holds_secrets(store: &dyn Store) -> Result<bool, StoreError> {
    for name in [
        DocumentName::SigningKeys,
        DocumentName::SealingKeys,
        DocumentName::RootKey,
        DocumentName::AccessKeys,
    ] {
        if store.document(name).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn root_key(
    config: &Config,
    kept: Option<RootKey>,
    store: &dyn Store,
    master_key: &SealKey,
    ambient: &dyn Ambient,
) -> Result<(Option<RootKey>, Option<PathBuf>), StartError> {
    match &config.root {
        Root::Disabled => Ok((None, None)),
        Root::Given(key) => {
            let secret = Zeroizing::new(key.secret_access_key.reveal().to_owned());
            Ok((
                Some(RootKey {
                    id: key.access_key_id.clone(),
                    secret,
                }),
                None,
            ))
        }
        Root::Kept => {
            if let Some(key) = kept {
                root_key::finish(&config.data_dir, &key)?;
                return Ok((Some(key), None));
            }
            let (folder, mut made) = (&config.data_dir, None);
            let use_it = |key| made = Some(key);
            let path = root_key::replace(store, master_key, ambient, folder, use_it).await?;
            Ok((made, Some(path)))
        }
    }
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

fn logins(config: &Config, outgoing: Arc<Outgoing>) -> Logins {
    let files = config.issuers.iter();
    let files = files.map(|file| (file.url.clone(), file.jwks_file.clone()));
    let logins = Logins::new(rules(config), outgoing);
    let logins = logins.with_key_files(files.collect());
    match &config.user_pools {
        None => logins,
        Some(key) => {
            let secret = SecretKey::new(key.secret_access_key.reveal().to_owned());
            logins.with_user_pool_key(key.access_key_id.clone(), secret)
        }
    }
}

fn rules(config: &Config) -> LoginRules {
    LoginRules {
        authorized_party_alone: config.logins.authorized_party_alone,
        max_lifetime: Duration::try_from(config.logins.max_token_lifetime)
            .unwrap_or(Duration::ZERO),
    }
}

fn outgoing(config: &Config) -> Result<Outgoing, StartError> {
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
        extra_roots,
    })?)
}
