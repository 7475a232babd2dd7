//! Wiring of the server: every part is made here, by hand.

mod error;
mod keys;
mod settings;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::task::JoinSet;

pub use self::error::StartError;
pub(super) use self::keys::{check_keys, configured_root_key, existing_master_key};
use self::keys::{key_rings, master_key, root_key};
use self::settings::logins;
pub(super) use self::settings::{outgoing, postgres_settings, shared_digest, user_pool_secret};
use super::App;
use super::access::unset_keys;
use super::deployment;
use super::jobs::Jobs;
use super::keys::guest_key;
use super::keys::in_use::KeysInUse;
use super::keys::last_use::LastUses;
use super::keys::rings;
use super::live_settings::LiveSettings;
use super::rates::Rates;
use super::records::{Records, moment};
use super::test_issuer;
use crate::ambient::Ambient;
use crate::blocking::WorkPools;
use crate::config::{Config, RootKeySetting};
use crate::credentials::SessionTokens;
use crate::store::Store;
use crate::store::catalog::{Catalog, Snapshot};
use crate::store::event::Origin;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::test_issuer::TestIssuer;
use crate::tokens::Tokens;

/// The opened server, and the files that were made for its operator.
pub struct Opened {
    /// The wired parts.
    pub app: App,
    /// The file with the root key, if one was made just now.
    pub new_root_key: Option<PathBuf>,
    /// The file with the master key, if one was made just now.
    pub new_master_key: Option<PathBuf>,
}

/// Opens the server with this configuration; `public_url` is the issuer of its tokens.
pub async fn open(
    config: Config,
    ambient: Arc<dyn Ambient>,
    public_url: String,
) -> Result<Opened, StartError> {
    make_data_directory(&config.data_dir)?;
    super::data_permissions::check(&config.data_dir, &config.master_key_file)?;
    let store: Arc<dyn Store> = match &config.database {
        None => {
            refuse_to_begin_anew(&config)?;
            Arc::new(SqliteStore::open_with_limit(
                &config.data_dir,
                config.limits.write_ahead_log,
            )?)
        }
        Some(database) => {
            let settings = postgres_settings(database);
            Arc::new(PostgresStore::open(&settings, Arc::clone(&ambient)).await?)
        }
    };
    let opened = open_with(config, ambient, public_url, Arc::clone(&store)).await;
    if opened.is_err() {
        // A start that fails must leave the files as they were.
        store.close().await;
    }
    opened
}

/// Opens the server with a store that is open.
pub async fn open_with(
    config: Config,
    ambient: Arc<dyn Ambient>,
    public_url: String,
    store: Arc<dyn Store>,
) -> Result<Opened, StartError> {
    let audit = super::audit::open(&config, &ambient)?;
    let catalog = Catalog::load(store.as_ref(), moment(ambient.as_ref())).await?;
    let before = catalog.newest();
    let test_issuer = test_issuer(&config, &public_url, &before)?;
    let (master_key, new_master_key) = master_key(&config, &before, ambient.as_ref())?;
    // Existing keys must open before any is added: a key made under a wrong master key would stay.
    check_keys(&before, &master_key)?;
    let changed = match config.dev {
        None => deployment::check(&config, &before)?,
        Some(_) => None,
    };
    let guests =
        guest_key::load_or_make(store.as_ref(), &before, &master_key, ambient.as_ref()).await?;
    let origin = Origin::of_server("Start", ambient.as_ref(), &guests);
    if let Some(changed) = changed {
        deployment::record(&changed, store.as_ref(), &origin).await?;
    }
    if config.drop_test_issuer {
        test_issuer::remove_all(store.as_ref(), &before, &origin).await?;
    }
    let parts = (store.as_ref(), &master_key, ambient.as_ref());
    let (configured, new_root_key) = root_key(&config, &before, parts, &origin).await?;
    let (signing, sealing) = key_rings(parts, &origin).await?;
    catalog
        .refresh(store.as_ref(), moment(ambient.as_ref()))
        .await?;
    let pools = WorkPools::for_this_machine();
    let tokens = Arc::new(Tokens::new(
        public_url,
        rings::signing_keys(&signing, &master_key)?,
        Arc::clone(&pools.signatures),
    ));
    let credentials = Arc::new(SessionTokens::new(rings::sealing_keys(
        &sealing,
        &master_key,
    )?));
    let keys = KeysInUse::new(
        Arc::clone(&tokens),
        Arc::clone(&credentials),
        master_key.clone(),
        configured,
        matches!(config.root, RootKeySetting::Generated),
        &catalog.newest(),
    );
    unset_keys::log(&catalog.newest());
    let settings = shared_digest(&config, tokens.issuer(), &master_key);
    let records = Arc::new(Records {
        settings: ArcSwap::from_pointee(settings),
        other_settings: AtomicU64::new(0),
        store,
        catalog,
        keys: Arc::new(keys),
        uses: LastUses::default(),
        is_staged: false,
        ambient: Arc::clone(&ambient),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&records).poll());
    let jobs = Arc::new(Jobs {
        records: Arc::clone(&records),
        ambient: Arc::clone(&ambient),
        guests: guests.clone(),
        server: ambient.uuid(),
        keep_events: config.events.keep,
    });
    tasks.spawn(Arc::clone(&jobs).run());
    let outgoing = Arc::new(outgoing(&config)?);
    let logins = logins(&config, Arc::clone(&outgoing), pools.clone());
    let app = App {
        rates: Arc::new(Rates::new(&config.limits, &ambient)),
        logins: Arc::new(match &test_issuer {
            None => logins,
            Some(own) => logins.with_own_issuer(own.url().to_owned(), own.key_set_text()),
        }),
        test_issuer,
        pools,
        live: Arc::new(LiveSettings::new(&config, outgoing)),
        tokens,
        credentials,
        records,
        ambient,
        config: Arc::new(config),
        audit,
        master_key,
        key_changes: Arc::default(),
        guests,
        jobs,
        tasks: Arc::new(Mutex::new(tasks)),
    };
    app.live.warn_of_routed_roles(&app.records.catalog.newest());
    Ok(Opened {
        app,
        new_root_key,
        new_master_key,
    })
}

/// The test issuer of `cognate dev`; `cognate serve` refuses data that depends on one, unless it may remove that.
fn test_issuer(
    config: &Config,
    public_url: &str,
    before: &Snapshot,
) -> Result<Option<Arc<TestIssuer>>, StartError> {
    if config.dev.is_some() {
        let issuer = TestIssuer::new(public_url, &config.dev_origins)?;
        return Ok(Some(Arc::new(issuer)));
    }
    if !config.drop_test_issuer {
        test_issuer::refuse(before)?;
    }
    Ok(None)
}

pub(super) fn make_data_directory(path: &Path) -> Result<(), StartError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| StartError::DataDirectory {
        path: path.into(),
        source,
    })
}

/// Refuses a data directory in which the database is gone while the master key that was made there remains.
fn refuse_to_begin_anew(config: &Config) -> Result<(), StartError> {
    let folder = &config.data_dir;
    let has_key = config.master_key_file.starts_with(folder) && config.master_key_file.exists();
    if has_key && SqliteStore::is_gone(folder) {
        return Err(StartError::DatabaseGone {
            folder: folder.clone(),
        });
    }
    Ok(())
}
