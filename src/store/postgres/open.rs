//! Opening the store: the URL of the database, its certificate rules, and the schema.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Transaction;
use jiff::SignedDuration;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, IsolationLevel};
use zeroize::Zeroizing;

use super::batch::{BatchSize, Batches, Mode};
use super::connect::Connector;
use super::connections::{Connections, TimeBound, commit, within};
use super::migrate::migrate;
use super::transaction::{Runs, TransactionError};
use super::{PostgresStore, advice, load, run_once, tls, transact};
use crate::ambient::Ambient;
use crate::store::copy::{OpenPurpose, TransferError};
use crate::store::{Store, StoreError};

/// How long a connection attempt to one host lasts at most.
const CONNECT: Duration = Duration::from_secs(3);

/// How long the probe of a pooler lasts at most.
const PROBE_TIME: Duration = Duration::from_secs(20);

/// How the database is reached.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user@host1,host2/name?target_session_attrs=read-write`; it may hold a password.
    pub url: Zeroizing<String>,
    /// The file that the URL is from: it is read again at each connection, for its password.
    pub url_file: Option<PathBuf>,
    /// A file with the password, in addition to the URL. It is read at each connection, as the other files.
    pub password_file: Option<PathBuf>,
    /// A file with certificates (PEM) of the authorities of the database; `None` for the public ones.
    pub ca_file: Option<PathBuf>,
    /// The files with the client's certificate chain and private key (PEM).
    pub client_files: Option<(PathBuf, PathBuf)>,
    /// Whether an `sslmode` that doesn't verify the certificate is accepted beyond this machine.
    pub unverified: bool,
    /// How many connections this server has at most: 4 to 1000.
    pub connections: usize,
    /// How far the clocks of this server and of the database may be apart; `None` for tests with a clock of their own.
    pub clock_tolerance: Option<SignedDuration>,
    /// Whether transactions are SERIALIZABLE, instead of READ COMMITTED with locks.
    pub serializable: bool,
    /// Whether each question has a transaction of its own, on all connections: for `bench/store`.
    pub one_by_one: bool,
}

/// Why the store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenPostgresError {
    /// The URL is not one of a PostgreSQL database.
    #[error("database_url is not the URL of a PostgreSQL database: postgres://user@host/name")]
    Url,
    /// The connection would not be verified.
    #[error(
        "database_url has sslmode={0}, which does not verify the database's certificate. Use sslmode=verify-full, or \
         accept the risk in the configuration file: unsafe.unverified_database = true"
    )]
    SslMode(String),
    /// A file that the configuration names can't be read.
    #[error("{path} can't be read")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A certificate or a key can't be used.
    #[error("the TLS files of the database can't be used")]
    Tls(#[source] tls::TlsError),
    /// The settings don't fit together.
    #[error("the connections to the database can't be set up")]
    Settings(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// PgBouncer or another pooler loses prepared statements.
    #[error(
        "the pooler in front of the database does not keep prepared statements: PgBouncer in transaction mode needs \
         version 1.21 and max_prepared_statements above 0"
    )]
    Pooler(#[source] StoreError),
    /// The database has no store.
    #[error("there is no store in this database")]
    NoStore,
    /// The store is an unfinished copy, or was moved.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The database can't be reached, or refuses.
    #[error("the database can't be opened")]
    Store(#[from] StoreError),
}

impl PostgresStore {
    /// Opens the store, and makes or expands its tables. An unfinished copy and a store that was moved are refused.
    pub async fn open(
        settings: &PostgresSettings,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Self, OpenPostgresError> {
        Self::open_for(settings, ambient, OpenPurpose::Serve).await
    }

    /// Opens the store as [`PostgresStore::open`] does, for `purpose`.
    pub async fn open_for(
        settings: &PostgresSettings,
        ambient: Arc<dyn Ambient>,
        purpose: OpenPurpose,
    ) -> Result<Self, OpenPostgresError> {
        let (config, verify) = config(settings)?;
        let connector = Connector::new(settings, verify).await?;
        let isolation = if settings.serializable {
            IsolationLevel::Serializable
        } else {
            IsolationLevel::ReadCommitted
        };
        let server = ambient.uuid();
        let connections = settings.connections;
        let size = if settings.one_by_one {
            BatchSize {
                questions: 1,
                workers: connections,
            }
        } else {
            BatchSize::default()
        };
        let connections = Connections::new(&config, connector, connections, isolation, ambient)?;
        let connections = Arc::new(connections);
        if purpose.needs_store() {
            let bound = TimeBound::Maintenance;
            let found = transact!(connections, bound, Mode::Read, |tx| has_store(&tx));
            if !found.map_err(first_error)? {
                return Err(OpenPostgresError::NoStore);
            }
        }
        let migrated = transact!(connections, TimeBound::Maintenance, Mode::Change, |tx| {
            migrate(&tx)
        });
        migrated.map_err(first_error)?;
        let silent = |_| Err(StoreError::Unavailable(advice::SILENT.into()));
        let probed = timeout(PROBE_TIME, probe(&connections)).await;
        probed.unwrap_or_else(silent).map_err(first_error)?;
        let store = Self {
            reads: Batches::start(Arc::clone(&connections), Mode::Read, size),
            changes: Batches::start(Arc::clone(&connections), Mode::Change, size),
            connections,
            server,
            clock_tolerance: settings.clock_tolerance,
        };
        if purpose == OpenPurpose::Serve
            && let Some(mark) = store.transfer().await?
        {
            store.close().await;
            return Err(mark.refusal().into());
        }
        Ok(store)
    }
}

/// Whether the database has the tables of a store.
async fn has_store(tx: &Transaction<'_>) -> Result<bool, TransactionError> {
    let statement = "SELECT to_regclass('revision') IS NOT NULL";
    let row = tx.query_one(statement, &[]).await?;
    Ok(row.try_get(0)?)
}

/// Runs a prepared statement on one connection of this server while another of them is in a transaction: a pooler that gives
/// each transaction any connection to the database then gives it one on which the statement was not prepared.
async fn probe(connections: &Connections) -> Result<(), StoreError> {
    let (mode, bound) = (Mode::Read, TimeBound::Request);
    let run = async {
        let mut first = connections.client().await?;
        let mut second = connections.client().await?;
        let tx = connections.begin(&mut first, mode, bound).await?;
        load::query(&tx, PROBE, &[]).await?;
        commit(tx).await?;
        let busy = connections.begin(&mut second, mode, bound).await?;
        load::query(&busy, PROBE, &[]).await?;
        let tx = connections.begin(&mut first, mode, bound).await?;
        load::query(&tx, PROBE, &[]).await?;
        commit(tx).await?;
        commit(busy).await
    };
    match run.await {
        Ok(()) => Ok(()),
        Err(TransactionError::Failed(error)) => Err(error),
        Err(
            TransactionError::Conflict(cause)
            | TransactionError::Broken(cause)
            | TransactionError::Unknown(cause),
        ) => Err(StoreError::Unavailable(cause)),
    }
}

const PROBE: &str = "SELECT one FROM revision";

/// The error of the first statements: a pooler that loses prepared statements has an error of its own.
fn first_error(error: StoreError) -> OpenPostgresError {
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        let code = cause
            .downcast_ref::<tokio_postgres::Error>()
            .and_then(tokio_postgres::Error::code);
        if matches!(
            code,
            Some(&SqlState::INVALID_SQL_STATEMENT_NAME | &SqlState::DUPLICATE_PSTATEMENT)
        ) {
            return OpenPostgresError::Pooler(error);
        }
        source = cause.source();
    }
    error.into()
}

/// The settings of connections, and whether the database's certificate is verified.
fn config(settings: &PostgresSettings) -> Result<(Config, bool), OpenPostgresError> {
    let (url, mode) = without_ssl_mode(&settings.url);
    let mut config: Config = url.parse().map_err(|_| OpenPostgresError::Url)?;
    if !settings.url.starts_with("postgres") || config.get_hosts().is_empty() {
        return Err(OpenPostgresError::Url);
    }
    config.application_name("cognate");
    config.connect_timeout(CONNECT);
    config.keepalives_idle(Duration::from_secs(5));
    config.keepalives_interval(Duration::from_secs(2));
    config.keepalives_retries(3);
    config.tcp_user_timeout(Duration::from_secs(5));
    let local = config.get_hosts().iter().all(is_local);
    let (ssl, verify) = match mode.as_deref() {
        None if local => (SslMode::Prefer, false),
        None | Some("verify-full") => (SslMode::Require, true),
        Some("disable") if local || settings.unverified => (SslMode::Disable, false),
        Some("prefer") if local || settings.unverified => (SslMode::Prefer, false),
        Some("require") if local || settings.unverified => (SslMode::Require, false),
        Some(other) => return Err(OpenPostgresError::SslMode(other.to_owned())),
    };
    config.ssl_mode(ssl);
    Ok((config, verify))
}

/// Whether a host is this machine.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
    }
}

/// The URL without the parameter `sslmode`, because the library doesn't know its strict values, and its value.
pub(super) fn without_ssl_mode(url: &str) -> (Zeroizing<String>, Option<String>) {
    let Some((base, query)) = url.split_once('?') else {
        return (Zeroizing::new(url.to_owned()), None);
    };
    let mut mode = None;
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.strip_prefix("sslmode=") {
            Some(value) => mode = Some(value.to_owned()),
            None => rest.push(pair),
        }
    }
    let query = rest.join("&");
    let separator = if query.is_empty() { "" } else { "?" };
    (Zeroizing::new(format!("{base}{separator}{query}")), mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> PostgresSettings {
        PostgresSettings {
            url: Zeroizing::new(url.to_owned()),
            url_file: None,
            password_file: None,
            ca_file: None,
            client_files: None,
            unverified: false,
            connections: 8,
            clock_tolerance: None,
            serializable: false,
            one_by_one: false,
        }
    }

    #[test]
    fn beyond_this_machine_the_certificate_is_verified() {
        for (url, verified) in [
            ("postgres://u@127.0.0.1/d", false),
            ("postgres://u@localhost/d?sslmode=disable", false),
            ("postgres://u@%2Fvar%2Frun%2Fpostgresql/d", false),
            ("postgres://u@db.example/d", true),
            (
                "postgresql://u@a.example,b.example/d?sslmode=verify-full&target_session_attrs=read-write",
                true,
            ),
            ("postgres://u@localhost,db.example/d", true),
        ] {
            let (_, verify) = config(&settings(url)).unwrap();
            assert_eq!(verify, verified, "{url}");
        }
        for mode in ["disable", "prefer", "require", "verify-ca", "allow", ""] {
            let url = format!("postgres://u@db.example/d?sslmode={mode}");
            let refused = config(&settings(&url));
            assert!(
                matches!(refused, Err(OpenPostgresError::SslMode(_))),
                "{url}"
            );
        }
        let accepted = PostgresSettings {
            unverified: true,
            ..settings("postgres://u@db.example/d?sslmode=require")
        };
        assert!(!config(&accepted).unwrap().1);
    }

    #[test]
    fn another_url_is_refused() {
        for url in ["", "mysql://h/d", "host=h", "postgres:", "/tmp"] {
            let refused = config(&settings(url));
            assert!(matches!(refused, Err(OpenPostgresError::Url)), "{url}");
        }
    }
}
