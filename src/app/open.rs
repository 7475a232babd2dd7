//! Wiring of the server: every part is made here, by hand.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::task::JoinSet;
use url::Url;
use zeroize::Zeroizing;

use super::App;
use super::access::unset_keys;
use super::deployment;
use super::jobs::{CLOCKS, Jobs};
use super::keys::access_keys::{self, AccessKeyError};
use super::keys::guest_key::{self, GuestKeyError};
use super::keys::in_use::KeysInUse;
use super::keys::last_use::LastUses;
use super::keys::rings::{self, KeysError, Ring};
use super::keys::root_key::{self, RootKey, RootKeyError};
use super::live_settings::LiveSettings;
use super::rates::Rates;
use super::records::{Records, moment};
use super::test_issuer;
use crate::ambient::Ambient;
use crate::audit::OpenAuditError;
use crate::blocking::WorkPools;
use crate::config::{AccessKeyPair, Config, DatabaseSettings, RootKeySetting, Secret};
use crate::credentials::SessionTokens;
use crate::logins::{LoginRules, Logins};
use crate::model::ids::AccountId;
use crate::model::key_ring::KeyRing;
use crate::outgoing::{Outgoing, OutgoingSettings, OutgoingSettingsError};
use crate::seal::master_key::{self, MasterKeyError};
use crate::seal::master_keys::MasterKeys;
use crate::sigv4::{SecretKey, hex_hash};
use crate::store::catalog::{Catalog, Snapshot};
use crate::store::event::Origin;
use crate::store::postgres::{OpenPostgresError, PostgresSettings, PostgresStore};
use crate::store::record::RecordKind;
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::store::{Store, StoreError};
use crate::test_issuer::{TestIssuer, TestKeyError};
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

/// Why the server can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory can't be created.
    #[error(
        "the data directory {path} can't be made: set --data-dir to one that can be written, or start cognate dev with \
         --ephemeral"
    )]
    DataDirectory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Other users of the machine have access to the data.
    #[error("{path} {problem} (mode {mode:04o}): run `chmod {change} {path}`")]
    Exposed {
        /// The directory or file.
        path: PathBuf,
        /// What other users may do.
        problem: &'static str,
        /// The mode of the directory or file.
        mode: u32,
        /// The change of the mode that helps.
        change: &'static str,
    },
    /// A file that the configuration names can't be read.
    #[error("{path} can't be read")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The audit log can't be opened.
    #[error(transparent)]
    Audit(#[from] OpenAuditError),
    /// The store can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database can't be opened.
    #[error(transparent)]
    OpenPostgres(#[from] OpenPostgresError),
    /// The master key is missing, and a server that shares a database never makes one.
    #[error(
        "there is no master key at {0}: servers that share a database share one master key. Make it once with \
         `cognate master-key make FILE`, copy it to each server, and set master_key_file (or COGNATE_MASTER_KEY)"
    )]
    NoMasterKey(PathBuf),
    /// The master key can't be read or made.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The key rings can't be read or made.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The root key can't be read or made.
    #[error(transparent)]
    RootKey(#[from] RootKeyError),
    /// The access keys can't be read.
    #[error(transparent)]
    AccessKeys(#[from] AccessKeyError),
    /// The database is gone. A new one would forget every identity without a word.
    #[error(
        "{folder} has a master key and has had a store, but its database is gone: restore a backup with `cognate restore FILE`. \
         To begin with an empty store instead, move the directory away"
    )]
    DatabaseGone {
        /// The data directory.
        folder: PathBuf,
    },
    /// A stored secret doesn't open under the master keys of the file.
    #[error(
        "a stored secret doesn't open under the keys in {0}: keep the old key in the file, in a line after the new one, until \
         `cognate master-key rotate` has sealed everything again"
    )]
    SealedUnderAnother(PathBuf),
    /// The stored data belongs to another account.
    #[error(
        "the data was made for the account {stored}, and this configuration has {configured}: every ARN in policies, pools and \
         other systems would be another one. Set account_id to {stored}, or start once with --accept-changed-account-id"
    )]
    ChangedAccount {
        /// The account of the data.
        stored: AccountId,
        /// The configured account.
        configured: AccountId,
    },
    /// The stored data was served under another public URL.
    #[error(
        "the data was served under {stored}, and this configuration has {configured}: tokens from before would be refused, and \
         every verifier and trust policy that names {stored} would refuse new ones. Set public_url to {stored}, or start once \
         with --accept-changed-public-url"
    )]
    ChangedPublicUrl {
        /// The public URL of the data.
        stored: String,
        /// The configured public URL.
        configured: String,
    },
    /// The root key is stored nowhere, and its file has one: the store is another one than the file's.
    #[error(
        "{file} has a root key, and the store has none: the file belongs to another store. Move it away; the server then makes a \
         new root key"
    )]
    OtherRootKey {
        /// The file.
        file: PathBuf,
    },
    /// The client for outgoing requests can't be made.
    #[error(transparent)]
    Outgoing(#[from] OutgoingSettingsError),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has the test issuer of `cognate dev`.
    #[error(
        "the store has the test issuer of cognate dev, {0}, at which anyone can sign in: start once with --drop-test-issuer \
         to remove it, or use a store that cognate dev never used"
    )]
    TestIssuer(String),
    /// Guests can't be named.
    #[error(transparent)]
    GuestKey(#[from] GuestKeyError),
    /// The test issuer has no key.
    #[error(transparent)]
    TestKey(#[from] TestKeyError),
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

/// The parts that make keys.
type KeyParts<'a> = (&'a dyn Store, &'a MasterKeys, &'a dyn Ambient);

/// Checks that the stored keys open under this master key.
pub(super) fn check_keys(stored: &Snapshot, master_key: &MasterKeys) -> Result<(), StartError> {
    root_key::read(stored, master_key)?;
    if let Some(ring) = rings::read(Ring::Signing, stored)? {
        rings::signing_keys(&ring, master_key)?;
    }
    if let Some(ring) = rings::read(Ring::Sealing, stored)? {
        rings::sealing_keys(&ring, master_key)?;
    }
    access_keys::unseal(stored, master_key)?;
    guest_key::read(stored, master_key)?;
    Ok(())
}

async fn key_rings(
    (store, master_key, ambient): KeyParts<'_>,
    origin: &Origin,
) -> Result<(KeyRing, KeyRing), KeysError> {
    let signing = rings::load_or_make(Ring::Signing, store, master_key, origin, ambient).await?;
    let sealing = rings::load_or_make(Ring::Sealing, store, master_key, origin, ambient).await?;
    Ok((signing, sealing))
}

pub(super) fn postgres_settings(database: &DatabaseSettings) -> PostgresSettings {
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

/// The digest of what all servers of a store should share: settings, and the master keys in their order.
pub(super) fn shared_digest(config: &Config, issuer: &str, master_key: &MasterKeys) -> String {
    let settings = config.shared_settings(issuer);
    let keys = master_key.fingerprints().join(" ");
    hex_hash(format!("{settings}{keys}").as_bytes())
}

/// The master key of a store that is there.
pub(super) fn existing_master_key(config: &Config) -> Result<MasterKeys, StartError> {
    match &config.master_key {
        Some(key) => Ok(parse_master_key(key)),
        None => Ok(master_key::read(&config.master_key_file)?),
    }
}

fn parse_master_key(key: &Secret) -> MasterKeys {
    master_key::parse(key.reveal()).expect("the configuration was checked")
}

/// The master key; a new one if there is none and nothing is sealed yet.
fn master_key(
    config: &Config,
    stored: &Snapshot,
    ambient: &dyn Ambient,
) -> Result<(MasterKeys, Option<PathBuf>), StartError> {
    if let Some(key) = &config.master_key {
        return Ok((parse_master_key(key), None));
    }
    let path = &config.master_key_file;
    match master_key::read(path) {
        Ok(key) => Ok((key, None)),
        Err(MasterKeyError::Missing(path)) if config.database.is_some() => {
            Err(StartError::NoMasterKey(path))
        }
        Err(MasterKeyError::Missing(_)) if !holds_secrets(stored) => {
            Ok((master_key::make(path, ambient)?.into(), Some(path.clone())))
        }
        Err(other) => Err(other.into()),
    }
}

fn holds_secrets(stored: &Snapshot) -> bool {
    [
        RecordKind::KeyRing,
        RecordKind::RootKey,
        RecordKind::AccessKey,
    ]
    .into_iter()
    .any(|kind| stored.has_any(kind))
}

/// The root key of the configuration.
pub(super) fn configured_root_key(key: &AccessKeyPair) -> RootKey {
    RootKey {
        id: key.access_key_id.clone(),
        secret: Zeroizing::new(key.secret_access_key.reveal().to_owned()),
    }
}

/// The configured root key, if there is one. Where the stored one is used and none is stored, one is made, and the file
/// that it was written to is returned.
async fn root_key(
    config: &Config,
    stored: &Snapshot,
    (store, master_key, ambient): KeyParts<'_>,
    origin: &Origin,
) -> Result<(Option<RootKey>, Option<PathBuf>), StartError> {
    match &config.root {
        RootKeySetting::Disabled => Ok((None, None)),
        RootKeySetting::Configured(key) => Ok((Some(configured_root_key(key)), None)),
        RootKeySetting::Generated => {
            let folder = &config.data_dir;
            if let Some(key) = root_key::read(stored, master_key)? {
                root_key::finish(folder, &key)?;
                return Ok((None, None));
            }
            let file = folder.join(root_key::FILE);
            if file.exists() {
                return Err(StartError::OtherRootKey { file });
            }
            let made = root_key::replace(store, stored, master_key, ambient, folder, origin).await;
            match made {
                Ok((_, path)) => Ok((None, Some(path))),
                // Another server of the store made it first.
                Err(RootKeyError::Changed) => Ok((None, None)),
                Err(other) => Err(other.into()),
            }
        }
    }
}

fn logins(config: &Config, outgoing: Arc<Outgoing>, pools: WorkPools) -> Logins {
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
pub(super) fn user_pool_secret(key: &AccessKeyPair) -> SecretKey {
    SecretKey::new(key.secret_access_key.reveal().to_owned())
}

pub(super) fn outgoing(config: &Config) -> Result<Outgoing, StartError> {
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
